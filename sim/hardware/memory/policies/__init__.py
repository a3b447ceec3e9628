"""Controller policies, one file each, by name (``policy:`` of a memory)."""
