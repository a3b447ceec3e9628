"""Residency of weights and caches in memory tiers: one policy per file, found by name (``policy.residency``)."""
