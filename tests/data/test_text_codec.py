import json
import os
import random
import subprocess
import sys
import time
import unicodedata
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.data import DataError, TextCodec, load_pairs
from keras_seq.data.codec_rules import RULES

KINDS = ("subwords", "words", "characters")
TRICKY = [
    "The dog's bowl isn't the dogs\u2019 bowl, is it?! (No.)",
    "low lower lowest new newer newest wide wider widest",
    "[PAD] [UNK] [START] [END] \\n \\t \"quoted\" 'single' <s>",
    "caf\u00e9 cafe\u0301 na\u00efve STRA\u00dfE \u0130stanbul \u039f\u0394\u039f\u03a3 \u01c5",
    "\U0001f600\U0001f44d\U0001f3fd \u2764\ufe0f \U0001f468\u200d\U0001f469 ok\U0001f600ok",
    "\u6211\u4e0d\u5728\u4e4e\u662f\u5426\u4e0b\u96ea\u3002\u4f60\u5462\uff1f",
    "two  spaces\u00a0and\u2028a\tline\u0000nul \u2581marker\u2581",
    "\u0645\u0631\u062d\u0628\u0627 \u0928\u092e\u0938\u094d\u0924\u0947 \u2585block",
    "",
    "  \t ",
]


def ids_by_specification(text, files):
    """Encodes by what the files of a codec say, in plain Python."""
    rules = json.loads(files["codec.json"])
    pieces = files["codec.vocabulary.txt"].removesuffix("\n").split("\n")
    number = {piece: n for n, piece in enumerate(pieces) if n > 3}
    marker, unknown = rules["marker"], rules["unknown_id"]
    blank = [c == marker or is_of(c, rules["space_categories"]) for c in text]
    text = " ".join("".join(" " if b else c for c, b in zip(text, blank, strict=True)).split(" "))
    text = " ".join(word for word in text.split(" ") if word)
    text = text.lower() if rules["lowercase"] else text
    if rules["kind"] == "characters":
        return [number.get(c, unknown) for c in text.replace(" ", marker)]
    ids = []
    for word in text.split():
        if rules["kind"] == "words":
            ids += [number.get(piece, unknown) for piece in cut_word(marker + word)]
        else:
            ids += longest_pieces(marker + word, number, unknown)
    return ids


def is_of(character, categories):
    return any(unicodedata.category(character).startswith(category) for category in categories)


def cut_word(word):
    """Cuts at each change between word characters (and apostrophes within) and others."""
    marker, rest = word[0], word[1:]
    inner = [is_of(c, "LMN") for c in rest]
    for place in range(1, len(rest) - 1):
        inner[place] |= (
            rest[place] in "'\u2019" and inner[place - 1] and is_of(rest[place + 1], "LMN")
        )
    cut, start = [], 0
    for place in range(1, len(rest) + 1):
        if place == len(rest) or not (inner[place] and inner[place - 1]):
            cut.append(rest[start:place])
            start = place
    return [marker + cut[0], *cut[1:]]


def longest_pieces(word, number, unknown):
    ids = []
    while word:
        piece = next((word[:n] for n in range(len(word), 0, -1) if word[:n] in number), None)
        if piece is not None or ids[-1:] != [unknown]:
            ids.append(number.get(piece, unknown))
        word = word[len(piece or "x") :]
    return ids


def random_texts(count, seed):
    draw = random.Random(seed)
    blocks = [(0x20, 0x7F)] * 4 + [
        (0x2000, 0x2070),
        (0x300, 0x330),
        (0x4E00, 0x4E30),
        (0x2580, 0x2590),
    ]
    blocks += [(0x400, 0x430), (0x1F600, 0x1F620), (0xA0, 0x180), (0, 0x20)]
    return [
        "".join(chr(draw.randrange(*draw.choice(blocks))) for _ in range(draw.randrange(60)))
        for _ in range(count)
    ]


def by_python(texts, lowercase):
    """Normalised texts."""
    clean = [
        "".join(" " if is_of(c, ("Z", "Cc")) or c == "\u2581" else c for c in text)
        for text in texts
    ]
    clean = [" ".join(word for word in text.split(" ") if word) for text in clean]
    return [text.lower() if lowercase else text for text in clean]


