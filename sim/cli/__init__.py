"""The command line: one file per command in ``commands``; heavy imports stand inside the commands."""
