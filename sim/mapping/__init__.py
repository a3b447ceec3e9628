"""Mapping: from operators on a machine to plans - regions, tiles, loop order, placement of tensors."""