def decoded(tensor):
    return [text.decode() for text in tensor.numpy().reshape(-1)]


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_those_of_the_specification_and_known_texts_come_back(kind, lowercase):
    texts = TRICKY + random_texts(300, seed=1)
    fitted = TextCodec.fit(texts, kind, size=5_000, lowercase=lowercase)
    assert decoded(fitted.decode(fitted.encode(texts))) == by_python(texts, lowercase)
    assert decoded(fitted.normalise(texts)) == by_python(texts, lowercase)
    poor = TextCodec.fit(
        TRICKY[:3] + texts[20:50], kind, size=300, min_count=2, lowercase=lowercase
    )
    for codec in (fitted, poor):
        rows = codec.encode(texts).to_list()
        for text, row in zip(texts, rows, strict=True):
            assert row == ids_by_specification(text, codec.files()), text
        unknown = sum(number == 1 for row in rows for number in row)
        assert (unknown > 50) == (codec is poor)
        assert not {0, 2, 3} & {number for row in rows for number in row}


def test_subwords_by_hand():
    codec = TextCodec(["\u2581", "\u2581lo", "lo", "low", "we", "r", "\u2581lowe", "\u4e0d\u5728"])
    cases = {
        "lower": ["\u2581lowe", "r"],  # longer than what learned joins would give
        "lolow": ["\u2581lo", "low"],
        "xxlowyz r": ["\u2581", 1, "low", 1, "\u2581", "r"],  # a run of unknown characters once
        "x y": ["\u2581", 1, "\u2581", 1],  # but not across words
        "\u4e0d\u5728\u4e0d": ["\u2581", "\u4e0d\u5728", 1],
        "": [],
    }
    expected = [
        [codec.pieces.index(piece) if piece != 1 else 1 for piece in row] for row in cases.values()
    ]
    assert codec.encode(cases).to_list() == expected
    assert TextCodec(["a"]).encode(["x y a", "xy"]).to_list() == [[1, 1, 1, 4], [1]]


def joined_by_hand(texts, count):
    """Byte-pair encoding in its plainest form."""
    words = Counter(("\u2581" + word) for text in texts for word in text.split())
    parts = {word: list(word) for word in words}
    found = []
    for _ in range(count):
        pairs = Counter()
        for word, symbols in parts.items():
            for pair in pairwise(symbols):
                pairs[pair] += words[word]
        (best, n), (_, second) = pairs.most_common(2)
        assert n > second, "the texts must leave no choice"
        found.append("".join(best))
        for word, symbols in parts.items():
            merged = []
            for symbol in symbols:
                if merged and (merged[-1], symbol) == best:
                    merged[-1] += symbol
                else:
                    merged.append(symbol)
            parts[word] = merged
    return found


def test_fit_learns_the_most_frequent_joins():
    words = ["hug"] * 10 + ["pug"] * 5 + ["pun"] * 12 + ["bun"] * 4 + ["hugs"] * 6 + ["chug"] * 3
    texts = [" ".join(words[n::3]) for n in range(3)]
    characters = sorted({c for c in "".join(texts) if c != " "} | {"\u2581"})
    codec = TextCodec.fit(texts, size=4 + len(characters) + 3)
    assert sorted(codec.pieces[4 : 4 + len(characters)]) == characters
    assert list(codec.pieces[4 + len(characters) :]) == joined_by_hand(texts, 3)
    assert codec.pieces == TextCodec.fit(texts, size=4 + len(characters) + 3).pieces


def test_vocabularies_are_by_falling_count_and_limited():
    texts = ["b b, b", "a c c \u00e9", "z a c \u00e9"]
    fit = TextCodec.fit
    expected = ("\u2581b", "\u2581c", "\u2581a", "\u2581\u00e9", ",", "\u2581z")
    assert fit(texts, "words").pieces[4:] == expected
    assert fit(texts, "words", size=7).pieces[4:] == expected[:3]
    assert fit(texts, "words", min_count=3).pieces[4:] == expected[:2]
    assert fit(texts, "characters").pieces[4:] == ("\u2581", "b", "c", "a", "\u00e9", ",", "z")
    assert fit(texts, "characters", min_count=3).pieces[4:] == ("\u2581", "b", "c")
    # The markers of subwords number the words: 2, 4 and 4.
    assert fit(texts, "subwords", min_count=3, size=8).pieces[4:] == ("\u2581", "b", "c", "\u2581b")
    assert len(fit(TRICKY, "subwords", size=150)) == 150


