"""Long names in little room: shorter in steps, and never so that two look the same."""

from __future__ import annotations

import re

import pytest

from stepper.tui.names import Names, shortened, widths, without_beginning

STATE = ("", ".grad")
SEQUENTIAL = tuple(
    text
    for layer in (0, 2)
    for name in ("weight", "bias")
    for text in (
        f"model.{layer}.{name}", f"model.{layer}.{name}.grad", f"exp_avg of model.{layer}.{name}",
        f"exp_avg_sq of model.{layer}.{name}", f"∂L/∂model.{layer}.{name}", f"∂L/∂model.{layer}.{name}ᵀ",
    )
)  # fmt: skip
BLOCKS = tuple(
    f"model.{block}.{part}.{name}{state}"
    for block in range(3)
    for part in ("attention.query", "attention.key", "norm1", "norm2", "feedforward.0", "feedforward.2")
    for name in ("weight", "bias")
    for state in STATE
)


def test_what_all_share_is_left_out_and_then_the_parts_before_the_last_are_abbreviated_from_the_left() -> None:
    names = Names(BLOCKS)
    assert names.forms("model.1.attention.query.weight.grad") == [
        "model.1.attention.query.weight.grad",
        "…1.attention.query.weight.grad",
        "…1.att…query.weight.grad",
        "…1.att…que…weight.grad",
        "…1.a…q…weight.grad",
    ]
    assert names.forms("model.1.norm2.bias") == ["model.1.norm2.bias", "…1.norm2.bias"], "norm1 is beside it"
    assert names.fitted("exp_avg_sq of model.2.norm1.bias", 24) == "exp_avg_sq…2.norm1.bias"


def test_two_models_are_told_apart_by_their_beginnings() -> None:
    names = Names(["generator.0.weight", "discriminator.0.weight"])
    assert names.fitted("generator.0.weight", 9) == "g….weight", "cut in one place"
    assert names.forms("generator.0.weight") == ["generator.0.weight", "gen…0.weight", "g…0.weight"]
    assert names.forms("∂L/∂discriminator.0.weightᵀ")[-1] == "∂L/∂d…0.weightᵀ"


@pytest.mark.parametrize(
    "text",
    ["model.0", "loss.grad", "self.linear1(x)", "x₃.grad", "q @ k.transpose(-2, -1) / 4", "h * 0.5", "model", ""],
)
def test_what_is_no_path_of_the_model_stays_as_it_is(text: str) -> None:
    assert Names([*SEQUENTIAL, text]).forms(text) == [text]


@pytest.mark.parametrize("labels", [SEQUENTIAL, BLOCKS, without_beginning(BLOCKS)])
def test_no_two_names_look_the_same_and_all_fit(labels: tuple[str, ...]) -> None:
    shortest = widths(labels)[1]
    for width in range(15, 50):
        found = shortened(labels, width)
        assert set(found) == set(labels)
        assert max(map(len, found.values())) <= width
        assert len(set(found.values())) == len(labels), f"at {width} columns"
        names = Names(labels)
        for label, name in found.items() if width >= shortest else ():
            cut = ".*".join(map(re.escape, name.replace(" of …", "…").split("…")))
            assert re.fullmatch(cut, label), f"at {width} columns: {name} is not what is left of {label}"
            longer = [form for form in names.forms(label) if len(name) < len(form) <= width]
            assert not longer, "the longest form that fits, or one with more letters"


def test_what_is_abbreviated_has_as_many_letters_as_there_is_room_for() -> None:
    labels = tuple(
        f"model.{layer}.{name}" for layer in ("first_projection", "second_projection", "head") for name in STEPS
    )
    assert [shortened(labels, width)["model.second_projection.weight"] for width in (11, 12, 16, 24, 25, 30)] == [
        "…sec…weight", "…seco…weight", "…second_p…weight", "…second_projecti…weight", "…second_projection.weight",
        "model.second_projection.weight",
    ]  # fmt: skip
    assert shortened(labels, 16)["model.head.weight"] == "…head.weight"


STEPS = ("weight", "bias")


def test_a_part_that_is_abbreviated_says_so() -> None:
    labels = ("self.data", "other.data", "parameters.grad")
    assert shortened(labels, 8)["self.data"] == "sel…data"
    for width in range(6, 16):
        for label, name in shortened(labels, width).items():
            assert name == label or "…" in name, f"at {width} columns"


def test_names_that_are_cut_in_the_middle_are_told_apart_where_they_can_be() -> None:
    labels = tuple(f"a_rather_{place}_long_name_without_any_dot" for place in ("first", "second", "third", "fourth"))
    assert len(set(shortened(labels, 20).values())) == len(labels)


PAIRS = (
    ("model.conv1.bias.grad", "model.conv2.bias.grad", "model.bn.bias.grad"),
    ("∂L/∂model.linear2.weightᵀ", "∂L/∂model.linear1.weightᵀ"),
    ("exp_avg of model.linear1.weight", "exp_avg_sq of model.linear1.weight"),
    ("(output - label).pow(2).grad", "(output - label).grad"),
    ("np.dot(Whh, hs[t-1])", "np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t-1])"),
)


@pytest.mark.parametrize("labels", PAIRS, ids=lambda labels: labels[0])
def test_names_that_differ_in_little_show_what_differs(labels: tuple[str, ...]) -> None:
    for width in range(10, 40):
        found = shortened(labels, width)
        assert max(map(len, found.values())) <= width
        assert len(set(found.values())) == len(labels), f"at {width} columns: {found}"


def test_names_lose_the_parts_that_all_begin_with() -> None:
    assert without_beginning(["model.a.weight", "model.a.bias"]) == ("weight", "bias")
    assert without_beginning(["w1"]) == ("w1",)
