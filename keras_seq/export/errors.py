"""The one exception that this package raises."""


class ExportError(RuntimeError):
    """An export was refused or could not be written; what was there before is untouched."""
