"""tilesim: event-driven, cycle-approximate simulation of machine-learning accelerators."""
