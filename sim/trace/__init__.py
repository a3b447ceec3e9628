"""Operator traces: what a model asks of a machine, without saying how the machine does it."""
