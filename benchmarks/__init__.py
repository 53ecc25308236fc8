"""Measurements beside named peers; each script writes its section of docs/RESULTS.md."""

import os

# Before TensorFlow is imported: its start-up notes would stand between the figures.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
