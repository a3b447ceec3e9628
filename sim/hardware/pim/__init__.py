"""Processing in memory: command sets as data, the engine that issues them under their constraints, and a checker."""
