"""The page's tokenizer and its reader of attached files give what Python gives."""

import json
import unicodedata
import zipfile

import numpy as np
import pytest
from node import NodeError, ask

from keras_seq.data import Tokenizer, generate_reviews
from keras_seq.export import read_files

NASTY = [
    "Good<br /><br />film!",
    "<B>bold</B> 3 < 4 and 5 > 2 <3 <!-- x --> <a\nhref='u'>link</a",
    "a<b<i>c</i>d <br\x00/> <br\n/> <\u212a> <\u0130> </ p> <p",
    "I don't, I don\u2019t, \u2018quoted\u2019 'tis rock'n'roll '' '",
    "10/10!!! $5.99 50% a_b c-d e\u2013f (g) [h] [PAD] [UNK] \\n $& $1 $$",
    "CAF\u00c9 cafe\u0301 na\u00efve STRA\u00dfE \u0130stanbul \u039f\u0394\u039f\u03a3 \u03a3",
    "\u03a3\u0391\u03a3. \u0391\u03a3' \u0391\u03a3-\u0391 \u0399\u0307 I\u0307 \u1e9e \ufb01",
    "\U0001f600\U0001f44d\U0001f3fd \u2764\ufe0f \U0001f468\u200d\U0001f469 ok\U0001f600ok",
    "\u7535\u5f71\u5f88\u597d\uff0c\u6620\u753b\u306f\u30b9\u30b4\u30a4\uff01\U00020000a",
    "\ud55c\uad6d\uc5b4 film\u7684",
    "\u0627\u0644\u0641\u064a\u0644\u0645 \u0939\u093f\u0928\u094d\u0926\u0940 \u0e20\u0e32\u0e29",
    "no\u00a0break thin\u2009space line\u2028end\u3000wide",
    "tab\ttab\r\nline\x0bup\x0cdown\x00nul\x1funit\x7fdel\x85next\u200bzero\u180emongolian",
    "\ufeffbom in\ufeffside \ufffd \u00adsoft",  # a space to JavaScript's \s, but not here
    "x\u00b2 \u00bd \u0663\u0664 \u2167 \u00aa \u24b6",
    "constructor __proto__ toString hasOwnProperty",  # not words of a plain object
    "",
    "   \t\n ",
    "<br>",
    "'",
    "!",
    "long " * 5_000 + "end",
]


def random_texts(count, seed=0):
    """Characters of many scripts, those left out that one side's Unicode may not know yet."""
    random = np.random.default_rng(seed)
    blocks = [(0x00, 0x7F), (0x20, 0x7F), (0x80, 0x250), (0x370, 0x600), (0x900, 0xA00)]
    blocks += [(0x1E00, 0x2070), (0x2150, 0x2190), (0x3000, 0x3100), (0xFB00, 0xFB07)]
    blocks += [(0x10400, 0x10450), (0x1F600, 0x1F64F)]
    choices = [[chr(code) for code in range(*block)] for block in blocks]
    choices = [[c for c in block if unicodedata.category(c) != "Cn"] for block in choices]
    return [
        "".join(random.choice(choices[random.integers(len(choices))]) for _ in range(60))
        for _ in range(count)
    ]


def in_javascript(tokenizer, texts, length=None):
    files = tokenizer.files()
    question = {"vocabulary": files["vocabulary.txt"], "rules": files["tokenizer.json"]}
    return ask("tokenize.mjs", {**question, "texts": texts, "length": length})


@pytest.fixture(scope="module")
def texts():
    reviews = generate_reviews(400, seed=5).texts
    decorated = [
        text.replace(". ", ".<br /><br />").replace("I ", "I'VE\u00a0") for text in reviews
    ]
    upper = [text.upper() for text in NASTY]
    return [*NASTY, *upper, *(text[::-1] for text in NASTY), *decorated, *random_texts(600)]


