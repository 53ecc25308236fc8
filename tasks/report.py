"""The layout of a report: what a page is made of, and the page, one file that needs no other."""

import base64
import os
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import jinja2

TEMPLATE = "report.html"
_NUMBER = re.compile(r"–|nan|[-+]?[\d.,]+")


class ReportError(RuntimeError):
    """A report that cannot be made as asked; the message says what to do."""


@dataclass(frozen=True)
class Text:
    """A paragraph.

    Attributes:
        words: What it says.
        command: What is set apart below, its lines as they are: what to type in a shell, a sample.
    """

    kind: ClassVar = "text"
    words: str
    command: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under a head; columns of numbers are set to the right.

    Attributes:
        columns: Names of the columns.
        rows: The cells of each row; the first one names it.
        marked: Which rows stand out.
        shares: How strongly each cell is coloured, 0 to 1; () for none.
        caption: What is to be seen.
    """

    kind: ClassVar = "table"
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    marked: Collection[int] = ()
    shares: Sequence[Sequence[float]] = ()
    caption: str = ""

    @property
    def numbers(self) -> list[bool]:
        """Of each column, whether it has numbers alone."""
        columns = zip(*self.rows, strict=True) if self.rows else [()] * len(self.columns)
        return [all(map(_NUMBER.fullmatch, column)) for column in columns]


@dataclass(frozen=True)
class Picture:
    """A drawing.

    Attributes:
        svg: The drawing as an SVG file.
        meaning: What it shows, for those who cannot see it.
        caption: What is to be read below it.
        wide: Whether it keeps its size on a narrow screen, where it is scrolled.
    """

    svg: bytes
    meaning: str
    caption: str = ""
    wide: bool = False

    @property
    def source(self) -> str:
        """The file inside of an address, so that its names stay its own."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg).decode()}"


@dataclass(frozen=True)
class Pictures:
    """Pictures side by side where there is room."""

    kind: ClassVar = "pictures"
    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Quote:
    """A text of the data or of a model, and what is known of it.

    Attributes:
        words: The text.
        facts: Each fact in a few words.
    """

    words: str
    facts: Sequence[str] = ()


@dataclass(frozen=True)
class Quotes:
    """Texts below one another."""

    kind: ClassVar = "quotes"
    title: str
    quotes: Sequence[Quote]


Part = Text | Table | Pictures | Quotes


@dataclass(frozen=True)
class Section:
    """A part of the page with a title."""

    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Page:
    """All of a report.

    Attributes:
        title: Its first line.
        facts: What it is about: name and value of each fact.
        sections: What follows.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    sections: Sequence[Section]


def render(page: Page) -> str:
    """The page as HTML. Whatever comes from data is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE).render(page=page)


def shortened(text: str, limit: int = 400) -> str:
    """A text on one line; of a long one the beginning and the end, each half of the limit."""
    text = " ".join(text.split())
    if len(text) > limit:
        # Words are kept whole where there are spaces.
        begin = re.sub(r"\s\S{0,20}$", "", text[: limit // 2])
        end = re.sub(r"^\S{0,20}\s", "", text[-(limit // 2) :])
        text = f"{begin} […] {end}"
    # HTML has no control characters.
    return "".join("�" if unicodedata.category(c) == "Cc" else c for c in text)


def refuse_place(path: Path) -> None:
    """Looks whether a page can be written there, before the work that it takes.

    Raises:
        ReportError: It cannot, or the name is not that of a page.
    """
    # Nobody's model or data is overwritten by a slip.
    if path.suffix.lower() not in (".html", ".htm"):
        raise ReportError(f"A report is an HTML page: give --to a name in .html; got {path}.")
    if path.is_dir():
        raise ReportError(f"{path} is a folder; name a file in it, such as {path / 'report.html'}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _aside(path).touch()
        _aside(path).unlink()
    except OSError as error:
        raise _cannot(path, error) from None


def write(path: Path, html: str) -> None:
    """Writes a page aside, then renames it into place.

    Raises:
        ReportError: The operating system refused.
    """
    try:
        try:
            # A half of a surrogate pair, which JSON lets through, is no character.
            _aside(path).write_bytes(html.encode("utf-8", errors="replace"))
            os.replace(_aside(path), path)
        finally:
            _aside(path).unlink(missing_ok=True)
    except OSError as error:
        raise _cannot(path, error) from None


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.writing")


def _cannot(path: Path, error: OSError) -> ReportError:
    blocked = isinstance(error, (FileExistsError, NotADirectoryError))
    why = "what should be its folder is a file" if blocked else error.strerror
    return ReportError(f"Cannot write {path}: {why}. Name another file with --to.")
