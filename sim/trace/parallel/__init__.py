"""Parallel execution of a trace on several chips: transformations from a trace to the trace of one chip of a group."""