@pytest.mark.parametrize("keep", ["start", "end"])
@pytest.mark.parametrize("max_length", [7, 10_000])
def test_the_page_gives_the_ids_of_python(texts, keep, max_length):
    # Every other text, so that there are unknown words too.
    tokenizer = Tokenizer.fit(texts[::2], max_length=max_length, keep=keep)
    found = in_javascript(tokenizer, texts)
    expected = tokenizer.encode(texts).to_list()
    wrong = [text for text, a, b in zip(texts, found, expected, strict=True) if a["ids"] != b]
    assert not wrong, f"{len(wrong)} of {len(texts)} texts, the first is {wrong[0]!r}"
    assert [answer["total"] for answer in found] == tokenizer.count(texts)
    assert {True, False} == {1 in row for row in expected if row}


def test_every_character_is_cut_and_lowered_as_in_python():
    # Those of Unicode 3.2: the tables of TensorFlow, of Node and of browsers are of several ages.
    known = unicodedata.ucd_3_2_0
    characters = [chr(code) for code in range(0x110000)]
    characters = [c for c in characters if known.category(c) not in ("Cn", "Cs", "Co")]
    texts = [f"x{'Y x'.join(characters[i : i + 64])}Y" for i in range(0, len(characters), 64)]
    tokenizer = Tokenizer.fit(texts, max_length=1_000, max_words=10**6)
    found = [answer["ids"] for answer in in_javascript(tokenizer, texts)]
    assert len(characters) > 90_000
    assert found == tokenizer.encode(texts).to_list()


@pytest.mark.parametrize("keep", ["start", "end"])
def test_the_length_of_the_model_cuts_as_padding_does(keep):
    tokenizer = Tokenizer(["a", "b", "c", "d", "e"], max_length=4, keep=keep)
    texts = ["a b c d e", "a b", ""]
    for length in (3, 9):
        padded, mask = tokenizer.pad(tokenizer.encode(texts), length)
        expected = [
            row[real].tolist() for row, real in zip(padded.numpy(), mask.numpy(), strict=True)
        ]
        found = in_javascript(tokenizer, texts, length)
        assert [answer["ids"] for answer in found] == expected
        words = [[tokenizer.words[id] for id in row] for row in expected]
        assert [answer["tokens"] for answer in found] == words


def test_half_a_character_is_a_mark_of_its_own():
    # A text field can hold one; UTF-8 cannot.
    tokenizer = Tokenizer(["a", "\ufffd"])
    assert in_javascript(tokenizer, ["a\ud800 a"])[0]["ids"] == [2, 3, 2]


def test_rules_of_another_version_are_refused():
    files = Tokenizer(["a"]).files()
    rules = json.loads(files["tokenizer.json"])
    question = {"vocabulary": files["vocabulary.txt"], "texts": [""]}
    with pytest.raises(NodeError, match="this page knows 1"):
        ask("tokenize.mjs", {**question, "rules": json.dumps({**rules, "version": 2})})
    with pytest.raises(NodeError, match=r"holds 3 words; tokenizer\.json says 4"):
        ask("tokenize.mjs", {**question, "rules": json.dumps({**rules, "number_of_ids": 4})})


def test_attached_files_are_those_that_python_reads(sentiment):
    found = ask("attached.mjs", {"file": str(sentiment.file)})
    files = {name: content.decode() for name, content in read_files(sentiment.file).items()}
    assert found == files
    assert set(files) == {"vocabulary.txt", "tokenizer.json", "labels.txt"}


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[:-30], "cut off"),
        (lambda data: data.replace(b"negative", b"negatove"), "damaged"),
        (lambda data: data.replace(b"PK\x01\x02", b"PK\x01\x03"), "damaged"),
        (lambda data: data[:-6] + b"\xff\xff\xff\x7f" + data[-2:], "damaged"),
    ],
)
def test_damage_to_attached_files_is_told(sentiment, tmp_path, damage, words):
    path = tmp_path / "model.tflite"
    path.write_bytes(damage(sentiment.file.read_bytes()))
    with pytest.raises(NodeError, match=words):
        ask("attached.mjs", {"file": str(path)})


def test_other_archives(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"no archive")
    assert ask("attached.mjs", {"file": str(path)}) == {}
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", "no\nyes")
    with pytest.raises(NodeError, match=r"labels\.txt in model\.tflite is compressed"):
        ask("attached.mjs", {"file": str(path)})
