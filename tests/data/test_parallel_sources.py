import gzip
import os
import time
import zipfile
from pathlib import Path
from types import MappingProxyType

import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_seq.data import DataError, TextCodec, load_pairs

SOURCES = [f"Satz {n} \u00e4\u2028x" for n in range(60)]
TARGETS = [f"sentence {n} \u6211" for n in range(60)]
TABLE = "".join(
    f"{s}\t{t}\tby {n}\n" for n, (s, t) in enumerate(zip(SOURCES, TARGETS, strict=True))
)


def write(path, text):
    """Writes a file, packed as its ending says."""
    content = text.encode()
    if path.suffix == ".gz":
        content = gzip.compress(content)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("fra-eng/fra.txt", content)
            archive.writestr("fra-eng/_about.txt", "notes")
            archive.writestr("__MACOSX/fra-eng/._fra.txt", "notes")
    else:
        path.write_bytes(content)
    return path


def parts(dataset):
    return dataset.train, dataset.validation, dataset.test


def all_pairs(dataset):
    return sorted(
        pair for part in parts(dataset) for pair in zip(part.sources, part.targets, strict=True)
    )


@pytest.mark.parametrize("name", ["fra.txt", "fra.tsv", "fra.txt.gz", "fra.zip"])
@pytest.mark.parametrize("text", [TABLE, "\ufeff" + TABLE.replace("\n", "\r\n") + "\r\n"])
def test_table_of_any_packing(name, text, tmp_path):
    path = write(tmp_path / name, text)
    dataset = load_pairs(path, validation_fraction=0.2, test_fraction=0.3, seed=3)
    assert all_pairs(dataset) == sorted(zip(SOURCES, TARGETS, strict=True))
    assert [len(part) for part in parts(dataset)] == [34, 8, 18]  # 0.3 of 60, 0.2 of 42
    assert (dataset.name, dataset.own_test_part) == (str(path), False)
    assert dataset.languages == ("source", "target")


def test_table_with_names_reversed(tmp_path):
    path = write(tmp_path / "fra.txt", TABLE)
    dataset = load_pairs(path, languages="de-en", reverse=True)
    assert dataset.languages == ("en", "de")
    assert all_pairs(dataset) == sorted(zip(TARGETS, SOURCES, strict=True))


def test_seed_decides_what_is_held_out(tmp_path):
    path = write(tmp_path / "fra.txt", TABLE)
    first, again, other = (load_pairs(path, seed=seed).test.sources for seed in (1, 1, 2))
    assert first == again != other


def test_held_out_parts_share_no_sentence(tmp_path):
    rows = [f"s{n % 97}\tt{n * 7 % 130}\n" for n in range(150)]
    rows += [f"S{n}  \tunique {n}\n" for n in range(97)]
    dataset = load_pairs(
        write(tmp_path / "a.tsv", "".join(rows + [f"z{n}\tz{n}\n" for n in range(90)])),
        test_fraction=0.2,
        validation_fraction=0.2,
    )
    for side in ("sources", "targets"):
        texts = [{text.lower() for text in getattr(part, side)} for part in parts(dataset)]
        assert not texts[0] & texts[1] | texts[0] & texts[2] | texts[1] & texts[2]


def folder_of(tmp_path, **files):
    """Names are PART__LANGUAGE; two test parts, one of them for one language alone."""
    lines = {
        "train__de": SOURCES,
        "train__en": TARGETS,
        "train__fr": TARGETS[::-1],
        "val__de": SOURCES[:4],
        "val__en": TARGETS[:4],
        "test_2016_flickr__de": SOURCES[:7],
        "test_2016_flickr__en": TARGETS[:7],
        "test_2017__de": SOURCES[:5],
        "test_2017__en": TARGETS[:5],
    }
    for name, texts in {**lines, **files}.items():
        if texts is not None:
            ending = "" if name.endswith("de") else ".gz"
            write(tmp_path / f"{name.replace('__', '.')}{ending}", "\n".join(texts) + "\n")
    (tmp_path / "README.md").write_text("notes")
    return tmp_path


def test_aligned_folder(tmp_path):
    dataset = load_pairs(f"{folder_of(tmp_path)}:de-en")
    assert (dataset.train.sources, dataset.train.targets) == (SOURCES, TARGETS)
    assert (dataset.validation.sources, dataset.test.targets) == (SOURCES[:4], TARGETS[:7])
    assert (dataset.languages, dataset.own_test_part) == (("de", "en"), True)


def test_another_test_part_and_direction(tmp_path):
    folder = folder_of(tmp_path)
    dataset = load_pairs(f"{folder}:en-de:test_2017")
    assert (dataset.test.sources, dataset.test.targets) == (TARGETS[:5], SOURCES[:5])
    named = load_pairs(folder, languages="de-en:test_2017", reverse=True)
    assert named.test.sources == dataset.test.sources
    assert named.train.sources == TARGETS


