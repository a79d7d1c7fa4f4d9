"""What entries say together: agreement, a constant factor, a sign, or that nothing can be told."""

import asyncio
import itertools
from dataclasses import replace

import pytest

from stepper.inferior.protocol import Move, Tried
from stepper.record import Parameter, Summary, Value
from stepper.session.check.check_text import lines, verdict
from stepper.session.check.decay_term import with_decay_term
from stepper.session.check.finite_difference import Slope
from stepper.session.check.gradient_check import (
    STEPPED,
    EntryCheck,
    GradientCheck,
    ParameterCheck,
    Verdict,
    by_graph,
    compared,
    concluded,
    settled,
    told_factor,
    unknown,
    unmoved,
)
from stepper.session.check.together import Setting, Way, together
from stepper.session.findings.versions import Version

UNIT = 2.0**-53


def entry(recorded: float, found: float, error: float = 1e-6, *, still: bool = False) -> EntryCheck:
    others = ((found, error, 0.0), (found * (1 + 1e-9), error / 2, 0.0))
    return compared((0,), recorded, Slope(found, error, 1e-5, others, still), UNIT, 1.0)


def checked(*pairs: tuple[float, float], along: bool = False, unsure: str = "", loss: float = 13.0) -> ParameterCheck:
    return concluded("w", (9,), [entry(*pair) for pair in pairs], along=along, unsure=unsure, loss=loss)


def test_the_same_gradient_agrees() -> None:
    assert checked((2.0, 2.0), (-1.0, -1.0 + 1e-7), (0.0, 0.0)).verdict is Verdict.AGREES
    assert entry(0.0, 0.0, error=0.5).verdict is Verdict.AGREES  # nothing, and nothing


@pytest.mark.parametrize(("unit", "agrees"), [(UNIT, True), (2.0**-11, False), (2.0**-8, False)])
def test_along_a_direction_too_nothing_agrees_with_nothing_only_where_something_would_be_seen(
    unit: float, agrees: bool
) -> None:
    number = Value("w", "parameter", "operand", Summary("scalar", "float", value=0.0))
    parameter = Parameter("w", (), number, number, number, number)
    way = Way(parameter, (Version((number,)),), Move("w", number.summary, 0, 1.0), (0.0,), 0.0)

    async def push(_: list[Move], numbers: list[float | None]) -> list[Tried]:
        return [Tried(each, [1.0]) for each in numbers]

    told = asyncio.run(together([way], Setting([1.0], frozenset(), unit, 0.0), push, 0, lambda: False))
    assert ("w" in told.agreed) is agrees


@pytest.mark.parametrize("several", [1, 9])  # what is made of a loss, or one of many
@pytest.mark.parametrize(("noise", "slope", "agrees"), [(0.0, 1.0, True), (0.0, 1.01, False), (1e-4, 1.01, False)])
def test_a_coarse_slope_that_lies_near_that_of_what_is_made_of_losses_does_so_by_chance(
    noise: float, slope: float, agrees: bool, several: int
) -> None:
    number = Value("w", "parameter", "operand", Summary("scalar", "float", value=1.0))
    parameter = Parameter("w", (), number, number, number, number)
    way = Way(parameter, (Version((number,)),), Move("w", number.summary, 0, 1.0), (slope,), 0.0)

    async def push(_: list[Move], numbers: list[float | None]) -> list[Tried]:
        return [Tried(each, losses(each or 0.0)) for each in numbers]

    def losses(number: float) -> list[float]:
        return [*[0.5 + number] * (several - 1), 1.0 + 2.0 * number]

    half = ((lambda losses: losses[-1] / 2, "half of it"),) if several == 1 else ()
    told = asyncio.run(
        together([way], Setting(losses(0.0), frozenset(), UNIT, noise, made=half), push, 0, lambda: False)
    )
    assert ("w" in told.agreed) is agrees


def test_nothing_agrees_with_nothing_only_where_as_much_as_others_have_would_be_seen() -> None:
    wide = entry(0.0, 0.0, error=1.0)
    assert wide.verdict is Verdict.UNKNOWN and "rounding" in wide.reason
    assert compared((0,), 0.0, Slope(0.0, 1.0, 1e-5), UNIT, 0.0).verdict is Verdict.AGREES  # no gradient is any
    for others, expected in ((0.5, Verdict.UNKNOWN), (2.0, Verdict.AGREES)):
        assert compared((0,), 0.0, Slope(0.0, 1.0, 1e-5), UNIT, 0.0, others=others).verdict is expected
    every = concluded("w", (9,), [wide, wide])
    assert every.verdict is Verdict.UNKNOWN and every.note == wide.reason


