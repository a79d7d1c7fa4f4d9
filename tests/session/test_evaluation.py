"""Expressions of recorded values: worked out in the script's process, of copies, and never of its present state."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest

import stepper
from stepper.inferior.protocol import Operand
from stepper.record import Summary, Value
from stepper.session import NotAnExpression
from stepper.session.evaluation import AtWork, evaluated
from stepper.session.expressions import Labels, asked, checked, proposed
from stepper.session.notebook import Run
from tests.session.support import opened, script


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with stepper.open("numpy", preset="small", seed=0) as opened:
        yield opened


def test_an_expression_is_worked_out_of_what_the_iteration_held_and_not_of_the_present(run: Run) -> None:
    early, late = run.iteration(1), run.iteration(4)
    for it in (early, late):
        found = it.evaluate("(h > 0).sum(0)")
        assert numpy.array_equal(found.array, (it["h"].array > 0).sum(0))
        ratio = it.evaluate("np.linalg.norm(grad_w1) / np.linalg.norm(w1)").array
        assert float(ratio) == numpy.linalg.norm(it["grad_w1"].array) / numpy.linalg.norm(it["w1"].array)
    assert not numpy.array_equal(early.evaluate("w1 + 0").array, late.evaluate("w1 + 0").array)


def test_what_comes_of_it_is_kept_once_and_drawn_like_any_other_value_of_the_record(run: Run) -> None:
    it = run.iteration(1)
    first, again = it.evaluate("h * 2").value, it.evaluate("h * 2").value
    assert first == again and first.copy is not None and first.summary.shape == (4, 6)
    window = run._do(run.session.window(1, first.copy, 4, 6))
    assert window.cells == (it["h"].array * 2).ravel().tolist()


def test_a_line_s_own_expressions_are_read_where_they_were_recorded_and_both_quotes_are_one_label(
    tmp_path: Path,
) -> None:
    source = """
    import torch
    w = {"a": torch.ones(3, requires_grad=True)}
    for t in range(2):
        loss = w['a'].mul(torch.tensor([1.0, -2.0, 3.0])).clamp(min=0).sum()
        loss.backward()
        with torch.no_grad():
            w['a'] -= 0.1 * w['a'].grad
            w['a'].grad = None
    """
    with stepper.open(script(tmp_path, source)) as run:
        it = run.iteration(0)
        assert it.evaluate('w["a"].shape').array.item() == "(3,)"
        clamped = "w['a'].mul(torch.tensor([1.0, -2.0, 3.0])).clamp(min=0)"
        assert clamped in it and it.evaluate(f"{clamped}.numpy()").array.tolist() == [1.0, 0.0, 3.0]
        # by then it was another w: the text is looked up, and not evaluated anew
        assert it["w['a']"].array.tolist() != [1.0, 1.0, 1.0]


def test_numbers_lists_shapes_and_types_can_be_told_and_lists_are_python_s_own(tmp_path: Path) -> None:
    source = "w = [1.0, -2.0]\nfor t in range(3):\n    loss = w[0] * w[0]\n    w = [each * 0.5 for each in w]\n"
    with stepper.open(script(tmp_path, source)) as run:
        it = run.iteration(1)
        assert it.evaluate("sum(w) + t").array.item() == -0.25 + 1
        assert it.evaluate("[abs(each) for each in w]").array.tolist() == [0.25, 0.5]
        assert it.evaluate("w.append(3.0)").array.item() == "None" and it["w"].array.tolist() == [0.25, -0.5]
        assert it.evaluate("math.sqrt(loss) > 0").array.item() is True


def test_a_parameter_has_the_name_that_the_parameters_are_listed_by(tmp_path: Path) -> None:
    source = """
    import numpy as np
    class Layer:
        def __init__(self, w):
            self.w = w
    layers = [Layer(np.ones(2)), Layer(np.full(3, 2.0))]
    for t in range(2):
        loss = sum((layer.w ** 2).sum() for layer in layers)
        for layer in layers:
            grad = 2 * layer.w
            layer.w -= 0.25 * grad
    """
    with stepper.open(script(tmp_path, source)) as run:
        it = run.iteration(0)
        assert it.evaluate("layers[0].w").array.tolist() == [0.5, 0.5]
        assert it.evaluate("layers[1].w.sum()").array.item() == 3.0


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("grad_w + 1", "nothing here is called grad_w; did you mean grad_w2 or grad_w1"),
        ("w1 @ w1", "ValueError: matmul: "),
        ("w1(h)", "w1 stands for a recorded value here, which cannot be called"),
        ("len(h.blocks)", "h stands for its recorded value here, a numpy.ndarray, which has no blocks"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("(_ for _ in ()).throw(SystemExit(3))", "SystemExit: 3"),
        ("np.zeros((20000, 20000))", "its value takes 3.2 GB, for which there is no room: see --memory"),
        ("np.where(h > 0)", "it has 2 values: take one of them, as with [0]"),
    ],
)
def test_what_cannot_be_evaluated_is_told_in_one_line(run: Run, expression: str, said: str) -> None:
    with pytest.raises(LookupError) as raised:
        run.iteration(1).evaluate(expression)
    assert str(raised.value).startswith(said) and "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["h +", "h = 1", "(yield)"])
def test_what_is_no_expression_is_refused(run: Run, text: str) -> None:
    with pytest.raises(NotAnExpression, match=r"not a Python expression|by itself"):
        run.iteration(1).evaluate(text)


def test_a_value_of_which_only_a_picture_is_kept_says_so(tmp_path: Path) -> None:
    source = "import numpy as np\nw = np.ones(4000)\nfor t in range(2):\n    loss = w.sum()\n    w = w * 0.5\n"
    with (
        stepper.open(script(tmp_path, source), memory=1000) as run,
        pytest.raises(LookupError, match="of w only a summary and a pooled picture are kept: see --memory"),
    ):
        run.iteration(1).evaluate("w.mean()")


def test_names_that_an_expression_binds_itself_are_not_those_of_the_record() -> None:
    def held(label: str) -> None:
        raise AssertionError(f"{label} was read")

    found = asked("[h for h in (1, 2)] + list(map(lambda w: w * 2, (3,)))", Labels(["h", "w"]), held)
    assert not found.operands and found.text.startswith("[h for h in")


@pytest.mark.parametrize("text", ["m is v", "m[0] is not v[0]", "np.shares_memory(m, v)", "m.data_ptr()", "id(m)"])
def test_whether_two_are_one_object_no_copy_tells(text: str) -> None:
    with pytest.raises(LookupError, match="an expression works on copies"):
        asked(text, Labels([]), lambda _: None)
    assert asked("None is not (1 if True is True else None)", Labels([]), lambda _: None).operands == ()


def test_what_lies_in_a_list_of_layers_is_called_as_torch_calls_it_or_as_python_does() -> None:
    value = Value("model.2.weight", "parameter", "operand", Summary("tensor", "Parameter", (2,)), 7)
    for text in ("model.2.weight.norm() + 1.5", "model[2].weight.norm() + 1.5"):
        assert checked(text) == text
        found = asked(text, Labels(["model.2.weight"]), lambda _: value)
        assert found == ("_0.norm() + 1.5", (Operand(copy=7),))


def test_what_a_module_holds_is_named_where_its_output_was_asked_for_it() -> None:
    labels = Labels(["net", "net.blocks.0.weight", "net.blocks.1", "net.head"])
    problem = "AttributeError: 'Tensor' object has no attribute 'blocks'"
    said = "net stands for its recorded value here, a Tensor, which has no blocks"
    assert proposed(problem, "len(net.blocks)", labels) == f"{said}; recorded are net.blocks.0.weight, net.blocks.1"
    assert proposed(problem, "net.sum().blocks", labels) == problem


async def test_nothing_is_evaluated_while_the_script_is_at_work(tmp_path: Path) -> None:
    source = "import time\nw = 1.0\nwhile True:\n    loss = w * w\n    w = w - 0.1 * loss\n    time.sleep(0.001)\n"
    async with opened(script(tmp_path, source)) as session:
        labels = Labels(["w"])
        wanted = asked(
            "w + 1", labels, lambda _: Value("w", "parameter", "operand", Summary("scalar", "float", value=2.0))
        )
        assert (await evaluated(session, 0, "w + 1", labels, wanted)).summary.value == 3.0
        running = asyncio.create_task(session.run())
        async with asyncio.timeout(60):
            while len(session.losses) < 3:
                await asyncio.sleep(0.005)
        with pytest.raises(AtWork):
            await evaluated(session, 0, "w + 1", labels, wanted)
        await session.pause()
        await running
        assert (await evaluated(session, 0, "w + 1", labels, wanted)).summary.value == 3.0
