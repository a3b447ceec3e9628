"""Schedulers: how many regions may be in flight, one policy per file, found by name (``policy.scheduler``)."""
