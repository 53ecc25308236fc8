"""The report of a run: figures that are right, a page that stands alone, bad input refused."""

import base64
import json
import os
import re
import shutil
from xml.etree import ElementTree

import keras
import numpy as np
import pytest
import tensorflow as tf
from parsed_page import Parsed

from keras_seq.data import LabelledTexts, TextDataset, Tokenizer, load_texts
from tasks import report_sentiment
from tasks.__main__ import main
from tasks.report import Page, ReportError, Section, Text, render, shortened, write
from tasks.report_classes import calibration_error, classes_section, texts_section
from tasks.run_directory import RunDirectory


@pytest.fixture(scope="module")
def reported(finished_run, tmp_path_factory):
    """A run with its report."""
    run = tmp_path_factory.mktemp("reports") / "run"
    shutil.copytree(finished_run, run)
    assert main(["sentiment", "report", "--run", str(run)]) == 0
    return run


@pytest.fixture(scope="module")
def html(reported):
    return (reported / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Parsed(html)


@pytest.fixture(scope="module")
def model(finished_run):
    return RunDirectory(finished_run, "sentiment").model()


@pytest.fixture(scope="module")
def judged(model, finished_run, reviews_csv):
    """The test part and its probabilities, computed in another way: in one batch, in its order."""
    test = load_texts(str(reviews_csv), seed=0).test
    tokenizer = Tokenizer.load(finished_run)
    return test, model(tokenizer(tf.constant(test.texts)).to_tensor()).numpy()


def test_figures_are_those_of_the_run(page, reported):
    metrics = json.loads((reported / "metrics.json").read_text())
    [[_, *rows]] = page.tables["Figures"]
    shown = {name.replace(" ", "_"): float(value.replace(",", "")) for name, value in rows}
    assert shown.keys() == metrics.keys() - {"data"}
    for name, value in shown.items():
        assert value == pytest.approx(metrics[name], abs=0.00005 if metrics[name] < 10 else 0.05)
    assert rows[0][0].startswith("test")


def test_epochs(page, reported):
    history = json.loads((reported / "history.json").read_text())
    [[head, *rows]] = page.tables["Learning"]
    names = {"training loss": "loss", "validation accuracy": "val_accuracy", "seconds": "seconds"}
    for name, key in names.items():
        column = [float(row[head.index(name)]) for row in rows]
        assert column == pytest.approx([epoch[key] for epoch in history], abs=0.05)
    best = json.loads((reported / "metrics.json").read_text())["best_epoch"]
    assert page.marked[0] == rows[best - 1]
    assert f"{sum(epoch['seconds'] for epoch in history):.1f} s" in page.words["Learning"]


def test_classes_are_counted_right(page, judged, reported):
    test, probabilities = judged
    predicted = [max(range(2), key=lambda c: row[c]) for row in probabilities.tolist()]
    pairs = list(zip(test.labels.tolist(), predicted, strict=True))
    matrix, scores = page.tables["Classes"]
    assert [name for name, *_ in matrix[1:]] == ["negative", "positive"]
    for true, row in enumerate(matrix[1:]):
        counts = [sum(pair == (true, taken) for pair in pairs) for taken in range(2)]
        assert list(map(int, row[1:])) == [*counts, sum(counts)]
        hits, taken = counts[true], predicted.count(true)
        wanted = [hits / taken if taken else None, hits / sum(counts)]
        wanted += [2 * hits / (taken + sum(counts)), sum(counts)]
        for shown, value in zip(scores[1 + true][1:], wanted, strict=True):
            assert shown == "–" if value is None else float(shown) == pytest.approx(value, abs=5e-5)
    right = sum(a == b for a, b in pairs) / len(pairs)
    metrics = json.loads((reported / "metrics.json").read_text())
    assert right == pytest.approx(metrics["test_accuracy"])


def test_texts_are_the_surest_wrong_and_the_least_certain(page, judged):
    test, probabilities = judged
    sure, wrong = probabilities.max(axis=1), probabilities.argmax(axis=1) != test.labels
    words = page.words["Texts worth reading"]
    first, second = words.split("Least certain")
    [least] = [row for row in range(len(sure)) if sure[row] == sure.min()]
    assert second.split("test text ")[1].startswith(f"{least + 1}\n")
    assert shortened(test.texts[least]) in second
    assert f"probability {sure[least]:.3f}" in second
    shown = [int(number) - 1 for number in re.findall(r"test text (\d+)", first)]
    assert wrong[shown].all()
    expected = sorted(np.flatnonzero(wrong), key=lambda row: -sure[row])[:10]
    np.testing.assert_allclose(sure[shown], sure[expected], atol=1e-5)


def test_calibration_error():
    sure = np.array([0.95, 0.91, 0.55, 0.55])
    right = np.array([True, True, False, True])
    # The upper interval is right 2 of 2 times at 0.93, the lower 1 of 2 times at 0.55.
    assert calibration_error(sure, right, 10) == pytest.approx((2 * 0.07 + 2 * 0.05) / 4)
    assert calibration_error(np.ones(3), np.ones(3, bool), 10) == 0


def test_the_page_stands_alone(html, page):
    assert not page.tags & {"script", "link", "iframe", "object", "embed", "base", "form"}
    pictures = [address for address in page.addresses if not address.startswith("#")]
    assert len(pictures) == 5  # loss, accuracy, calibration, two directions
    for address in pictures:
        kind, _, content = address.partition(",")
        assert kind == "data:image/svg+xml;base64"
        for element in ElementTree.fromstring(base64.b64decode(content)).iter():
            for name, value in element.attrib.items():
                if name.endswith("href"):
                    assert value.startswith(("#", "data:"))
    assert not re.search(r"https?:|@import|url\(|\bon\w+=", html)
    assert "default-src 'none'" in html
    assert all(f"#s{n}" in page.addresses for n in range(1, 9))


def test_options_that_differ_come_first(page):
    [[_, *rows]] = page.tables["Options"]
    changed = {name: (here, default) for name, here, default, _ in rows}
    sizes = {"units", "embedding_units", "vocabulary_size", "max_length", "bucket_lengths"}
    assert changed.keys() == {"data", "epochs"} | sizes
    assert changed["units"] == ("4", "64")
    assert "batch_size 64" in page.words["Options"]


def test_what_comes_from_data_is_escaped():
    bad = "<script>alert('x')</script> & \x00"
    truth, predicted, sure = np.array([0, 1]), np.array([1, 1]), np.array([0.9, 0.6])
    names = ("<b>good", "bad & worse")
    sections = [
        classes_section(truth, predicted, names),
        texts_section([bad, bad * 100], truth, predicted, sure, names),
        Section(bad, [Text(bad, bad)]),
    ]
    html = render(Page(bad, [(bad, bad)], sections))
    assert not Parsed(html).tags & {"script", "b"}
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; �" in html


def test_many_classes_are_no_matrix():
    truth = np.arange(50).repeat(2)
    predicted = truth.copy()
    predicted[:3] = 7
    page = Parsed(render(Page("", [], [classes_section(truth, predicted, [*map(str, range(50))])])))
    assert page.tables["Classes"][0][1:] == [["0", "7", "2"], ["1", "7", "1"]]


def test_shortened_keeps_both_ends():
    text = "first " + "and then " * 100 + "last"
    cut = shortened(text, 60)
    assert cut.startswith("first and")
    assert cut.endswith("then last")
    assert " […] " in cut
    assert len(cut) <= 65
    assert shortened("  two\n lines ") == "two lines"


def test_gates_of_a_long_text_are_those_of_its_end(model, finished_run):
    long = LabelledTexts(["The plot was dull. " * 20] * 2, np.array([0, 1]))
    texts = TextDataset("long", ("negative", "positive"), long, long, long)
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]])
    sections = report_sentiment.sections(texts, Tokenizer.load(finished_run), probabilities, model)
    assert sections[-1].title == "Gates"
    _, quotes, pictures = sections[-1].parts
    assert "read for this picture: the last 40 of 100 tokens" in quotes.quotes[0].facts
    assert len(pictures.pictures) == 2


