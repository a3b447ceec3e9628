"""What executes plans in a run, one kind a file; see :mod:`sim.run.engines.unit`."""
