"""Arrays in, numbers out: what this package knows of statistics. Knows no files, no network and no plots."""
