"""Sources of running text: raw, in parts that share no file, refused by name."""

import gzip
import os
from types import MappingProxyType

import numpy as np
import pytest
import tensorflow_datasets as tfds

from keras_seq.data import DataError, load_language
from keras_seq.data.python_source import python_source

RAW = "".join(f"line {n}\r\n\tand  two \u00e4\u2028\n" for n in range(200))
LINES = ["no it was n't <unk>\n", " but while the new york stock\n", "N of it\n"]


def parts(texts):
    return texts.train, texts.validation, texts.test


@pytest.mark.parametrize("name", ["book.txt", "book.txt.gz", "book"])
def test_a_file_is_cut_as_it_is(name, tmp_path):
    content = RAW.encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    texts = load_language(path)
    assert "".join(parts(texts)) == RAW
    assert [len(part) / len(RAW) for part in parts(texts)] == pytest.approx(
        [0.9, 0.05, 0.05], abs=0.001
    )
    assert (texts.name, texts.own_test_part) == (str(path), False)
    assert texts.all_for_testing().test == RAW


def test_a_byte_order_mark_is_no_text(tmp_path):
    (tmp_path / "book.txt").write_bytes(b"\xef\xbb\xbf" + RAW.encode())
    assert load_language(tmp_path / "book.txt").train.startswith("line 0\r\n\t")


@pytest.fixture
def folder(tmp_path):
    """Sixty files in two folders, each with a name in its text, and what is left out."""
    place = tmp_path / "texts"
    (place / "inner").mkdir(parents=True)
    for n in range(60):
        path = place / ("inner" if n % 2 else ".") / f"file{n}.txt"
        path.write_bytes(f"<{n}>{'x' * (80 + n)}".encode())
    (place / "empty.txt").write_text("")
    (place / ".hidden").write_text("hidden")
    return place


def files_of(part):
    return [int(piece.split(">")[0]) for piece in part.split("<")[1:]]


def test_files_of_a_folder_are_whole_and_in_one_part(folder):
    texts = load_language(folder)
    found = [files_of(part) for part in parts(texts)]
    assert sorted(n for part in found for n in part) == list(range(60))
    assert all(2 <= len(part) <= 4 for part in found[1:])
    assert "".join(parts(texts)).count("\n") == 60  # each file ends its last line
    assert "hidden" not in "".join(parts(texts))
    for part in found:
        paths = [(folder / ("inner" if n % 2 else ".") / f"file{n}.txt").resolve() for n in part]
        assert paths == sorted(paths)


def test_the_seed_draws_the_files(folder):
    first, again, other = (load_language(folder, seed=seed).test for seed in (1, 1, 2))
    assert first == again != other


def test_a_large_file_is_trained_on(tmp_path):
    for name, size in (("a", 10), ("b", 4000), ("c", 20)):
        (tmp_path / f"{name}.txt").write_text(name * size)
    for seed in range(4):
        texts = load_language(tmp_path, seed=seed)
        assert texts.train == "b" * 4000 + "\n"
        assert {len(texts.validation), len(texts.test)} == {11, 21}


def test_files_that_none_fits(tmp_path):
    """Three files of a third each: one for each part."""
    for name in "abc":
        (tmp_path / name).write_text(name * 100 + "\n")
    found = {part[0] for part in parts(load_language(tmp_path))}
    assert found == set("abc")


def write_parts(folder, stem, lines, endings=("", "", "")):
    for part, line, ending in zip(("train", "valid", "test"), lines, endings, strict=True):
        content = line.encode()
        path = folder / f"{stem}.{part}.txt{ending}"
        path.write_bytes(gzip.compress(content) if ending else content)


def test_parts_by_name(tmp_path):
    write_parts(tmp_path, "ptb", LINES, (".gz", "", ".gz"))
    (tmp_path / "README").write_text("notes")
    texts = load_language(f"{tmp_path}/ptb")
    assert parts(texts) == tuple(LINES)
    assert texts.own_test_part


def test_characters_with_spaces_between_are_put_together(tmp_path):
    spaced = [
        "\n".join(" ".join(line.strip().replace(" ", "_")) for line in text.split("\n"))
        for text in LINES
    ]
    assert spaced[0].startswith("n o _ i t _ w a s _ n ' t _ < u n k >")
    write_parts(tmp_path, "ptb.char", spaced)
    wanted = tuple(line.strip() + "\n" for line in LINES)
    assert parts(load_language(f"{tmp_path}/ptb.char")) == wanted
    # One word of two characters, and all of it is kept as it is.
    spaced[2] = "ab _ c\n"
    write_parts(tmp_path, "other", spaced)
    assert parts(load_language(f"{tmp_path}/other")) == tuple(spaced)