def test_what_is_rounded_as_something_much_larger_agrees_with_nothing_and_differs_from_nothing() -> None:
    found = Slope(0.2, 1e-6, 1e-5, ((0.2, 1e-6, 0.0), (0.2, 5e-7, 0.0)))
    assert compared((0,), 0.6, found, UNIT, 1.0).verdict is Verdict.DIFFERS
    assert compared((0,), 0.6, found, UNIT, 1.0, size=1e14).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (0.5, "× 0.5 of the finite difference: a factor 2 is missing"),
        (64.0, "× 64 of the finite difference: a factor 64 is extra, or 1/64 is missing"),
        (-1.0, "× −1: its sign is wrong"),
        (-0.5, "× −0.5 of the finite difference: a factor 2 is missing, and its sign is wrong"),
    ],
)
def test_a_constant_factor_is_told(factor: float, said: str) -> None:
    found = checked(*((factor * each, each) for each in (3.0, -1.0, 0.25)))
    assert found.verdict is Verdict.DIFFERS
    assert found.factor == factor and found.note == said == told_factor(factor)


def test_of_a_negative_gradient_that_the_update_adds_the_sign_is_not_blamed() -> None:
    found = checked(*((-0.5 * each, each) for each in (3.0, -1.0, 0.25)), along=True)
    assert found.verdict is Verdict.DIFFERS and found.factor == -0.5
    assert found.note.endswith(
        "a factor 2 is missing; what is recorded is the negative gradient, and the update adds it"
    )
    assert checked(*((0.5 * each, each) for each in (3.0, -1.0)), along=True).note == told_factor(0.5)


def test_of_a_single_entry_only_a_simple_factor_is_told() -> None:
    assert checked((8.0, 2.0)).factor == 4 and checked((1.0, -3.0)).factor == -1 / 3
    assert checked((-236.5432, 1.0)).factor is None
    for recorded, factor in ((46.6, None), (-0.99, -1.0), (2.01, None), (2.0, 2.0)):  # within 2 in 100 many are simple
        width = 0.001 if recorded == 2.0 else 0.02 * abs(recorded)
        vague = EntryCheck((0,), recorded, 1.0, width / 2, width, Verdict.DIFFERS)
        assert concluded("w", (9,), [vague]).factor == factor


def test_a_factor_that_is_not_the_same_everywhere_is_none() -> None:
    found = checked((1.0, 2.0), (1.0, 3.0))
    assert found.verdict is Verdict.DIFFERS and found.factor is None and found.note == ""
    assert checked((1.0, 2.0), (2.0, 4.0), (0.0, 1.0)).factor is None
    assert checked((1.0, 2.0)).factor == 0.5  # of the one entry that there is
    near = checked((1.0001, 1.0), (2.0002, 2.0), (0.50005, 0.5))
    assert near.verdict is Verdict.DIFFERS and near.factor is None and near.note == ""
    several = concluded("w", (9,), [entry(1.0, 2.0), unsaid()])
    assert several.factor is None  # one of several entries is a chance
    rounded = checked((1e-17, 0.2476), (1e-17, -0.1798), (1e-17, -0.0678))  # what adds up to 0, but for rounding
    assert rounded.verdict is Verdict.DIFFERS and rounded.factor is None and rounded.note == ""
    assert checked((2e-7, 2e-5), (0.5, 50.0), (1.0, 100.0)).factor == 0.01  # small beside others, it has one


@pytest.mark.parametrize(("times", "said"), [(0.1, "0.1 × w is missing"), (-0.5, "0.5 × w is extra"), (0.0, "")])
def test_a_multiple_of_the_parameter_that_is_off_in_every_entry_is_told(times: float, said: str) -> None:
    at, recorded = (2.0, -1.0, 0.5), (1.0, 3.0, -2.0)
    found = checked(*((each, each + times * theta) for each, theta in zip(recorded, at, strict=True)))
    assert with_decay_term(found, at).note.startswith(said)
    other = checked((1.0, 1.2), (3.0, 2.9), (-2.0, -2.2))
    assert with_decay_term(other, at).note == "" and other.verdict is Verdict.DIFFERS


