"""Finished runs of a benchmark, a JSON line each, so that one that was killed goes on."""

import json
import os
from pathlib import Path
from typing import Any

Settings = dict[str, Any]


class Journal:
    """Results on disk, each found again by all the settings of its run.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._found: dict[str, Any] = {}
        self._torn = False  # whether the file ends within a line
        if self.path.exists():
            text = self.path.read_text(encoding="utf-8")
            self._torn = bool(text) and not text.endswith("\n")
            for line in text.splitlines():
                self._read(line)

    def _read(self, line: str) -> None:
        try:
            entry = json.loads(line)
            self._found[_key(entry["settings"])] = entry["result"]
        except (json.JSONDecodeError, KeyError, TypeError):
            return  # what a killed process left half written: its run is done again

    def find(self, settings: Settings) -> Any:
        """The result of the run with these settings; None if it is not finished."""
        return self._found.get(_key(settings))

    def add(self, settings: Settings, result: Any) -> None:
        """Appends a finished run, on disk when this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"settings": settings, "result": result}) + "\n"
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(f"\n{line}" if self._torn else line)
            file.flush()
            os.fsync(file.fileno())
        self._torn = False
        self._read(line)


def _key(settings: Settings) -> str:
    return json.dumps(settings, sort_keys=True)
