"""The commands of ``tilesim``, one module each."""