def unsaid() -> EntryCheck:
    return compared((1,), 1.0, None, UNIT, 1.0)


def test_a_negative_gradient_that_is_added_is_right() -> None:
    found = checked((-1.0, 1.0), (2.0, -2.0), along=True)
    assert {found.verdict, *(each.verdict for each in found.entries)} == {Verdict.AGREES}
    assert checked((-1.0, 1.0), (2.0, -2.0)).verdict is Verdict.DIFFERS


@pytest.mark.parametrize(
    ("loss", "factor", "along", "said"),
    [
        (-0.4846, -0.4846, False, "half its square"),
        (0.2731, 0.5462, False, "its square"),
        (0.2731, -0.2731, True, "half its square, its negative, which the update adds"),
        (-0.5, -0.5, False, "half its square"),  # no loss that is descended is negative
        (0.5, 0.5, False, ""),  # a factor 2 is missing more often
        (-0.4846, 0.4846, False, ""),
        (0.2731, 0.2731, True, ""),
    ],
)
@pytest.mark.parametrize("slopes", [(3.0, -1.0, 0.25), (3.0,)])
def test_a_step_that_descends_the_square_of_an_error_that_is_called_the_loss_is_right(
    loss: float, factor: float, along: bool, said: str, slopes: tuple[float, ...]
) -> None:
    found = checked(*((factor * each, each) for each in slopes), loss=loss, along=along)
    assert {found.verdict, *(e.verdict for e in found.entries)} == {Verdict.AGREES if said else Verdict.DIFFERS}
    assert ("with a sign" in found.note) == bool(said) and (not said or found.note.endswith(said))


def test_where_the_rest_hides_a_gradient_the_cut_is_told_all_the_same() -> None:
    apart, hidden = checked((1.0, 2.0), (1.0, 3.0)), unknown("w", (9,), "the rounding of float32 hides it")
    told = by_graph(apart, hidden, "line 4 cuts the graph (.detach())")
    assert told.verdict is Verdict.UNKNOWN and told.note.startswith("line 4 cuts the graph (.detach()); a part of")
    assert by_graph(apart, hidden, "").note.startswith("a part of")


def test_where_the_loss_does_not_change_at_all_what_is_recorded_is_wrong_but_for_a_reason() -> None:
    still = [entry(1.0, 0.0, still=True), entry(-2.5, 0.0, still=True)]
    assert unmoved(still) == 1 and unmoved([*still, entry(1.0, 2.0)]) is None and unmoved([entry(1.0, 1.0)]) is None
    found = concluded("w", (9,), still)
    assert found.verdict is Verdict.DIFFERS and "its gradient is 0" in found.note
    assert concluded("w", (9,), still, unsure=STEPPED).verdict is Verdict.UNKNOWN
    assert checked((1.0, 0.0), (-2.5, -2.0)).verdict is Verdict.DIFFERS


def test_what_changes_nothing_at_the_narrow_steps_is_seen_there() -> None:
    rounding = ((0.0, 0.1, 0.0), (0.0, 0.05, 0.0), (3.0, 0.02, 0.0), (0.2, 0.01, 0.0))
    near = Slope(0.0, 0.05, 1e-5, rounding, 2)
    assert (
        compared((0,), 2.0, near, UNIT, 1.0).still and compared((0,), 2.0, near, UNIT, 1.0).verdict is Verdict.DIFFERS
    )
    assert compared((0,), 0.15, near, UNIT, 1.0).verdict is Verdict.UNKNOWN  # rounding may hide it
    assert compared((0,), 0.0, near, UNIT, 1.0).verdict is Verdict.AGREES
    far = Slope(0.0, 0.1, 1e-5, rounding[:1] * 2 + ((0.05, 0.01, 0.0),), 2)
    assert compared((0,), 0.0, far, UNIT, 0.0).verdict is Verdict.UNKNOWN  # so narrow that nothing would be seen