def test_builtin_is_source_code_of_whole_modules():
    texts = load_language("builtin", characters=200_000)
    again = load_language("builtin", characters=200_000, seed=5)
    assert parts(texts) == parts(again)
    files = python_source(200_000)
    assert 150_000 < sum(map(len, files.values())) <= 200_000
    for text in (text for text in files.values() if len(text) > 200):
        assert sum(text.rstrip("\n") in part for part in parts(texts)) == 1
    sizes = [len(part) for part in parts(texts)]
    assert all(0.01 < size / sum(sizes) < 0.06 for size in sizes[1:])
    names = set(files)
    assert not any(name.split("/")[0] in ("test", "site-packages", "encodings") for name in names)
    assert set(python_source(100_000)) != names


def test_builtin_without_source(tmp_path):
    with pytest.raises(DataError, match="no source files"):
        python_source(1000, tmp_path)
    (tmp_path / "long.py").write_text("x = 1\n" * 1000)
    with pytest.raises(DataError, match="in place of 'builtin'"):
        python_source(1000, tmp_path)
    (tmp_path / "bad.py").write_bytes(b"\xff")
    (tmp_path / "good.py").write_bytes(b"x = 1\r\n")
    assert python_source(1000, tmp_path) == {"good.py": "x = 1\r\n"}


class Tiny(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")
    parts = MappingProxyType({})
    features = MappingProxyType({"text": tfds.features.Text()})

    def _info(self):
        features = tfds.features.FeaturesDict(dict(self.features))
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {part: self._generate_examples(rows) for part, rows in self.parts.items()}

    def _generate_examples(self, rows):
        yield from ((n, {"text": row}) for n, row in enumerate(rows))


class TinyPlay(Tiny):
    parts = MappingProxyType({"train": [RAW], "validation": ["to\tbe\r"], "test": ["or not"]})


class TinyVerses(Tiny):
    parts = MappingProxyType({"train": [f"verse {n}" for n in range(100)]})


class TinyNumbers(Tiny):
    features = MappingProxyType({"text": np.int64})
    parts = MappingProxyType({"train": [1]})


def test_tfds(tmp_path):
    texts = load_language("tfds:tiny_play", data_dir=tmp_path)
    assert parts(texts) == (RAW, "to\tbe\r", "or not")
    assert (texts.name, texts.own_test_part) == ("tfds:tiny_play", True)


def test_tfds_of_many_texts_and_one_part(tmp_path):
    texts = load_language("tfds:tiny_verses", data_dir=tmp_path)
    whole = "".join(parts(texts))
    assert sorted(whole.splitlines()) == sorted(f"verse {n}" for n in range(100))
    assert not texts.own_test_part
    assert [len(part) / len(whole) for part in parts(texts)] == pytest.approx(
        [0.9, 0.05, 0.05], abs=0.005
    )


class TestRefused:
    """With the place, what is wrong and what to do."""

    def check(self, source, *words, **options):
        with pytest.raises(DataError) as raised:
            load_language(source, **options)
        for word in words:
            assert str(word) in str(raised.value)

    def test_nothing_there(self, tmp_path):
        self.check("builtn", "'builtn'", "'builtin'", "tfds:NAME", "FOLDER/NAME")
        self.check(tmp_path / "none.txt", "none.txt")
        self.check(tmp_path / "none" / "ptb", "ptb")
        self.check("", "''")
        self.check("tfds:", "'tfds:'")
        self.check("tfds:no_such_play", "no_such_play", data_dir=tmp_path)

    def test_tfds_without_text(self, tmp_path):
        self.check("tfds:tiny_numbers", "no text", "tiny_shakespeare", data_dir=tmp_path)

    @pytest.mark.parametrize("content", [b"", b" \n\t\n"])
    def test_empty_files(self, content, tmp_path):
        (tmp_path / "a.txt").write_bytes(content)
        self.check(tmp_path / "a.txt", "a.txt is empty")

    def test_files_that_are_no_utf8(self, folder):
        (folder / "inner" / "photo.jpg").write_bytes(b"one\n\xff\xd8")
        self.check(folder, os.path.join("inner", "photo.jpg"), "line 2", "0xff", "UTF-8")
        self.check(folder / "inner" / "photo.jpg", "photo.jpg", "UTF-8")

    def test_damaged_archives(self, tmp_path):
        path = tmp_path / "book.txt.gz"
        path.write_bytes(gzip.compress(RAW.encode())[:-9])
        self.check(path, "book.txt.gz is damaged")
        path.write_bytes(b"plain text")
        self.check(path, "book.txt.gz is damaged")

    def test_a_part_without_text(self, tmp_path):
        (tmp_path / "short.txt").write_text("abc")
        self.check(tmp_path / "short.txt", "validation part holds no text")

    def test_folders_with_too_few_files(self, tmp_path):
        self.check(tmp_path, "holds no files")
        for name in ("a", "b"):
            (tmp_path / name).write_text(name)
        self.check(tmp_path, tmp_path, "2 files", "three or more")

    def test_a_folder_of_named_parts(self, tmp_path):
        write_parts(tmp_path, "ptb", LINES)
        self.check(tmp_path, "ptb.train.txt", tmp_path / "ptb")
        (tmp_path / "ptb.valid.txt").unlink()
        self.check(tmp_path / "ptb", "ptb.valid.txt", "there are ptb.test.txt, ptb.train.txt")