class TestRefused:
    """Each wrong input: exit status 2, one message, and an earlier page stays as it was."""

    @pytest.fixture
    def run(self, reported, tmp_path):
        run = tmp_path / "run"
        shutil.copytree(reported, run)
        return run

    def check(self, capsys, run, arguments, *words):
        before = {path.name: path.read_bytes() for path in run.glob("*")}
        assert main(["sentiment", "report", "--run", str(run), *map(str, arguments)]) == 2
        err = capsys.readouterr().err
        assert err.startswith("error: ")
        assert "Traceback" not in err
        for word in words:
            assert str(word) in err
        assert before == {path.name: path.read_bytes() for path in run.glob("*")}

    def test_no_run(self, capsys, tmp_path):
        self.check(capsys, tmp_path / "none", [], "There is no run", "train")
        assert not (tmp_path / "none").exists()

    @pytest.mark.parametrize("missing", ["metrics.json", "history.json", "model.keras"])
    def test_unfinished_run(self, capsys, run, missing):
        (run / missing).unlink()
        self.check(capsys, run, [], f"has no {missing}", "--resume")

    def test_data_that_changed(self, capsys, run):
        (run / "data_digest.json").write_text('"of other data"')
        self.check(capsys, run, [], "is not what it was")

    def test_place_that_cannot_be_written(self, capsys, run, tmp_path):
        (tmp_path / "file").write_text("not a folder")
        (tmp_path / "folder.html").mkdir()
        self.check(capsys, run, ["--to", tmp_path / "folder.html"], "is a folder")
        self.check(capsys, run, ["--to", tmp_path], ".html")
        self.check(capsys, run, ["--to", run / "model.keras"], ".html")
        for place in ("file/page.html", "file/deeper/page.html"):
            self.check(capsys, run, ["--to", tmp_path / place], place, "is a file", "--to")
        assert (tmp_path / "file").read_text() == "not a folder"

    def test_page_that_cannot_be_put_in_place(self, tmp_path, monkeypatch):
        def refuse(*paths):
            raise OSError(28, "No space left on device")

        page = tmp_path / "page.html"
        page.write_text("the one before")
        monkeypatch.setattr(os, "replace", refuse)
        with pytest.raises(ReportError, match=r"page\.html: No space left"):
            write(page, "new")
        assert page.read_text() == "the one before"
        assert [path.name for path in tmp_path.iterdir()] == ["page.html"]

    @pytest.mark.parametrize("content", [None, "{}", "[1]", "not JSON", '{"saved_model": {}}'])
    def test_folder_without_an_export(self, capsys, run, tmp_path, content):
        folder = tmp_path / "export"
        folder.mkdir()
        if content is not None:
            (folder / "report.json").write_text(content)
        self.check(capsys, run, ["--export", folder], folder, "--export")


def test_a_report_does_not_hinder_overwriting(reported, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(reported, run)
    (run / ".report.html.writing").write_text("half")  # of a report that was killed
    directory = RunDirectory(
        run, "sentiment", {path.name for path in run.iterdir()} - {"report.html"}
    )
    directory.refuse_to_lose(overwrite=True)
    directory.create({}, overwrite=True)
    assert [path.name for path in run.iterdir()] == ["config.json"]


def test_a_model_without_recurrent_layers_has_no_gates():
    from tasks.report_gates import gates

    model = keras.Sequential([keras.Input((None,), dtype="int32"), keras.layers.Embedding(9, 2)])
    assert gates(model, np.array([[1, 2]]), ["a", "b"]) is None
