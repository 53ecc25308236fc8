"""The command line: `python -m keras_seq export`, `inspect` and `bench`."""

from keras_seq.command_line.start_up import quiet

__all__ = ["quiet"]
