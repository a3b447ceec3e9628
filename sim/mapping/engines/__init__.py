"""What can execute regions, one kind a file; see :mod:`sim.mapping.engines.engine`."""
