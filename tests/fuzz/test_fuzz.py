"""Some random scripts of each family are as in plain Python; and a comparison tells where one is not."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import stepper
from stepper.session.check.gradient_check import GradientCheck
from stepper.session.notebook import Run
from tests.fuzz import walk
from tests.fuzz.checked import accused, misjudged
from tests.fuzz.comparison import compared
from tests.fuzz.dialects import NUMPY
from tests.fuzz.families import FAMILIES, written
from tests.fuzz.hand_structures import straight
from tests.fuzz.plain import Plain, Truth, plain_run
from tests.fuzz.planting import planted
from tests.fuzz.script import Pen, Script
from tests.fuzz.trial import tried
from tests.fuzz.walk import walked

SEEDS = [("torch", 1), ("hand-torch", 2), ("numpy", 3), ("python", 8), ("python", 1)]


def test_every_family_is_tried() -> None:
    assert {family for family, _ in SEEDS} == set(FAMILIES)


def test_a_seeds_script_is_always_the_same() -> None:
    for family in FAMILIES:
        assert written(family, 5) == written(family, 5)
        assert written(family, 5).text != written(family, 6).text


@pytest.mark.parametrize(("family", "seed"), SEEDS)
def test_a_random_script_is_as_in_plain_python(family: str, seed: int, tmp_path: Path) -> None:
    script = written(family, seed)
    assert tried(script, tmp_path / script.name) == []


Compared = tuple[Run, Script, Plain]


def _straight() -> Script:
    """A script whose names are known: `W1`, `b1` and their gradients `dW1` and `db1`."""
    pen = Pen(1)
    straight(pen, NUMPY)
    return Script("numpy", 1, pen.text)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    script = _straight()
    path = tmp_path_factory.mktemp("honest") / script.name
    path.write_text(script.text, encoding="utf-8")
    with stepper.open(path) as run:
        yield run, script, plain_run(path)


def test_what_is_as_in_plain_python_has_no_difference(honest: Compared) -> None:
    assert compared(*honest) == []


LIES: dict[str, Callable[[Truth], Truth]] = {
    "its loss is": lambda truth: replace(truth, loss=2 * truth.loss),
    "the gradient of W1 (dW1) is another": lambda truth: replace(
        truth, gradients={**truth.gradients, "W1": (2 * truth.gradients["W1"][0],)}
    ),
    "no parameter holds what b1 does": lambda truth: replace(
        truth, parameters={**truth.parameters, "b1": truth.parameters["b1"] + 1e-15}
    ),
}


@pytest.mark.parametrize("said", LIES)
def test_another_truth_of_one_iteration_is_told_of(honest: Compared, said: str) -> None:
    run, script, plain = honest
    *before, last = plain.truths
    found = compared(run, script, replace(plain, truths=[*before, LIES[said](last)]))
    assert len(found) == 1 and said in found[0]


def test_another_number_of_iterations_or_another_print_is_told_of(honest: Compared) -> None:
    run, script, plain = honest
    count = len(plain.truths)
    found = compared(run, script, replace(plain, truths=plain.truths[1:]))
    assert found[0] == f"{count} iterations, and {count - 1} of plain Python"
    assert "it prints" in compared(run, script, replace(plain, printed=plain.printed.upper()))[0]


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("# role gradient: dW1", "# role gradient: z1; dW1", "z1 is activation, not gradient"),
        ("+ b1  # forward", "+ b1  # update", "is forward, not update"),
    ],
)
def test_another_role_or_phase_is_told_of(honest: Compared, right: str, wrong: str, said: str) -> None:
    run, script, plain = honest
    assert right in script.text
    found = compared(run, replace(script, text=script.text.replace(right, wrong)), plain)
    assert any(said in each for each in found)


Mistaken = tuple[Run, GradientCheck, Truth, Truth]


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mistaken]:
    """A run with a mistake in its backward pass, its check, and the first truths of the right script and of it."""
    right, truths = _straight(), []
    wrong = planted(right)
    assert wrong is not None
    path = tmp_path_factory.mktemp("mistaken") / right.name
    for script in (right, wrong):
        path.write_text(script.text, encoding="utf-8")
        truths.append(plain_run(path).truths[0])
    with stepper.open(path) as run:
        yield run, run.check(0, entries=2), truths[0], truths[1]


def test_a_planted_mistake_is_found(mistaken: Mistaken) -> None:
    run, check, right, wrong = mistaken
    assert list(misjudged(run, check, right, wrong)) == []
    assert any("differs" in each for each in accused(check, 0))


def test_a_check_that_is_mistaken_is_told_of(mistaken: Mistaken) -> None:
    run, check, right, wrong = mistaken
    assert any("is called wrong" in each for each in misjudged(run, check, wrong, wrong))
    other = replace(right, gradients={name: (2 * each + 1,) for name, (each,) in right.gradients.items()})
    assert any("is called right" in each for each in misjudged(run, check, other, wrong))


def test_a_script_is_walked_through_in_the_app(tmp_path: Path) -> None:
    script = written("python", 1)
    assert walked(script, tmp_path / script.name, count=6) == []


def test_an_app_that_fails_in_a_walk_is_told_of_with_the_last_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: object) -> None:
        raise ValueError("one key too many")

    monkeypatch.setattr(walk, "settled", fail)
    script = written("python", 1)
    (said,) = walked(script, tmp_path / script.name, count=6)
    assert "in the app at" in said and "one key too many" in said
