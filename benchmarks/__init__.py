"""Measurements beside named peers; each script writes its section of docs/RESULTS.md."""