def test_parts_that_a_folder_lacks_are_held_out(tmp_path):
    dataset = load_pairs(f"{folder_of(tmp_path)}:de-fr", test_fraction=0.5)
    assert [len(part) for part in parts(dataset)] == [28, 2, 30]
    assert not dataset.own_test_part


TABLES = {
    "no tab": ("a\tb\nno tab here\n", r"line 2: no tab in 'no tab here'; write source<TAB>target"),
    "empty side": (
        "a\tb\n \tc\nd\t\n",
        r"1, line 2: the text is empty \(2 such pairs.*drop_empty",
    ),
    "empty after a blank line": ("a\tb\n\n\t c\n", "column 1, line 3: the text is empty"),
    "empty target": ("a\tb\nd\t\n", "column 2, line 2: the text is empty"),
    "nothing": ("\n", "fra.txt holds no pairs"),
    "one pair": ("a\tb\n", "fra.txt: 1 pairs in 1 groups"),
}


@pytest.mark.parametrize(("text", "message"), TABLES.values(), ids=TABLES)
def test_wrong_tables_are_refused(text, message, tmp_path):
    with pytest.raises(DataError, match=message):
        load_pairs(write(tmp_path / "fra.txt", text))


def test_pairs_with_an_empty_side_can_be_dropped(tmp_path):
    path = write(tmp_path / "fra.txt", TABLE + " \tx\ny\t\t\n")
    assert all_pairs(load_pairs(path, drop_empty=True)) == sorted(
        zip(SOURCES, TARGETS, strict=True)
    )
    folder = folder_of(tmp_path, val__en=["a", "", "b", "c"])
    assert len(load_pairs(f"{folder}:de-en", drop_empty=True).validation) == 3


def test_damaged_files_are_refused(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a\tb\nc\t\xff\n")
    (tmp_path / "b.gz").write_bytes(gzip.compress(TABLE.encode())[:-20])
    (tmp_path / "c.gz").write_bytes(b"plain")
    (tmp_path / "d.zip").write_bytes(b"plain")
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as archive:
        archive.writestr("a.txt", "")
        archive.writestr("b.tsv", "")
    messages = {
        "a.txt": "not UTF-8: byte 6, in line 2",
        "b.gz": "is damaged",
        "c.gz": "is damaged",
        "d.zip": "is damaged",
        "e.zip": r"holds 2 .txt or .tsv files \(a.txt, b.tsv\)",
    }
    for name, message in messages.items():
        with pytest.raises(DataError, match=f"{name}.*{message}"):
            load_pairs(tmp_path / name)


FOLDERS = {
    "lines": ({"val__en": TARGETS[:3]}, "de-en", r"val.de has 4 lines, but .*val.en.gz has 3"),
    "empty": (
        {"train__en": [*TARGETS[:-1], " "]},
        "de-en",
        "line 60: the text is empty",
    ),
    "none named": ({}, None, r"holds the languages de, en, fr, asked for was none; .*:de-en"),
    "unknown": ({}, "de-xx", "asked for was de-xx"),
    "same": ({}, "de-de", "asked for was de-de"),
    "test": ({}, "de-en:test_1", "no test part 'test_1' .*: test_2016_flickr, test_2017"),
    "tests": (
        {"test_2016_flickr__de": None, "test_3__de": ["a"], "test_3__en": ["b"]},
        "de-en",
        "has the test parts test_2017, test_3; name one",
    ),
    "one language": ({"train__en": None, "train__fr": None}, "de-en", "of two languages but"),
}


@pytest.mark.parametrize(("files", "languages", "message"), FOLDERS.values(), ids=FOLDERS)
def test_wrong_folders_are_refused(files, languages, message, tmp_path):
    with pytest.raises(DataError, match=message):
        load_pairs(folder_of(tmp_path, **files), languages=languages)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere/fra.txt", "unknown source 'nowhere/fra.txt'.*'builtin'"),
        ("nowhere:de-en", "unknown source 'nowhere:de-en'"),
        ("", "unknown source ''"),
        ("builtin:de-en", "unknown source"),
    ],
)
def test_unknown_sources_are_refused(source, message):
    with pytest.raises(DataError, match=message):
        load_pairs(source)


def test_a_file_has_no_test_parts(tmp_path):
    path = write(tmp_path / "fra.txt", TABLE)
    with pytest.raises(DataError, match="only a folder has test parts"):
        load_pairs(f"{path}:de-en:test_2017")


