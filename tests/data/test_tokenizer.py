import json
import os
import re
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.data import DataError, Tokenizer

TRICKY = [
    "Good<br /><br />film!",
    "<B>bold</B> 3 < 4 and 5 > 2 <3 <!-- x --> <a\nhref='u'>link</a",
    "I don't, I don\u2019t, \u2018quoted\u2019 'tis rock'n'roll",
    "10/10!!! $5.99 50% a_b c-d e\u2013f (g) [h] [PAD] [UNK] \\n",
    "CAF\u00c9 cafe\u0301 na\u00efve STRA\u00dfE \u0130stanbul \u039f\u0394\u039f\u03a3 \u01c5",
    "\U0001f600\U0001f44d\U0001f3fd \u2764\ufe0f \U0001f468\u200d\U0001f469 ok\U0001f600ok",
    "\u7535\u5f71\u5f88\u597d\uff0c\u6620\u753b\u306f\u30b9\u30b4\u30a4\uff01",
    "\ud55c\uad6d\uc5b4 film\u7684",
    "\u0627\u0644\u0641\u064a\u0644\u0645",
    "\u0939\u093f\u0928\u094d\u0926\u0940 \u0e20\u0e32\u0e29\u0e32",
    "no\u00a0break thin\u2009space line\u2028end\u3000wide",
    "tab\ttab\r\nline\x0bup\x00nul\x85next\u200bzero",
    "x\u00b2 \u00bd \u0663\u0664 \u2167 \u00aa",
    "",
    "   \t\n ",
    "'",
    "!",
    "\ufeffbom \ufffd",
]


def tokens_by_specification(text, rules):
    """Follows the steps of tokenizer.json with nothing but Python strings."""
    spaces, letters = (tuple(rules[f"{kind}_categories"]) for kind in ("space", "word"))
    text = "".join(" " if unicodedata.category(c).startswith(spaces) else c for c in text)
    text = re.sub(rules["tag_pattern"], " ", text.lower())
    for apostrophe in rules["apostrophes"]:
        text = text.replace(apostrophe, "'")
    pieces = []
    for character in text:
        number, category = ord(character), unicodedata.category(character)
        alone = any(first <= number <= last for first, last in rules["lone_character_ranges"])
        inside = character in " '" or category.startswith(letters)
        pieces.append(character if inside and not alone else f" {character} ")
    return "".join(pieces).split()


def ids_by_specification(text, files):
    rules = json.loads(files["tokenizer.json"])
    words = files["vocabulary.txt"].removesuffix("\n").split("\n")
    ids = {word: number for number, word in enumerate(words)}
    tokens = tokens_by_specification(text, rules)
    count = rules["max_length"]
    tokens = tokens[:count] if rules["keep"] == "start" else tokens[-count:]
    return [ids.get(token, rules["unknown_id"]) for token in tokens]


@pytest.fixture
def tokenizer():
    return Tokenizer(["good", "not", "film", "!", "a", "bad"], max_length=5, keep="end")


@pytest.mark.parametrize("keep", ["start", "end"])
@pytest.mark.parametrize("max_length", [3, 10_000])
def test_ids_are_those_of_the_specification(keep, max_length):
    many = " ".join(f"w{n % 997}" for n in range(100_000))
    fitted = Tokenizer.fit(TRICKY[::2] * 2 + TRICKY, max_length=max_length, keep=keep)
    texts = [*TRICKY, many, *(text[::-1] for text in TRICKY), *(text.upper() for text in TRICKY)]
    ids = fitted.encode(texts).to_list()
    files = fitted.files()
    for text, row in zip(texts, ids, strict=True):
        assert row == ids_by_specification(text, files), text
    assert any(1 in row for row in ids)


def test_random_characters_give_the_ids_of_the_specification():
    random = np.random.default_rng(0)
    blocks = [(0x20, 0x7F), (0xA0, 0x250), (0x370, 0x500), (0x2000, 0x2070), (0x3000, 0x3100)]
    texts = [
        "".join(chr(random.integers(*blocks[random.integers(len(blocks))])) for _ in range(80))
        for _ in range(200)
    ]
    # Characters that Unicode had not assigned yet may be known to one side only.
    texts = ["".join(c for c in text if unicodedata.category(c) != "Cn") for text in texts]
    fitted = Tokenizer.fit(texts[:100], max_length=50)
    for text, row in zip(texts, fitted.encode(texts).to_list(), strict=True):
        assert row == ids_by_specification(text, fitted.files()), text


