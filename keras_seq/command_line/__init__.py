"""The command line: `python -m keras_seq export`, `inspect` and `bench`."""

__all__: list[str] = []  # to be typed, not imported
