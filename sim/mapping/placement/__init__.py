"""Placement of tensors in tiers: one policy per file, found by name (``policy.placement``)."""
