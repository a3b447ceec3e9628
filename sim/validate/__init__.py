"""Suites that hold the models against reference tables anyone can replace: each row is run by the simulator itself."""
