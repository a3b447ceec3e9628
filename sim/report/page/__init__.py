"""``report.html``: one file with everything in it, which a browser opens from disk without a network."""