def test_nothing_that_changes_nothing_is_no_agreement_beside_what_cannot_be_told() -> None:
    nothing = entry(0.0, 0.0)
    found = concluded("w", (9,), [nothing, unsaid()])
    assert found.verdict is Verdict.UNKNOWN and found.note == unsaid().reason
    assert concluded("w", (9,), [nothing, unsaid(), entry(1.0, 1.0)]).verdict is Verdict.AGREES
    zeros = concluded("w", (9,), [nothing, nothing])
    assert zeros.verdict is Verdict.AGREES and "is 0 at all entries" in zeros.note
    half = concluded("w", (9,), [entry(1.0, -2.0), nothing, nothing])
    assert half.factor == -0.5
    assert concluded("w", (9,), [entry(1.234, -2.0), nothing, nothing]).factor is None  # any two have a quotient


def test_kinks_are_told_once_and_a_better_reason_goes_before_them() -> None:
    slopes = [Slope(1.0, 0.01, step, ((0.5, 0.01, 0.0), (1.0, 0.01, 0.0))) for step in (0.1, 0.2)]
    kinks = [compared((0,), 0.45, each, UNIT, 1.0) for each in slopes]
    assert concluded("w", (9,), kinks).note == "the loss bends, or has kinks (ReLU crossings, say), within ±0.2"
    better = concluded("w", (9,), kinks, unsure="w is updated first")
    assert {better.note, *(each.reason for each in better.entries)} == {"w is updated first"}


ENTRIES = (
    (1.0, 1.0, 1e-6), (1.0, -0.5, 1e-6), (-1.0, 1.0, 1e-6), (0.0, 0.0, 1e-6), (1e-3, 2e-3, 0.5), (1.0, 0.0, 1e-6),
    (1.0, 2.0, 1e-6),
)  # fmt: skip


@pytest.mark.parametrize("along", [False, True])
@pytest.mark.parametrize("unsure", ["", "why"])
def test_a_verdict_follows_from_its_rows(along: bool, unsure: str) -> None:
    for chosen in itertools.product(ENTRIES, repeat=3):
        rows = [entry(*each, still=each[1] == 0.0) for each in chosen]
        found = settled(concluded("w", (9,), rows, along=along, unsure=unsure))
        told = {each.verdict for each in found.entries}
        assert (found.verdict is Verdict.DIFFERS) == (Verdict.DIFFERS in told), found
        assert found.verdict is not Verdict.AGREES or Verdict.AGREES in told, found
        assert found.verdict is not Verdict.UNKNOWN or (Verdict.UNKNOWN in told and found.note), found


def test_where_the_loss_changes_by_rounding_only_a_gradient_that_is_something_is_wrong() -> None:
    found = concluded("w", (9,), [entry(1.0, 0.0, still=True), entry(-2.5, 1e-7)])
    assert found.verdict is Verdict.DIFFERS and "by rounding only: its gradient is 0" in found.note
    assert "by rounding only" not in checked((1.0, 0.0), (-2.5, 2.0)).note


def test_what_may_be_right_all_the_same_is_not_called_wrong() -> None:
    found = checked((1.0, 2.0), (1.0, 3.0), unsure="why")
    assert (found.verdict, found.note) == (Verdict.UNKNOWN, "why")


def test_an_error_bar_as_wide_as_the_gradient_tells_nothing() -> None:
    found = concluded("w", (9,), [entry(1e-3, 2e-3, error=0.5)])
    assert found.verdict is Verdict.UNKNOWN and "rounding" in found.note


def test_slopes_of_other_steps_leave_room() -> None:
    kinks = Slope(1.0, 0.01, 0.1, ((0.5, 0.01, 0.0), (1.0, 0.01, 0.0)))
    assert compared((0,), 0.45, kinks, UNIT, 1.0).verdict is Verdict.UNKNOWN
    assert compared((0,), 2.0, kinks, UNIT, 1.0).verdict is Verdict.UNKNOWN
    assert compared((0,), 4.0, kinks, UNIT, 1.0).verdict is Verdict.DIFFERS
    near = ((2.017, 0.005, 0.0), (2.015, 0.003, 0.0), (2.02, 0.001, 0.0))
    wider = ((1.9, 0.0004, 0.02), (0.3, 1e-5, 0.0))
    assert compared((0,), 1.886, Slope(2.02, 0.01, 1e-4, near), UNIT, 1.0).verdict is Verdict.DIFFERS
    assert compared((0,), 1.886, Slope(2.02, 0.01, 1e-4, near + wider), UNIT, 1.0).verdict is Verdict.UNKNOWN
    assert compared((0,), 1.886, Slope(2.02, 0.01, 1e-4, near + wider[1:]), UNIT, 1.0).verdict is Verdict.DIFFERS


