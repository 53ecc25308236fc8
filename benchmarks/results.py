"""Writes measured figures into docs/RESULTS.md, so that no hand does."""

import os
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "docs" / "RESULTS.md"
_HEADER = (
    "# Results\n\nEach section is written by the command it names. Accuracies are on the official "
    "test split, options are tuned on validation data. CHANGELOG.md tells where a test split was "
    "looked at again with other options.\n"
)


def write_section(name: str, command: str, body: str, path: Path = RESULTS) -> None:
    """Replaces the section of that name, or adds it at the end.

    Args:
        name: Title of the section.
        command: The command that measured it.
        body: Markdown.
        path: The file.
    """
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->\n"
    text = path.read_text(encoding="utf-8") if path.exists() else _HEADER
    section = f"{begin}\n## {name}\n\n`{command}`, {_machine()}.\n\n{body.strip()}\n\n{end}"
    before, found, rest = text.partition(begin)
    after = rest.partition(end)[2] if found else ""
    separator = "" if found else "\n"
    path.write_text(f"{before}{separator}{section}{after}", encoding="utf-8")


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def mean_and_range(values: Sequence[float], digits: int) -> str:
    """The mean, and in brackets the range where there are several values."""
    mean, low, high = (f"{f(values):.{digits}f}" for f in (statistics.mean, min, max))
    return f"{mean} ({low}–{high})" if len(values) > 1 else mean


def text_cell(text: str) -> str:
    """Text as a cell of a table, in one line."""
    return " ".join(text.split()).replace("|", "\\|") or "(nothing)"


def _machine() -> str:
    packages = ", ".join(f"{p} {version(p)}" for p in ("tensorflow", "keras", "ai-edge-litert"))
    return (
        f"{os.cpu_count()} cores ({_processor()}), Python {platform.python_version()}, {packages}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
