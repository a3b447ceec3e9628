"""Layouts of PIM command sets that have one of their own, one a file; see :mod:`sim.mapping.pim_layout`."""
