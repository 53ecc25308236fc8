"""Symbols: exact round trips, the unknown one, words, and files that are damaged."""

import json

import numpy as np
import pytest

from keras_seq.data import DataError, Symbols

TEXT = "def f(x):\r\n\treturn  x\u00b2 # \u2028 \U0001f40d\n\n"


def test_characters_come_back_as_they_were():
    symbols = Symbols.fit(TEXT)
    assert symbols.decode(symbols.encode(TEXT)) == TEXT
    assert symbols.encode(TEXT).dtype == np.int32
    assert not symbols.unknown
    assert sorted(symbols.symbols) == sorted(set(TEXT))


def test_ids_go_by_falling_count():
    symbols = Symbols.fit("banana bandana\n")
    # a 6, n 4, b 2, then one each by code: line end, space, d.
    assert symbols.symbols == ("a", "n", "b", "\n", " ", "d")
    assert symbols.encode("dab\n").tolist() == [5, 0, 2, 3]


@pytest.mark.parametrize(("size", "kept"), [(2, "a"), (4, "anb"), (5, "anb\n")])
def test_rare_symbols_are_unknown(size, kept):
    symbols = Symbols.fit("banana bandana\n", size=size)
    assert symbols.unknown
    assert len(symbols) == size
    assert symbols.symbols[1:] == tuple(kept)
    wanted = [1 + kept.index(c) if c in kept else 0 for c in "dna"]
    assert symbols.encode("dna").tolist() == wanted
    assert symbols.decode([0, 1]) == "\u2047a"


def test_all_that_fit_are_kept():
    assert not Symbols.fit("banana bandana\n", size=6).unknown
    more = Symbols.fit("banana bandana\n", size=7, unknown=True)
    assert more.unknown
    assert len(more) == 7


def test_other_symbols_are_refused_by_name():
    symbols = Symbols.fit("abc")
    assert symbols.others("abz\u00e9 a") == [" ", "z", "\u00e9"]
    with pytest.raises(
        DataError, match=r"characters that the vocabulary of 3 does not, 3 in all: ' ', "
    ):
        symbols.encode("abz\u00e9 a")
    many = "".join(map(chr, range(200, 230)))
    with pytest.raises(DataError, match=r"30 in all: .*, …\. "):
        symbols.encode(many)


def test_words_and_line_ends():
    text = " the  dog \n\nsaw <unk>\nthe"
    symbols = Symbols.fit(text, "words")
    assert symbols.symbols == ("<eos>", "the", "<unk>", "dog", "saw")
    ids = symbols.encode(text)
    assert ids.tolist() == [1, 3, 0, 0, 4, 2, 0, 1]
    assert symbols.decode(ids) == "the dog\n\nsaw <unk>\nthe"
    assert symbols.encode("the dog\n").tolist() == [1, 3, 0]
    with pytest.raises(DataError, match=r"words .*, 1 in all: 'cat'"):
        symbols.encode("the cat")


def test_words_one_after_another():
    symbols = Symbols(["<eos>", "the", "dog"], "words")
    assert list(symbols.pieces([1, 2, 0, 1])) == ["the", " dog", "\n", "the"]
    assert list(symbols.pieces([1], before=2)) == [" the"]
    assert list(symbols.pieces([1], before=0)) == ["the"]
    whole = [1, 2, 2, 0, 0, 1]
    parts = [
        list(symbols.pieces([n], before=b)) for b, n in zip([None, *whole], whole, strict=False)
    ]
    assert "".join(piece for [piece] in parts) == symbols.decode(whole)


@pytest.mark.parametrize(
    ("symbols", "level", "start"),
    [
        (["a", "\n"], "characters", 1),
        (["b", "a"], "characters", 0),
        (["dog", "<eos>"], "words", 1),
        (["dog"], "words", 0),
    ],
)
def test_what_stands_before_a_text(symbols, level, start):
    assert Symbols(symbols, level).start == start
    assert Symbols(symbols, level, unknown=True).start == start + 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([],), "no symbols"),
        ((["a", "bc"],), "symbol 1 .*'bc'; give single characters"),
        ((["a", ""],), "symbol 1"),
        ((["a", "b", "a"],), "'a' 2 times"),
        ((["a", "b c"], "words"), "'b c'; give words without white space"),
        ((["a"], "syllables"), "level is 'syllables'; give one of characters, words"),
    ],
)
def test_vocabularies_that_are_none(arguments, words):
    with pytest.raises(DataError, match=words):
        Symbols(*arguments)


def test_texts_without_symbols():
    with pytest.raises(DataError, match="no words"):
        Symbols.fit(" \t ", "words")
    with pytest.raises(DataError, match="no characters"):
        Symbols.fit("")
    with pytest.raises(DataError, match="size is 1"):
        Symbols.fit("ab", size=1)
    with pytest.raises(DataError, match="level"):
        Symbols.fit("ab", "lines")


def test_ids_of_other_symbols():
    for ids in ([2], [-1]):
        with pytest.raises(DataError, match="outside 0 to 1"):
            Symbols(["a", "b"]).decode(ids)


@pytest.mark.parametrize("level", ["characters", "words"])
@pytest.mark.parametrize("unknown", [False, True])
def test_saved_and_loaded(level, unknown, tmp_path):
    symbols = Symbols.fit(TEXT, level, unknown=unknown)
    symbols.save(tmp_path / "new")
    loaded = Symbols.load(tmp_path / "new")
    assert loaded.symbols == symbols.symbols
    assert (loaded.level, loaded.unknown, loaded.start) == (level, unknown, symbols.start)
    assert loaded.encode(TEXT).tolist() == symbols.encode(TEXT).tolist()


def damaged(change):
    content = json.loads(Symbols(["a", "\n"], unknown=True).files()["symbols.json"])
    content.update(change)
    return json.dumps(content).encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged"),
        (b"[1, 2]", "damaged"),
        (b'{"version": 1}', "damaged"),
        (b"\xff\xfe", "damaged"),
        (damaged({"version": 2}), "version 2, 1 is the one known"),
        (damaged({"symbols": ["\u2047", "a", "a"]}), "'a' 2 times"),
        (damaged({"symbols": ["\u2047", "a"]}), "do not fit together"),
        (damaged({"symbols": ["a", "b", "\n"]}), "do not fit together"),
        (damaged({"symbols": 5}), "damaged"),
        (damaged({"symbols": ["\u2047", 5, 6]}), "damaged"),
        (damaged({"level": "lines"}), "level"),
        (damaged({"start_id": 1}), "do not fit together"),
    ],
)
def test_files_that_are_damaged(content, words, tmp_path):
    (tmp_path / "symbols.json").write_bytes(content)
    with pytest.raises(DataError, match=words) as raised:
        Symbols.load(tmp_path)
    assert "symbols.json" in str(raised.value)


def test_files_that_are_missing(tmp_path):
    with pytest.raises(DataError, match=r"symbols\.json cannot be read"):
        Symbols.load(tmp_path)
