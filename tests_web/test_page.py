"""The demo page in a browser: its numbers are the Keras model's, its errors are sentences."""

import io
import shutil
import zipfile

import browser
import numpy as np
import pytest
from export.examples import make_classifier

from keras_seq.export import to_tflite
from keras_seq.export.file.attachments import append_files

pytestmark = pytest.mark.skipif(
    bool(browser.what_is_missing()),
    reason=f"{browser.what_is_missing()} is not installed; on Debian: chromium, chromium-driver",
)

TEXT = (
    "Critics called it dull, dull, DULL.<br>To me the Zyxgloop was wonderful \u2014 isn\u2019t it?"
)
STATE = "document.documentElement.dataset.state"
SHOWN = """
return {
  text: document.body.innerText,
  verdict: document.getElementById("verdict").textContent,
  note: document.getElementById("note").textContent,
  probabilities: [...document.querySelectorAll("#classes label")].map(e => +e.dataset.probability),
  tokens: [...document.querySelectorAll("#tokens span")].map(e => e.textContent),
  unknown: [...document.querySelectorAll("#tokens .unknown")].map(e => e.textContent),
  weights: [...document.querySelectorAll("#tokens span")].map(e => +e.dataset.weight),
  rows: [...document.querySelectorAll("#weights tbody tr")].map(e =>
    [...e.children].slice(0, 2).map(cell => cell.textContent)),
}
"""


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with browser.browser(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture(scope="module")
def address(sentiment):
    with browser.served(sentiment.page.parent) as root:
        yield f"{root}/demo/"


@pytest.fixture
def page(window, address):
    """The page, loaded anew."""
    window.emulate(width=1000)
    window.open(address)
    window.wait_for(f"['done', 'error'].includes({STATE})")
    assert window.run(f"return {STATE}") == "done", window.run(SHOWN)["text"]
    yield window
    assert window.console_errors() == []


def judge(page, text):
    """Types a text and waits for what the page finds."""
    page.run(f"{STATE} = 'typing'")
    page.type("#text", text)
    page.wait_for(f"['done', 'empty'].includes({STATE})")
    return page.run(SHOWN)


def expected(sentiment, text):
    """The probabilities of a text, and of the text without each word, by the Keras model."""
    ids = sentiment.tokenizer.encode([text]).to_list()[0][-sentiment.length :]
    without = np.tile(ids, (len(ids) + 1, 1))
    without[np.arange(1, len(ids) + 1), np.arange(len(ids))] = 1
    padded = np.pad(without, ((0, 0), (0, sentiment.length - len(ids)))).astype("int32")
    values = sentiment.model(padded).numpy()
    return ids, values[0], values[0] - values[1:]


@pytest.mark.parametrize("which", range(6))
def test_probabilities_and_weights_are_those_of_keras(page, sentiment, which):
    text = [TEXT, *sentiment.samples][which]
    shown = judge(page, text)
    ids, probabilities, weights = expected(sentiment, text)
    best = int(probabilities.argmax())
    assert len(shown["tokens"]) == len(ids)
    np.testing.assert_allclose(shown["probabilities"], probabilities, rtol=0, atol=1e-5)
    np.testing.assert_allclose(shown["weights"], weights[:, best], rtol=0, atol=1e-5)
    assert shown["verdict"].startswith(f"{sentiment.labels[best]}, ")


def test_each_class_has_its_own_weights(page, sentiment):
    judge(page, TEXT)
    _, _, weights = expected(sentiment, TEXT)
    assert np.abs(weights).max() > 0.01
    for index in range(len(sentiment.labels)):
        page.click(f"#classes label:nth-of-type({index + 1})")
        shown = page.run(SHOWN)
        np.testing.assert_allclose(shown["weights"], weights[:, index], rtol=0, atol=1e-5)


def test_words_are_shown_as_the_model_reads_them(page):
    shown = judge(page, TEXT)
    words = (
        "critics called it dull , dull , dull . to me the zyxgloop was wonderful \u2014 isn't it ?"
    )
    assert shown["tokens"] == words.split()
    assert {"zyxgloop", "\u2014", "?"} <= set(shown["unknown"])
    assert f"{len(shown['unknown'])} words are not in the vocabulary" in shown["note"]
    weights = dict(zip(shown["tokens"], shown["weights"], strict=True))
    assert weights["zyxgloop"] == 0


def test_the_table_is_sorted_and_opens(page):
    shown = judge(page, TEXT)
    assert len(shown["rows"]) == 12
    page.click("#all")
    rows = page.run(SHOWN)["rows"]
    assert sorted(word for word, _ in rows) == sorted(shown["tokens"])
    sizes = [abs(float(number.replace("\u2212", "-"))) for _, number in rows]
    assert sizes == sorted(sizes, reverse=True)
    largest = max(shown["weights"], key=abs)
    assert rows[0][1] == f"{largest:+.3f}".replace("-", "\u2212")


def test_a_long_text_keeps_its_end(page, sentiment):
    text = "dull " * 100 + " ".join(sentiment.samples[:3])
    total = sentiment.tokenizer.count([text])[0]
    shown = judge(page, text)
    ids, probabilities, _ = expected(sentiment, text)
    assert len(ids) == sentiment.length < total
    np.testing.assert_allclose(shown["probabilities"], probabilities, rtol=0, atol=1e-5)
    assert f"the last {sentiment.length} of {total} words and marks are read" in shown["note"]


@pytest.mark.parametrize("text", [" ", "<br>"])
def test_a_text_without_words(page, text):
    assert "There is nothing to judge yet" in judge(page, text)["text"]
    assert judge(page, "good")["verdict"]  # and the page goes on


def test_a_text_of_unknown_words(page):
    assert "None of these words is in the vocabulary" in judge(page, "zyxgloop qwrt")["note"]


def test_markup_in_a_text_stays_text(page):
    shown = judge(page, "<3 &lt;b&gt; <img src=x onerror=alert(1)> 1 < 2")
    assert shown["tokens"] == ["<", "3", "&", "lt", ";", "b", "&", "gt", ";", "1", "<", "2"]


def test_typing_on_shows_the_last_text(page, sentiment):
    judge(page, " ".join(sentiment.samples[:2]))
    page.type("#text", "a film. " * 20)
    shown = judge(page, TEXT)
    _, probabilities, _ = expected(sentiment, TEXT)
    np.testing.assert_allclose(shown["probabilities"], probabilities, rtol=0, atol=1e-5)


def test_the_keyboard_reaches_everything(page):
    tab, down, enter = "\ue004", "\ue015", "\ue007"
    page.run("document.getElementById('text').focus()")
    reached = []
    for _ in range(5):
        page.press(tab)
        reached.append(page.run("return document.activeElement.type || ''"))
    assert reached == ["button", "button", "button", "radio", "button"]
    page.run("document.querySelector('#classes :checked').focus()")
    before = page.run(SHOWN)["weights"]
    page.press(down)
    np.testing.assert_allclose(page.run(SHOWN)["weights"], -np.array(before), atol=1e-6)
    page.run("document.querySelector('#examples button').focus()")
    page.press(enter)
    assert page.run("return document.getElementById('text').value").startswith("Critics")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(page, scheme):
    page.emulate(width=360, scheme=scheme)
    judge(page, f"{TEXT} {'very' * 40} " * 3)
    assert page.run("return document.documentElement.scrollWidth") <= 360


def without(name):
    return lambda folder: (folder / name).unlink()


def damage(change):
    def apply(folder):
        path = folder / "model.tflite"
        path.write_bytes(change(path.read_bytes()))

    return apply


def labelled(data, labels):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return append_files(data[: data.index(b"PK\x03\x04")], {**files, "labels.txt": labels})


ERRORS = {
    "no model": (
        without("model.tflite"),
        "There is no model.tflite beside this page. Make it with",
    ),
    "no LiteRT.js": (
        without("vendor/core/index.js"),
        "LiteRT.js cannot be started from vendor/ (Failed to",
    ),
    "no WebAssembly": (
        lambda folder: shutil.rmtree(folder / "vendor/core/wasm"),
        "LiteRT.js cannot be started from vendor/. Make it with",
    ),
    "no main.js": (without("main.js"), "main.js could not be loaded"),
    "cut off": (damage(lambda data: data[:-100]), "cut off"),
    "no files": (damage(lambda data: data[: data.index(b"PK\x03\x04")]), "does not hold vocab"),
    "a web page": (damage(lambda data: b"<!doctype html>"), "not a TFLite file"),
    "half": (
        damage(lambda data: data[:5000] + data[data.index(b"PK\x03\x04") :]),
        "cannot be used",
    ),
    "three labels": (damage(lambda data: labelled(data, "a\nb\nc\n")), "3 probabilities out"),
}


def test_a_model_of_dynamic_sizes_is_refused(window, sentiment, tmp_path):
    folder = tmp_path / "page"
    shutil.copytree(sentiment.page, folder)
    files = {**sentiment.tokenizer.files(), "labels.txt": "negative\npositive\n"}
    to_tflite(make_classifier(), folder / "model.tflite", files=files)
    assert "Export with batch_size=1 and a fixed length" in error_of(window, folder)


@pytest.mark.parametrize("case", ERRORS)
def test_what_is_wrong_is_said(window, sentiment, tmp_path, case):
    change, words = ERRORS[case]
    folder = tmp_path / "page"
    shutil.copytree(sentiment.page, folder)
    change(folder)
    assert words in error_of(window, folder)
    assert not window.run("return document.getElementById('result').checkVisibility()")


def error_of(window, folder):
    """What the page in a folder says to be wrong."""
    with browser.served(folder) as root:
        return error_at(window, root)


def error_at(window, url):
    window.open(url)
    window.wait_for(f"{STATE} === 'error'")
    window.console_errors()  # of what is missing
    return window.run("return document.getElementById('message').innerText")


def test_opened_from_a_file_the_page_says_how_to_serve_it(window, sentiment):
    text = error_at(window, (sentiment.page / "index.html").as_uri())
    assert "python -m http.server --directory docs/demo" in text
