"""No public cell or layer escapes the contract."""

import pytest
from contract import CASES, EXEMPT, RELATIVES

from keras_seq import cells, layers

ALL = [*CASES, *RELATIVES]


def test_every_public_name_is_in_a_case_or_has_a_reason():
    run = {case.cell for case in ALL} | {case.layer for case in ALL}
    for package in (cells, layers):
        for name in package.__all__:
            assert (getattr(package, name) in run) != (name in EXEMPT), (
                f"{name}: add it to the cases of tests/contract.py, or to EXEMPT with a reason"
            )


def test_every_reason_belongs_to_a_public_name():
    assert set(EXEMPT) <= {*cells.__all__, *layers.__all__}


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_every_class_has_a_main_case(case):
    assert case.layer in {main.layer for main in ALL if main.main}
    assert case.layer.cell_class is case.cell
    assert case.cell.__name__ == case.layer.__name__ + "Cell"
    if case.keras_layer:
        assert case.layer.__name__ == case.keras_layer.__name__