def test_rules_by_hand():
    fitted = Tokenizer.fit(["Isn\u2019t it <br/>GREAT?! 10/10"])
    assert sorted(fitted.words[2:]) == sorted(["isn't", "it", "great", "?", "!", "10", "/"])
    assert fitted.words[2] == "10"  # the only one that comes twice


def test_vocabulary_is_by_falling_count_then_by_alphabet():
    texts = ["b b b", "a c c \u00e9", "Z a c \u00e9"]
    assert Tokenizer.fit(texts).words == ("[PAD]", "[UNK]", "b", "c", "a", "\u00e9", "z")
    assert Tokenizer.fit(texts, max_words=3).words[2:] == ("b", "c", "a")
    assert Tokenizer.fit(texts, min_count=3).words[2:] == ("b", "c")
    assert len(Tokenizer.fit(texts, max_words=3)) == 5


def test_vocabulary_counts_what_is_cut():
    assert "early" in Tokenizer.fit(["early early late"], max_length=1, keep="end").words


def test_fit_and_encode_take_any_number_of_texts():
    words = [f"w{n:04}" for n in range(5_000)]
    fitted = Tokenizer.fit(f"{word} all" for word in words)
    assert fitted.words[2:] == ("all", *words)
    assert fitted.encode(reversed(words)).to_list() == [[n] for n in range(5_002, 2, -1)]


@pytest.mark.parametrize("options", [{"max_words": 0}, {"min_count": 9}])
def test_fit_refuses_to_be_left_without_words(options):
    with pytest.raises(DataError, match="no word is left of 2 distinct ones"):
        Tokenizer.fit(["a b"], **options)


def test_encode_of_nothing_has_no_rows(tokenizer):
    ids = tokenizer.encode([])
    assert (ids.nrows(), ids.dtype, ids.ragged_rank) == (0, tf.int32, 1)


def test_call_works_in_a_graph(tokenizer):
    in_graph = tf.function(tokenizer, input_signature=[tf.TensorSpec([None], tf.string)])
    ids = in_graph(tf.constant(["not good", "", "not a x good film!"]))
    assert ids.to_list() == [[3, 2], [], [6, 1, 2, 4, 5]]
    assert ids.dtype == tf.int32


@pytest.mark.parametrize(("keep", "kept"), [("start", [2, 3]), ("end", [4, 5])])
def test_pad_keeps_the_side_that_keep_names(keep, kept):
    cutting = Tokenizer(["a", "b", "c", "d"], keep=keep)
    ids, mask = cutting.pad(cutting(tf.constant(["a b c d", "", "c"])), length=2)
    np.testing.assert_array_equal(ids, [kept, [0, 0], [4, 0]])
    np.testing.assert_array_equal(mask, [[True, True], [False, False], [True, False]])
    assert (ids.dtype, mask.dtype) == (tf.int32, tf.bool)


def test_pad_has_at_least_one_step(tokenizer):
    ids, mask = tf.function(lambda texts: tokenizer.pad(tokenizer(texts)))(tf.constant(["", ""]))
    assert ids.numpy().tolist() == [[0], [0]]
    assert mask.numpy().tolist() == [[False], [False]]


def test_decode_leaves_padding_out(tokenizer):
    ids = tokenizer(tf.constant(["not good", "", "never a good film"]))
    words = [["not", "good"], [], ["[UNK]", "a", "good", "film"]]
    assert tokenizer.decode(ids) == words
    assert tokenizer.decode(tokenizer.pad(ids, 7)[0]) == words


@pytest.mark.parametrize("number", [-1, 8])
def test_decode_refuses_other_ids(tokenizer, number):
    with pytest.raises(DataError, match=f"id {number} is outside 0 to 7"):
        tokenizer.decode([[2, number]])


