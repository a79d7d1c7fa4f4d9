"""Probed code computes, prints, binds and raises exactly what plain code does."""

from collections.abc import Callable

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from stepper.program import nodes
from stepper.program.program import Program, analyse
from tests.program.generated import script
from tests.program.probes import Probes, execute
from tests.program.traps import TRAPS

PATH = "script.py"
CHOICES = {
    "all recorded": lambda n: True,
    "none recorded": lambda n: False,
    "alternating": lambda n: n % 2 == 0,
    "setup plain": lambda n: n >= 0,
}

STOPPING: list[tuple[str, Callable[[int], bool], bool]] = [
    ("all stopped at", lambda n: False, True),
    ("alternating with stops", lambda n: n % 2 == 0, True),
]


def comparable(bound: dict[str, object]) -> dict[str, object]:
    """What a script bound, without objects that differ by identity only."""
    plain = (bool, int, float, str, type(None), complex)

    def simple(value: object) -> object:
        if isinstance(value, plain):
            return value
        if isinstance(value, (list, tuple, set)):
            return type(value).__name__, [simple(part) for part in value]
        if isinstance(value, dict):
            return [(simple(k), simple(v)) for k, v in value.items()]
        return type(value).__name__

    return {name: simple(value) for name, value in bound.items()}


def check(source: str, program: Program | None = None) -> None:
    """The script under every choice of recording does what it does by itself."""
    program = program or analyse(source, PATH)
    plain = execute(compile(source, PATH, "exec", dont_inherit=True), source, PATH)
    for name, choose, armed in [*((name, choose, False) for name, choose in CHOICES.items()), *STOPPING]:
        probes = Probes(program, choose, armed=armed)
        with probes.installed():
            printed, bound, failure = execute(program.code, source, PATH)
        assert printed == plain[0], name
        assert comparable(bound) == comparable(plain[1]), name
        assert list(bound) == list(plain[1]), name
        assert failure == plain[2], name


@pytest.mark.parametrize("trap", TRAPS)
def test_a_probed_script_does_what_it_does_by_itself(trap: str) -> None:
    source = TRAPS[trap]
    program = analyse(source, PATH)
    line = next(n for n, text in enumerate(source.split("\n"), 1) if text.endswith("# loop"))
    assert program.loop is not None and program.loop.line == line
    check(source, program)


@pytest.mark.parametrize("trap", TRAPS)
def test_code_that_is_not_recorded_can_stop_wherever_the_record_has_a_statement(trap: str) -> None:
    check_stops(TRAPS[trap])


def check_stops(source: str, loop: str | None = None) -> None:
    """A run of which nothing is recorded can stop on the lines of a recorded one's statements and calls, in order."""
    program = analyse(source, PATH, loop=loop)
    lines: list[list[int]] = []
    for recorded in (True, False):
        probes = Probes(program, lambda n, recorded=recorded: recorded, armed=True)  # type: ignore[misc]
        with probes.installed():
            execute(program.code, source, PATH)
        met: list[int] = []
        for name, arguments in probes.calls:
            if name in (nodes.STATEMENT, nodes.AGAIN, nodes.ENTER):
                met.append(program.sites[arguments[0]].line)
            elif name == nodes.STOP:
                met.append(program.stops[arguments[0]].line)
        lines.append(met)
    assert lines[0] == lines[1]
    assert lines[1]


@pytest.mark.parametrize("trap", TRAPS)
def test_a_script_taken_as_one_iteration_does_what_it_does_by_itself(trap: str) -> None:
    check(TRAPS[trap], analyse(TRAPS[trap], PATH, loop="none"))


def test_a_generator_that_was_entered_before_is_recorded_and_stopped_in_where_it_goes_on() -> None:
    source = """
def batches():
    for t in range(8):
        with open(__file__):
            x = t + 1
            yield x
class Data:
    def __iter__(self):
        yield from batches()
w = 1.0
for x in Data():
    loss = w * x
    w -= 0.1 * loss
"""
    program = analyse(source, __file__)
    assert program.loop is not None and program.loop.line == 11
    inside = {3: "for t in range(8)", 4: "with open(__file__)", 5: "x = t + 1", 6: "yield x"}
    for armed in (False, True):
        probes = Probes(program, lambda n: n == 4, armed=armed)
        with probes.installed():
            exec(program.code, {"__name__": "__main__", "__file__": __file__})
        assert [text for text in probes.texts() if text in inside.values()] == [inside[4], inside[5], inside[6]]
        stops = [program.stops[arguments[0]].line for name, arguments in probes.calls if name == nodes.STOP]
        assert [line for line in stops if line in inside] == ([3] + [4, 5, 6] * 7 if armed else [])


# A failing script is named by its number, so there is nothing to shrink.
QUICK = settings(phases=[Phase.explicit, Phase.reuse, Phase.generate])


@pytest.mark.parametrize(
    "test",
    [
        "w > 10",
        "not w < 10",
        "w < 5 and w > 10",
        "(w if w > 10 else w > 4)",
        "max(*[w], {'x': 5}['x']) != 5",
        "1 < w < 2",
        "not w",
    ],
)
def test_a_failed_assertion_is_marked_as_it_is_by_itself(test: str) -> None:
    source = f"w = 1\nfor i in range(3):\n    w = w * 2\n    assert {test}, 'assertion'\n"
    check(source, analyse(source, PATH, loop="2"))


def line_of_loop(source: str) -> str:
    return str(source.split("\n").index("for step in range(3):") + 1)


@settings(QUICK, max_examples=25)
@given(st.integers(0, 1 << 30))
def test_a_generated_script_does_what_it_does_by_itself(seed: int) -> None:
    source = script(seed)
    check(source, analyse(source, PATH, loop=line_of_loop(source)))
    check_stops(source, line_of_loop(source))


@settings(QUICK, max_examples=10)
@given(st.integers(0, 1 << 30), st.sampled_from(["w", "w * 2", "[w, len(xs)]"]))
def test_an_expression_for_the_loss_is_evaluated_once_a_pass(seed: int, loss: str) -> None:
    source = script(seed)
    program = analyse(source, PATH, loop=line_of_loop(source), loss=loss)
    plain = execute(compile(source, PATH, "exec", dont_inherit=True), source, PATH)
    for choose in CHOICES.values():
        probes = Probes(program, choose)
        with probes.installed():
            printed, _, failure = execute(program.code, source, PATH)
        assert (printed, failure) == (plain[0], plain[2])
        names = [name for name, _ in probes.calls if name in (nodes.ITERATION, nodes.LOSS_OF)]
        if not failure and "break" not in source:
            assert names == [nodes.ITERATION, nodes.LOSS_OF] * 3
        assert nodes.LOSS not in {name for name, _ in probes.calls}
