"""Each model is converted once for all tests."""

import pytest

from keras_seq.export import export_all, to_tflite

from .examples import LABELS, SpaceTokenizer, make_classifier, make_zoo, padded_ids


@pytest.fixture(scope="session")
def zoo(tmp_path_factory):
    """The zoo and its .tflite, with its report."""
    model = make_zoo()
    path = tmp_path_factory.mktemp("zoo") / "model.tflite"
    return model, path, to_tflite(model, path, check_inputs=[padded_ids(4, 19)])


@pytest.fixture(scope="session")
def classifier(tmp_path_factory):
    """The small model, its export folder, the report and the stages that were told."""
    model, stages = make_classifier(), []
    folder = tmp_path_factory.mktemp("classifier") / "export"
    report = export_all(
        model,
        folder,
        tokenizer=SpaceTokenizer(),
        labels=LABELS,
        check_texts=["good film", "not good", "bad bad film indeed"],
        on_stage=stages.append,
    )
    return model, folder, report, stages
