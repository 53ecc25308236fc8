"""Reads pairs of texts from a table or from a folder of aligned files."""

import re
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from keras_seq.data.dataset import DataError
from keras_seq.data.parallel import ParallelTexts
from keras_seq.data.text_files import decode_text, unpacked

PAIR_ENDINGS = (".txt", ".tsv", ".gz", ".zip")
VALIDATION_NAMES = ("val", "valid", "validation", "dev")
DEFAULT_TEST_NAMES = ("test", "test_2016_flickr")  # the first one that is there


class PairParts(NamedTuple):
    """The parts that a source has; None where they are to be held out."""

    train: ParallelTexts
    validation: ParallelTexts | None
    test: ParallelTexts | None


def read_pair_table(path: Path, *, drop_empty: bool = False) -> ParallelTexts:
    r"""Reads a file of `source<TAB>target` lines, as Tatoeba's; further columns are left out.

    Args:
        path: The file, plain, .gz, or a .zip that holds one .txt or .tsv file.
        drop_empty: Leaves out pairs with an empty side in place of an error.

    Returns:
        The pairs, in the order of the lines.

    Raises:
        DataError: The file cannot be used; the message names it and the line.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "fra.txt"
        >>> _ = path.write_text("Go.\tVa !\tby A\nHi.\tSalut !\tby B\n")
        >>> read_pair_table(path).targets
        ['Va !', 'Salut !']
    """
    sources, targets, numbers = [], [], []
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        cells = line.split("\t")
        if len(cells) < 2:
            raise DataError(
                f"{path}, line {number}: no tab in {line[:40]!r}; write source<TAB>target."
            )
        sources.append(cells[0])
        targets.append(cells[1])
        numbers.append(f"line {number}")
    places = (f"{path}, column 1", f"{path}, column 2")
    return checked_pairs(sources, targets, places, numbers, drop_empty)


def read_aligned_folder(
    folder: Path,
    languages: tuple[str, str] | None,
    test_name: str | None = None,
    *,
    drop_empty: bool = False,
) -> PairParts:
    """Reads files whose lines are translations of each other, as Multi30k's.

    Args:
        folder: Holds `train.LANGUAGE`, and may hold such files of a validation part (val, valid,
            validation or dev) and of test parts (names that begin with test); each plain or .gz.
        languages: The source and the target language, as the files end.
        test_name: Which test part; by default `test`, else `test_2016_flickr`, else the only one.
        drop_empty: Leaves out pairs with an empty line in place of an error.

    Returns:
        The parts that are there.

    Raises:
        DataError: A file is missing or cannot be used, or the lines are not as many.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "train.de").write_text("Hund")
        >>> _ = (folder / "train.en").write_text("dog")
        >>> read_aligned_folder(folder, ("de", "en")).train
        ParallelTexts(sources=['Hund'], targets=['dog'])
    """
    files = _aligned_files(folder)
    if languages is None or languages[0] == languages[1] or set(languages) - set(files["train"]):
        raise DataError(
            f"{folder} holds the languages {', '.join(sorted(files['train']))}, asked for was "
            f"{'-'.join(languages) if languages else 'none'}; name two of them after the path, "
            f"such as {folder}:{'-'.join(sorted(files['train'])[:2])}."
        )

    def read(part: str | None) -> ParallelTexts | None:
        return None if part is None else _aligned_pair(folder, files, part, languages, drop_empty)

    # A part may be there for other languages alone.
    there = [part for part in files if set(languages) <= set(files[part])]
    validation = next((name for name in VALIDATION_NAMES if name in there), None)
    train = _aligned_pair(folder, files, "train", languages, drop_empty)
    return PairParts(train, read(validation), read(_test_part(folder, there, test_name)))