WRONG = {
    "empty": ({"vocabulary": ["a", ""]}, "word 1 of the vocabulary is ''"),
    "space": ({"vocabulary": ["a b"]}, "word 0 of the vocabulary is 'a b'"),
    "special": ({"vocabulary": ["[PAD]", "a"]}, r"'\[PAD\]'.*come by themselves"),
    "twice": ({"vocabulary": ["a", "b", "a"]}, "'a' 2 times"),
    "length": ({"vocabulary": ["a"], "max_length": 0}, "max_length is 0"),
    "keep": ({"vocabulary": ["a"], "keep": "middle"}, "keep is 'middle'"),
}


@pytest.mark.parametrize(("options", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        Tokenizer(**options)


def test_save_and_load(tmp_path):
    fitted = Tokenizer.fit(TRICKY, max_length=17, keep="start")
    fitted.save(tmp_path / "new" / "folder")
    loaded = Tokenizer.load(tmp_path / "new" / "folder")
    assert loaded.files() == fitted.files()
    assert loaded.encode(TRICKY).to_list() == fitted.encode(TRICKY).to_list()
    lines = (tmp_path / "new/folder/vocabulary.txt").read_bytes().decode().split("\n")
    assert lines == [*fitted.words, ""]


def edited(**changes):
    return lambda text: json.dumps({**json.loads(text), **changes})


DAMAGE = {
    "no vocabulary": ("vocabulary.txt", None, "vocabulary.txt cannot be read"),
    "no rules": ("tokenizer.json", None, "tokenizer.json cannot be read"),
    "cut vocabulary": ("vocabulary.txt", lambda text: text[:-5], "holds 7 lines.*not 8 lines"),
    "shifted": ("vocabulary.txt", lambda text: text[6:] + "x\n", "holds 8 lines from"),
    "blank word": ("vocabulary.txt", lambda text: text.replace("film", ""), "is ''"),
    "not json": ("tokenizer.json", lambda text: text[:40], "damaged.*JSONDecodeError"),
    "other json": ("tokenizer.json", lambda text: "[1]", "damaged"),
    "key": ("tokenizer.json", lambda text: text.replace("keep", "hold"), "KeyError: 'keep'"),
    "version": ("tokenizer.json", edited(version=2), "version 2"),
    "other rules": ("tokenizer.json", edited(unknown_id=0), "differ from version 1"),
    "keep": ("tokenizer.json", edited(keep="all"), "keep is 'all'"),
    "length": ("tokenizer.json", edited(max_length="9"), "max_length is '9'"),
}


@pytest.mark.parametrize(("name", "damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damaged_files_are_refused(tokenizer, tmp_path, name, damage, message):
    tokenizer.save(tmp_path)
    path = tmp_path / name
    if damage is None:
        path.unlink()
    else:
        path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        Tokenizer.load(tmp_path)


def test_vocabulary_that_is_not_utf_8_is_refused(tokenizer, tmp_path):
    tokenizer.save(tmp_path)
    (tmp_path / "vocabulary.txt").write_bytes(b"[PAD]\n\xff\n")
    with pytest.raises(DataError, match=r"vocabulary\.txt is damaged"):
        Tokenizer.load(tmp_path)


LOADER = """
import json, sys
sys.modules["keras_seq"] = None
import tensorflow as tf
served = tf.saved_model.load(sys.argv[1]).serve(tf.constant(json.loads(sys.argv[2])))
print(json.dumps([part.numpy().tolist() for part in served]))
"""


def test_saved_model_needs_no_keras_seq(tmp_path):
    fitted = Tokenizer.fit(TRICKY[::2], max_length=6)
    module = tf.Module()
    module.tokenizer = fitted
    module.serve = tf.function(
        lambda texts: fitted.pad(fitted(texts)), input_signature=[tf.TensorSpec([None], tf.string)]
    )
    tf.saved_model.save(module, str(tmp_path / "model"))
    texts = [text for text in TRICKY if "\x00" not in text]
    answer = subprocess.run(
        [sys.executable, "-c", LOADER, str(tmp_path / "model"), json.dumps(texts)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    ids, mask = json.loads(answer.stdout.splitlines()[-1])
    expected = fitted.encode(texts).to_list()
    assert [row[: sum(real)] for row, real in zip(ids, mask, strict=True)] == expected
