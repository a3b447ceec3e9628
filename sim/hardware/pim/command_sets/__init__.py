"""PIM command sets, one file each, by name (``command_set:`` of a ``pim:`` section)."""