def _aligned_files(folder: Path) -> dict[str, dict[str, Path]]:
    """Gives the path of each language by part."""
    files: dict[str, dict[str, Path]] = {}
    known = "|".join(("train", "test[^.]*", *VALIDATION_NAMES))
    for path in sorted(folder.iterdir()):
        if found := re.fullmatch(rf"({known})\.(\w+?)(?:\.gz)?", path.name):
            # A plain file comes before its .gz, and is taken where both are there.
            files.setdefault(found[1], {}).setdefault(found[2], path)
    if len(files.get("train", {})) < 2:
        found_names = ", ".join(sorted(child.name for child in folder.iterdir())[:5]) or "nothing"
        raise DataError(
            f"{folder} holds no train.LANGUAGE files of two languages but {found_names}; put "
            "train.de and train.en there, for example (or train.de.gz and train.en.gz)."
        )
    return files


def _aligned_pair(
    folder: Path,
    files: dict[str, dict[str, Path]],
    part: str,
    languages: tuple[str, str],
    drop_empty: bool,
) -> ParallelTexts:
    paths = [files[part][language] for language in languages]
    sources, targets = (_lines(path) for path in paths)
    if len(sources) != len(targets):
        raise DataError(
            f"{paths[0]} has {len(sources)} lines, but {paths[1]} has {len(targets)}; line n of "
            "the one must be the translation of line n of the other."
        )
    places, numbers = (str(paths[0]), str(paths[1])), [f"line {n + 1}" for n in range(len(sources))]
    return checked_pairs(sources, targets, places, numbers, drop_empty)


def _test_part(folder: Path, there: list[str], asked: str | None) -> str | None:
    tests = [part for part in there if part.startswith("test")]
    if asked is not None:
        if asked not in tests:
            raise DataError(
                f"{folder} has no test part {asked!r} in these languages; there are: "
                f"{', '.join(tests) or 'none'}."
            )
        return asked
    named = next((name for name in DEFAULT_TEST_NAMES if name in tests), None)
    if named is None and len(tests) > 1:
        raise DataError(
            f"{folder} has the test parts {', '.join(tests)}; name one after the languages, such "
            f"as {folder}:LANGUAGES:{tests[0]}."
        )
    return named or (tests[0] if tests else None)


def checked_pairs(
    sources: Sequence[str],
    targets: Sequence[str],
    places: tuple[str, str],
    numbers: Sequence[str],
    drop_empty: bool,
) -> ParallelTexts:
    """Strips texts, and refuses or drops pairs with an empty side.

    Args:
        sources: Of each pair one.
        targets: Of each pair the other.
        places: Where the sources and the targets stand.
        numbers: Where in it each pair stands: "line 3".
        drop_empty: Leaves out pairs with an empty side in place of an error.

    Raises:
        DataError: A side is empty, or there are no pairs.
    """
    rows = list(zip(map(str.strip, sources), map(str.strip, targets), strict=True))
    kept = [row for row in rows if all(row)]
    if not kept:
        raise DataError(f"{places[0].removesuffix(', column 1')} holds no pairs; give some.")
    if len(kept) < len(rows) and not drop_empty:
        bad = next(n for n, row in enumerate(rows) if not all(row))
        place = places[0] if not rows[bad][0] else places[1]
        raise DataError(
            f"{place}, {numbers[bad]}: the text is empty ({len(rows) - len(kept)} such pairs in "
            "all); write it, remove the pair on both sides, or leave such pairs out with "
            "drop_empty=True."
        )
    return ParallelTexts([source for source, _ in kept], [target for _, target in kept])


def _lines(path: Path) -> list[str]:
    # Not splitlines: a text may hold other characters that it takes for line ends.
    # The end of a text, such as the other half of a Windows line end, is stripped later.
    lines = decode_text(_content(path), path).split("\n")
    return lines if lines[-1] else lines[:-1]


def _content(path: Path) -> bytes:
    if path.suffix != ".zip":
        return unpacked(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(_only_table(path, archive.namelist()))
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged ({error}); get it again.") from error


def _only_table(path: Path, names: Iterable[str]) -> str:
    # Archives carry notes beside the table, in files and folders that begin with _.
    tables = [name for name in names if re.search(r"^(?!.*(^|/)[_.]).*\.(txt|tsv)$", name)]
    if len(tables) != 1:
        raise DataError(
            f"{path} holds {len(tables)} .txt or .tsv files ({', '.join(names)}); expected is one: "
            "unpack the archive and give the path of one file."
        )
    return tables[0]