def test_a_check_agrees_where_something_is_told_and_nothing_differs() -> None:
    agrees, differs = checked((1.0, 1.0)), checked((1.0, 2.0))
    nothing = unknown("b", (), "no gradient of it is in the record")
    assert GradientCheck(0, 1.0, (agrees, nothing)).agrees
    assert not GradientCheck(0, 1.0, (agrees, differs)).agrees
    assert not GradientCheck(0, 1.0, (nothing,)).agrees


def test_what_keeps_all_from_being_checked_is_said_once() -> None:
    both = tuple(unknown(name, (2,), "no copies") for name in ("w", "b"))
    assert list(lines(GradientCheck(0, 1.0, both, ()))) == ["2 parameters  cannot tell: no copies"]
    assert list(lines(GradientCheck(0, 1.0, both[:1], ()))) == ["w  (2,)  cannot tell: no copies"]
    agree = tuple(ParameterCheck(each, (2,), (), Verdict.AGREES, note="a sum") for each in ("w", "b"))
    assert [line for line in lines(GradientCheck(0, 1.0, agree, ())) if line] == [
        "all 2 parameters: a sum", "w  (2,)  agrees", "b  (2,)  agrees",
    ]  # fmt: skip
    assert [line for line in lines(GradientCheck(0, 1.0, (*agree, both[0]), ())) if line] == [
        "w, b: a sum", "w  (2,)  agrees", "b  (2,)  agrees", "w  (2,)  cannot tell: no copies",
    ]  # fmt: skip
    others = (*both, unknown("c", (2,), "a kink"))
    assert [line for line in lines(GradientCheck(0, 1.0, others, ())) if line] == [
        "w  (2,)  cannot tell: no copies", "b  (2,)  cannot tell: no copies", "c  (2,)  cannot tell: a kink",
    ]  # fmt: skip


def test_what_came_of_several_is_said_in_a_line_and_one_entry_of_each_stands_in_one_table() -> None:
    sure = EntryCheck((1, 7), 0.5, 0.5, 2e-5, verdict=Verdict.AGREES)
    hidden = EntryCheck((0,), 1.0, None, reason="kinks")
    agree = tuple(ParameterCheck(name, (2, 20), (sure,), Verdict.AGREES) for name in ("w", "layer.w"))
    unsure = ParameterCheck("b", (3,), (hidden,), Verdict.UNKNOWN, note="kinks")
    differs = replace(checked((1.0, 2.0), (3.0, 3.0)), name="c")
    assert verdict(GradientCheck(0, 1.0, agree, ())) == "all 2 parameters agree"
    found = GradientCheck(0, 1.0, (*agree, unsure, differs), ())
    assert verdict(found) == "4 parameters: 2 agree, 1 differ (c), 1 cannot be told (b)"
    assert verdict(replace(found, ahead=("d",))) == verdict(GradientCheck(0, 1.0, agree[:1], ())) == ""
    heads, *rows = lines(found)
    assert [row.split()[0] for row in rows[:3]] == ["w[1,", "layer.w[1,", "b[0]"] and rows[2].endswith(": kinks")
    assert heads.split()[0] == "entry" and rows[3] == "" and rows[4].startswith("c  (9,)  differs")


def test_a_table_keeps_to_the_room_there_is_with_its_reasons_beneath() -> None:
    sure = EntryCheck((1, 17), -0.123456789, -0.123456789, 2.4e-5, verdict=Verdict.AGREES)
    unsure = EntryCheck((0, 2), 1.0, None, reason="kinks lie too near: a ReLU crosses zero within a step")
    found = GradientCheck(0, 1.0, (ParameterCheck("w", (2, 20), (sure, unsure), Verdict.AGREES),), ())
    wide, narrow = list(lines(found)), list(lines(found, 70))
    assert len(wide) == 4 and max(map(len, wide)) > 70 >= max(map(len, narrow))
    assert (
        narrow[3].endswith("cannot tell") and narrow[4] == "    kinks lie too near: a ReLU crosses zero within a step"
    )