def test_builtin_in_both_directions():
    there, back = load_pairs("builtin"), load_pairs("builtin", reverse=True)
    assert there.test.sources == back.test.targets
    assert back.languages == there.languages[::-1]
    assert there.own_test_part


class TinyTranslation(tfds.core.GeneratorBasedBuilder):
    """A dataset made on the spot."""

    VERSION = tfds.core.Version("1.0.0")
    parts = MappingProxyType({"train": 40, "test": 5})
    features = tfds.features.Translation(languages=("pt", "en"))

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self, features=self.features, supervised_keys=("pt", "en")
        )

    def _split_generators(self, dl_manager):
        return {part: self._generate_examples(n) for part, n in self.parts.items()}

    def _generate_examples(self, count):
        for n in range(count):
            yield n, {"pt": f"frase \u00e9 {n}", "en": f"sentence {n}"}


class TinyTranslationWithGaps(TinyTranslation):
    def _generate_examples(self, count):
        for n, texts in super()._generate_examples(count):
            yield n, {**texts, "en": "  "} if n == 3 else texts


class TinyTwoTexts(TinyTranslation):
    features = tfds.features.FeaturesDict({"pt": tfds.features.Text(), "en": tfds.features.Text()})


class TinyTranslationTestOnly(TinyTranslation):
    parts = MappingProxyType({"test": 5})


def test_tfds_translation(tmp_path):
    dataset = load_pairs("tfds:tiny_translation", validation_fraction=0.25, data_dir=tmp_path)
    assert dataset.languages == ("pt", "en")
    assert [len(part) for part in parts(dataset)] == [30, 10, 5]
    assert set(dataset.test.sources) == {f"frase \u00e9 {n}" for n in range(5)}
    pairs = dict(zip(dataset.train.sources, dataset.train.targets, strict=True))
    assert all(pairs[source].split()[-1] == source.split()[-1] for source in pairs)
    other = load_pairs("tfds:tiny_translation:en-pt", data_dir=tmp_path)
    assert other.languages == ("en", "pt")
    assert set(other.test.targets) == set(dataset.test.sources)


def test_empty_sentences_of_tfds(tmp_path):
    name = "tfds:tiny_translation_with_gaps"
    with pytest.raises(DataError, match=r"train, en, example \d+: the text is empty .*drop_empty"):
        load_pairs(name, data_dir=tmp_path)
    dataset = load_pairs(name, drop_empty=True, data_dir=tmp_path)
    assert [len(part) for part in parts(dataset)] == [37, 2, 4]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tiny_translatoin", "no dataset 'tiny_translatoin'; did you mean tiny_translation"),
        ("tiny_translation:pt-xx", "holds the languages .*asked for was pt-xx"),
        ("tiny_two_texts", "holds FeaturesDict of .*, no translations"),
        ("tiny_translation_test_only", "no split 'train' but test"),
        ("tiny_translation:pt-en:test_1", "only a folder has test parts"),
    ],
)
def test_wrong_tfds_names_are_refused(name, message, tmp_path):
    with pytest.raises(DataError, match=message):
        load_pairs(f"tfds:{name}", data_dir=tmp_path)


real = pytest.mark.skipif(
    "TRANSLATION_DATA_DIR" not in os.environ,
    reason="TRANSLATION_DATA_DIR is not set: a folder with multi30k/, fra-eng.zip and others",
)


def real_path(name):
    return Path(os.environ["TRANSLATION_DATA_DIR"]) / name


@pytest.mark.realdata
@real
def test_multi30k():
    dataset = load_pairs(f"{real_path('multi30k')}:de-en")
    assert [len(part) for part in parts(dataset)] == [29_000, 1_014, 1_000]
    texts = dataset.train.sources
    codec = TextCodec.fit(texts + dataset.train.targets, size=8_000, lowercase=True)
    start = time.perf_counter()
    ids = codec.encode(texts)
    assert time.perf_counter() - start < 10  # about 1 s on an idle machine
    assert bool(tf.reduce_all(codec.decode(ids) == codec.normalise(texts)))
    assert len(load_pairs(f"{real_path('multi30k')}:en-fr:test_2017_mscoco").test) == 461


@pytest.mark.realdata
@real
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("fra-eng.zip", 167_130),
        ("cmn-eng_2019.zip", 21_116),
        ("cmn-eng_with_attribution.txt.gz", 29_155),
    ],
)
def test_tatoeba(name, count):
    dataset = load_pairs(real_path(name), languages="en-xx", test_fraction=0.1)
    assert sum(len(part) for part in parts(dataset)) == count
    assert len(dataset.test) == round(0.1 * count)
    for side in ("sources", "targets"):
        train, _, test = ({text.lower() for text in getattr(part, side)} for part in parts(dataset))
        assert not train & test
