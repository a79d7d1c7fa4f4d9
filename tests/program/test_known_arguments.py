"""Which way a condition goes by what parameters are known to be."""

import ast

import pytest

from stepper.program.flow.known_arguments import outcome


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("train", True),
        ("opt", False),
        ("other", None),
        ("not opt", True),
        ("not other", None),
        ("opt is None", True),
        ("opt is not None", False),
        ("train is None", False),
        ("other is None", None),
        ("opt or train", True),
        ("other or train", True),
        ("other or opt", None),
        ("opt and other", False),
        ("train and other", None),
        ("train and not opt", True),
        ("len(train)", None),
    ],
)
def test_a_condition_holds_by_what_is_known_of_names(text: str, holds: bool | None) -> None:
    known = {"train": (True,), "opt": (None,)}
    assert outcome(ast.parse(text, mode="eval").body, known.get) is holds
