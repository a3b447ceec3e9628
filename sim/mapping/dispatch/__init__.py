"""Which engine a region goes to, one strategy a file; see :mod:`sim.mapping.dispatch.policy`."""
