"""Labels that are like one that there is not."""

import pytest

from stepper.record import Parameter, Summary, Value
from stepper.session.errors import Misuse
from stepper.session.findings.labels import missing, named, near

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


def test_parameters_are_named_wholly_by_their_module_or_by_their_beginning() -> None:
    def parameter(name: str) -> Parameter:
        nothing = Value(name, "parameter", "before", Summary("scalar", "float", value=1.0))
        return Parameter(name, (), nothing, nothing, None, nothing)

    held = [
        *map(parameter, ("net.0.weight", "net.0.bias", "net.01.weight", "layers[0].w", "layers[1].w", "self.w (2)"))
    ]

    def found(*names: str) -> list[str]:
        return [each.name for each in named("train.py", held, names)]

    assert found() == [each.name for each in held]
    assert found("net.0.bias") == ["net.0.bias"]
    assert found("net.0") == ["net.0.weight", "net.0.bias"]
    assert found("layers[1]", "net.01") == ["net.01.weight", "layers[1].w"]
    assert found("layers") == ["layers[0].w", "layers[1].w"] and found("self.w") == ["self.w (2)"]
    assert found("layers.1") == found("layers.1.w") == ["layers[1].w"] and found("net[0]") == found("net.0")
    assert found("net.0.w") == ["net.0.weight"], "no name, and no module: a beginning"
    with pytest.raises(Misuse, match=r"^train.py: no parameter is called net.0.wieght; did you mean net.0.weight"):
        found("net", "net.0.wieght")
    with pytest.raises(Misuse, match=r"no parameter is called q; there are net.0.weight, .* and 1 more$"):
        found("q")
