import json

import pytest

from keras_seq.data.dataset import DataError
from keras_seq.data.text_files import read_path

ROWS = [("Quite fine, really", "positive"), ("so\n\ndull", "negative"), ('a "hit"', "positive")]


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def json_lines(rows):
    return "".join(
        json.dumps({"review": text, "id": 7, "class": name}) + "\n" for text, name in rows
    )


TABLE = (
    'Id,Review,Sentiment\r\n1,"Quite fine, really",positive\r\n'
    '2,"so\n\ndull",negative\r\n\r\n3,"a ""hit""",positive\r\n'
)


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", TABLE), ("a.tsv", TABLE), ("a.JSONL", json_lines(ROWS) + "\n")],
)
def test_files_are_read(tmp_path, name, content, bom):
    if name.endswith("tsv"):
        content = content.replace(",", "\t").replace("fine\t", "fine,")
    write(tmp_path, {name: bom + content})
    assert read_path(tmp_path / name) == (ROWS, None)


@pytest.mark.parametrize("text", ["text", "review", "Sentence", " content "])
@pytest.mark.parametrize("label", ["label", "SENTIMENT", "class", "target"])
def test_columns_have_several_names(tmp_path, text, label):
    write(tmp_path, {"a.csv": f"{label},{text}\n3,fine\n1,dull\n"})
    assert read_path(tmp_path / "a.csv") == ([("fine", "3"), ("dull", "1")], None)


def test_text_is_preferred_to_its_other_names(tmp_path):
    write(tmp_path, {"a.csv": "review,text,target,label\nno,yes,no,yes\n"})
    assert read_path(tmp_path / "a.csv")[0] == [("yes", "yes")]


def test_json_labels_may_be_whole_numbers(tmp_path):
    write(tmp_path, {"a.jsonl": '{"text": "fine", "label": 0}\n{"text": "f\u2028g", "label": -2}'})
    assert read_path(tmp_path / "a.jsonl")[0] == [("fine", "0"), ("f\u2028g", "-2")]


def test_folder_of_classes(tmp_path):
    write(
        tmp_path,
        {"pos/b.txt": "fine\n", "pos/a.txt": "\ufeffgood", "neg/a.txt": "dull", "README": "x"},
    )
    assert read_path(tmp_path) == ([("dull", "neg"), ("good", "pos"), ("fine", "pos")], None)


def test_folder_with_train_and_test(tmp_path):
    write(
        tmp_path,
        {
            "train/pos/0.txt": "fine",
            "train/neg/0.txt": "dull",
            "train/unsup/0.txt": "who knows",
            "train/urls_pos.txt": "not a review",
            "test/pos/0.txt": "good",
        },
    )
    assert read_path(tmp_path) == ([("dull", "neg"), ("fine", "pos")], [("good", "pos")])


def test_folder_with_train_and_test_files(tmp_path):
    write(tmp_path, {"train.jsonl": json_lines(ROWS), "test.jsonl": json_lines(ROWS[:1])})
    assert read_path(tmp_path) == (ROWS, ROWS[:1])


BAD_FILES = {
    "empty": ("a.csv", " \n", "is empty"),
    "header only": ("a.csv", "text,label\n\n", "header only"),
    "ending": ("a.xlsx", "text,label\n", r"ends in '\.xlsx'.*\.csv, \.tsv, \.jsonl"),
    "no ending": ("reviews", "text,label\n", "has no ending"),
    "no text column": ("a.csv", "body,label\nx,1\n", "no column for the text; found body, label"),
    "no label column": ("a.tsv", "text\tstars\nx\t1\n", "no column for the label; found text, st"),
    "no label": ("a.csv", 'text,label\n"x\ny",1\nz, \n', "line 4: the label is missing"),
    "empty review": ("a.csv", "text,label\nx,1\n  ,0\n", "line 3: the text is empty"),
    "ragged long": ("a.csv", "text,label\nx,1\ngood, bad,1\n", "line 3: 3 cells.*header has 2"),
    "ragged short": ("a.tsv", "text\tlabel\nx\n", "line 2: 1 cells"),
    "open quote": ("a.csv", 'text,label\nx,1\n"y,1\nz,1\n', "line 3: the row cannot be read"),
    "wrong quote": ("a.csv", 'text,label\n"x"y,1\n', "line 2: the row cannot be read"),
    "encoding": ("a.csv", b"text,label\nfine,1\ncaf\xe9,1\n", "byte 21, in line 3, is 0xe9"),
    "utf-16": ("a.csv", "text,label\n".encode("utf-16"), "byte 0, in line 1.*UTF-8"),
    "encoding after bom": ("a.csv", b"\xef\xbb\xbftext\xff", "byte 7, in line 1, is 0xff"),
    "not json": ("a.jsonl", '{"text": "x", "label": 1}\n\n{"text": x}\n', "line 3: not JSON"),
    "json list": ("a.jsonl", '["x", 1]\n', "line 1: a JSON list"),
    "json text": ("a.jsonl", '{"text": 3, "label": 1}\n', "line 1: the text is 3"),
    "json half pair": ("a.jsonl", r'{"text": "\ud83d", "label": 1}', "line 1: .* half a"),
    "json no text": ("a.jsonl", '{"txt": "x", "label": 1}\n', "line 1: no key for the text; found"),
    "json no key": ("a.jsonl", '{"text": "x"}\n', "line 1: no key for the label; found text"),
    "json null": ("a.jsonl", '{"text": "x", "label": null}\n', "line 1: the label is missing"),
    "json no review": ("a.jsonl", '{"text": null, "label": 1}\n', "line 1: the text is empty"),
    "json float": ("a.jsonl", '{"text": "x", "label": 0.5}\n', "line 1: the label is 0.5"),
}


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files_are_named(tmp_path, name, content, message):
    write(tmp_path, {name: content})
    with pytest.raises(DataError, match=f"(?s)^{tmp_path / name}.*{message}"):
        read_path(tmp_path / name)


BAD_FOLDERS = {
    "nothing": ({"readme.md": "x"}, "no labelled texts but readme.md"),
    "no texts": ({"pos/a.txt": "fine", "neg/a.md": "dull"}, "neg holds no .txt file"),
    "empty text": ({"pos/a.txt": " \n"}, "a.txt is empty"),
    "encoding": ({"pos/a.txt": b"x\n\xff"}, "a.txt is not UTF-8: byte 2, in line 2"),
    "only test file": ({"test.csv": TABLE}, "only one of train.csv and test.csv"),
    "only train folder": ({"train/pos/a.txt": "x"}, "only one of the folders train and test"),
}


@pytest.mark.parametrize(("files", "message"), BAD_FOLDERS.values(), ids=BAD_FOLDERS)
def test_bad_folders_are_named(tmp_path, files, message):
    write(tmp_path, files)
    with pytest.raises(DataError, match=message):
        read_path(tmp_path)


def test_missing_path_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no\.csv does not exist"):
        read_path(tmp_path / "no.csv")


def test_a_review_of_100_000_words_is_read_whole(tmp_path):
    text = " ".join(f"word{i}" for i in range(100_000))
    path = tmp_path / "long.csv"
    path.write_text(f'text,label\n"{text}",positive\nshort,negative\n', encoding="utf-8")
    assert read_path(path)[0] == [(text, "positive"), ("short", "negative")]
