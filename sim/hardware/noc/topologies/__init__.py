"""Topologies of a routed fabric, one file each."""
