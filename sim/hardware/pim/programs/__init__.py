"""Generators of command streams for PIM command sets, and the front ends that run them."""