def test_fit_takes_any_number_of_texts_of_any_length():
    long = " ".join(f"{'abcde'[n % 5]}x" for n in range(4_000))
    codec = TextCodec.fit((text for text in [long] * 3 + ["zq"] * 5_000), size=60)
    assert "\u2581zq" in codec.pieces
    assert any("x" in piece and len(piece) > 1 for piece in codec.pieces)
    assert codec.encode(["zq"] * 5_000).row_lengths().numpy().tolist() == [1] * 5_000


@pytest.fixture
def codec():
    return TextCodec(["\u2581the", "\u2581dog", "s", "\u2581", "!"])


def test_start_and_end_are_asked_for(codec):
    texts = ["the dogs", ""]
    assert codec.encode(texts).to_list() == [[4, 5, 6], []]
    assert codec.encode(texts, start=True).to_list() == [[2, 4, 5, 6], [2]]
    assert codec.encode(texts, end=True).to_list() == [[4, 5, 6, 3], [3]]
    ids = codec.encode(texts, start=True, end=True)
    assert ids.to_list() == [[2, 4, 5, 6, 3], [2, 3]]
    assert (ids.dtype, ids.ragged_rank) == (tf.int32, 1)
    assert codec.encode([]).to_list() == []
    assert codec.encode([]).dtype == tf.int32


def test_decode_leaves_out_what_is_no_text(codec):
    ids = [
        [2, 4, 5, 6, 3, 5, 8],
        [4, 1, 8, 0, 0, 0, 0],
        [3, 4, 4, 4, 4, 4, 4],
        [0, 0, 2, 7, 1, 7, 5],
    ]
    texts = ["the dogs", "the\u2047!", "", "\u2047  dog"]
    assert decoded(codec.decode(ids)) == texts
    assert decoded(codec.decode(np.array(ids, np.int64))) == texts
    assert (
        decoded(
            codec.decode(
                tf.ragged.constant([row[:n] for row, n in zip(ids, (5, 3, 1, 7), strict=True)])
            )
        )
        == texts
    )
    assert decoded(codec.decode(ids, unknown=""))[1] == "the!"
    deep = codec.decode(np.array(ids).reshape(2, 2, 7))
    assert deep.shape == (2, 2)
    assert decoded(deep) == texts
    assert codec.decode([4, 6]).numpy() == b"thes"
    with pytest.raises(tf.errors.InvalidArgumentError, match="9"):
        codec.decode([[9]])


def test_an_unknown_word_is_one_id_with_a_space_before_it():
    codec = TextCodec(["\u2581the", "!"], "words")
    ids = codec.encode(["the xylophone's! the"])
    assert ids.to_list() == [[4, 1, 5, 4]]
    assert decoded(codec.decode(ids)) == ["the \u2047! the"]
    assert decoded(codec.decode(ids, unknown="")) == ["the! the"]


def test_pad_fills_and_cuts_on_the_right(codec):
    ids, mask = codec.pad(codec.encode(["the dogs", "the"]), 2)
    assert ids.numpy().tolist() == [[4, 5], [4, 0]]
    assert mask.numpy().tolist() == [[True, True], [True, False]]


@pytest.mark.parametrize("kind", KINDS)
def test_all_runs_in_a_graph_of_any_batch(kind):
    fitted = TextCodec.fit(TRICKY[::2], kind, size=200)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def there_and_back(texts):
        ids = fitted(texts, start=True, end=True)
        return ids, fitted.decode(fitted.pad(ids)[0])

    for texts in (TRICKY, TRICKY[:1], [""], []):
        ids, back = there_and_back(tf.constant(texts, tf.string))
        expected = fitted.encode(texts, start=True, end=True)
        assert ids.to_list() == expected.to_list()
        assert decoded(back) == decoded(fitted.decode(expected))


@pytest.mark.parametrize("kind", KINDS)
def test_save_and_load(kind, tmp_path):
    fitted = TextCodec.fit(TRICKY, kind, size=150, lowercase=True)
    fitted.save(tmp_path / "new", "source")
    TextCodec(["a"]).save(tmp_path / "new", "target")
    loaded = TextCodec.load(tmp_path / "new", "source")
    assert (loaded.kind, loaded.lowercase) == (kind, True)
    assert loaded.files() == fitted.files()
    assert loaded.encode(TRICKY).to_list() == fitted.encode(TRICKY).to_list()
    assert TextCodec.load(tmp_path / "new", "target").pieces[4:] == ("a",)


