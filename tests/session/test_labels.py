"""Labels that are like one that there is not."""

import pytest

from stepper.session.labels import missing, near

LABELS = ["x", "model.hidden.weight", "model.hidden.bias", "x.mm(w1).clamp(min=0)", "learning_rate", "loss"]


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("weight", ["model.hidden.weight"]),
        ("Bias", ["model.hidden.bias"]),
        ("hidden.weight", ["model.hidden.weight"]),
        ("clamp", ["x.mm(w1).clamp(min=0)"]),
        ("lerning_rate", ["learning_rate"]),
        ("los", ["loss"]),
        ("nope", []),
        ("", []),
    ],
)
def test_what_is_like_it_comes_first(asked: str, first: list[str]) -> None:
    assert near(asked, LABELS)[:1] == first


def test_one_line_says_what_there_is() -> None:
    assert missing("los", LABELS) == "no value 'los' in this record; did you mean loss? .labels has all 6"
    assert missing("qqq", LABELS).endswith(
        "there are x, model.hidden.weight, model.hidden.bias, learning_rate, loss and 1 more, in .labels"
    )
    assert missing("qqq", []) == "this record has no values"
    assert missing("qqq", ["a"]).endswith("there are a")