def edited(**changes):
    return lambda text: json.dumps({**json.loads(text), **changes})


DAMAGE = {
    "no vocabulary": ("codec.vocabulary.txt", None, "vocabulary.txt cannot be read"),
    "cut": ("codec.vocabulary.txt", lambda text: text[:-5], "holds 7 lines.*not 9 lines"),
    "shifted": ("codec.vocabulary.txt", lambda text: text[6:] + "x\n", "holds 9 lines from"),
    "not json": ("codec.json", lambda text: text[:40], "damaged.*JSONDecodeError"),
    "key": ("codec.json", lambda text: text.replace("kind", "sort", 1), "KeyError: 'kind'"),
    "version": ("codec.json", edited(version=2), "version 2"),
    "other rules": ("codec.json", edited(end_id=2), "differ from version 1"),
    "kind": ("codec.json", edited(kind="bytes"), "kind is 'bytes'; give one of subwords"),
}


@pytest.mark.parametrize(("name", "damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damaged_files_are_refused(codec, tmp_path, name, damage, message):
    codec.save(tmp_path)
    path = tmp_path / name
    if damage is None:
        path.unlink()
    else:
        path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        TextCodec.load(tmp_path)


WRONG = {
    "empty": (lambda: TextCodec(["a", ""]), "piece 1 of the vocabulary is ''"),
    "space": (lambda: TextCodec(["a b"]), "piece 0 .* with '\u2581' for a space"),
    "long": (lambda: TextCodec(["a", "bc"], "characters"), "piece 1 .* takes single ones"),
    "twice": (lambda: TextCodec(["a", "b", "a"]), "'a' 2 times"),
    "kind": (lambda: TextCodec(["a"], "letters"), "kind is 'letters'"),
    "fit kind": (lambda: TextCodec.fit(["a"], "letters"), "kind is 'letters'"),
    "size": (lambda: TextCodec.fit(["a"], size=4), "size=4 and min_count=1"),
    "count": (lambda: TextCodec.fit(["a"], min_count=0), "min_count=0"),
    "nothing": (lambda: TextCodec.fit(["", " "]), "no piece is left of 0"),
    "rare": (lambda: TextCodec.fit(["a b"], "words", min_count=2), "left of 2 .*min_count=2"),
    "room": (lambda: TextCodec.fit(["abcde"], size=9), "hold 6 distinct .* room for 5 pieces"),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(DataError, match=message):
        make()


LOADER = """
import json, sys
sys.modules["keras_seq"] = sys.modules["sentencepiece"] = None
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
ids, texts = model.serve(tf.constant(json.loads(sys.argv[2])))
print(json.dumps([ids.numpy().tolist(), [text.decode() for text in texts.numpy()]]))
"""


def test_saved_model_encodes_and_decodes_without_keras_seq(tmp_path):
    subwords = TextCodec.fit(TRICKY, size=150)
    characters = TextCodec.fit(TRICKY[::2], "characters")
    module = tf.Module()
    module.codecs = [subwords, characters]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def serve(texts):
        return subwords.pad(subwords(texts, end=True))[0], characters.decode(characters(texts))

    module.serve = serve
    tf.saved_model.save(module, str(tmp_path / "model"))
    texts = [text for text in TRICKY if "\x00" not in text]
    answer = subprocess.run(
        [sys.executable, "-c", LOADER, str(tmp_path / "model"), json.dumps(texts)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        check=True,
    )
    ids, back = json.loads(answer.stdout.splitlines()[-1])
    assert [row[: row.index(3)] for row in ids] == subwords.encode(texts).to_list()
    assert back == decoded(characters.decode(characters.encode(texts)))


def test_encoding_is_fast():
    texts = load_pairs("builtin").train.sources
    codec = TextCodec.fit(texts, size=150)
    start = time.perf_counter()
    codec.encode(texts)
    # An idle core does over 20,000 a second of longer ones; others may be at work.
    assert len(texts) / (time.perf_counter() - start) > 2_000


def test_rules_are_plain_json():
    assert json.loads(json.dumps(RULES)) == RULES
