"""Comparisons of numbers where they lie: a tensor's answers are those of the same numbers as an array."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from stepper.engines import masks
from tests.engines.strategies import arrays


def cases(array: Any) -> list[tuple[Any, Any]]:
    """The array as it is and as a tensor, each with what a ReLU makes of it, of NaN too, and with something else."""
    with np.errstate(all="ignore"):
        cut = np.where(array < 0, 0, array).astype(array.dtype)
        dropped = np.where(array > 0, array, 0).astype(array.dtype)
    return [(array, other) for other in (cut, dropped, array, cut + cut.dtype.type(1))]


def tensor(array: Any) -> Any:
    return torch.tensor(np.array(array, order="C"))


@given(arrays(("f4", "f8", "i4", "i8")))
@settings(max_examples=80)
def test_a_tensor_answers_as_an_array_does(array: Any) -> None:
    with np.errstate(all="ignore"):
        for h, out in cases(np.asarray(array)):
            assert masks.is_relu(h, out) == masks.is_relu(tensor(h), tensor(out))
            assert masks.is_cut(h, out) == masks.is_cut(tensor(h), tensor(out))
            assert masks.may_be_masked(out, h) or not masks.is_relu(h, out)
        blocked = np.asarray(array) < 0
    there = tensor(blocked)
    assert masks.count(blocked) == masks.count(there)
    assert masks.size(blocked) == masks.size(there)
    for axis in range(blocked.ndim):
        others = tuple(other for other in range(blocked.ndim) if other != axis)
        one, other = masks.every(blocked, others), masks.every(there, others)
        assert masks.places(one) == masks.places(other)
    assert masks.equal(blocked, blocked) and masks.equal(there, there)
    assert masks.together(blocked, blocked) and masks.together(there, there) and not masks.together(blocked, there)


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [(torch.bool, "b"), (torch.int64, "i"), (torch.float32, "f"), (torch.bfloat16, "f"), (torch.complex64, "c")],
)
def test_kinds_are_numpys(dtype: torch.dtype, kind: str) -> None:
    value = torch.zeros(3).to(dtype)
    assert masks.kind(value) == kind
    if dtype is not torch.bfloat16:
        assert masks.kind(value.numpy()) == kind


def test_a_mask_is_stretched_as_it_is_broadcast() -> None:
    mask = np.array([[True], [False]])
    for each in (mask, tensor(mask)):
        assert masks.stretched(each, (2, 3)).tolist() == [[True] * 3, [False] * 3]
        assert masks.stretched(each[0], (2, 3)).shape == (2, 3)
        assert masks.stretched(each, (2,)) is None and masks.stretched(each, (3, 2)) is None


def test_a_few_entries_tell_that_nothing_was_masked() -> None:
    h = np.arange(1.0, 6.0)
    assert masks.may_be_masked(h, h) and masks.may_be_masked(0 * h, h) and masks.may_be_masked(h * math.nan, h)
    for place in (0, 2, 4):
        other = h.copy()
        other[place] += 1
        assert not masks.may_be_masked(other, h)
    assert masks.may_be_masked(tensor(h + 1), tensor(h))  # where asking for one takes as long as for all


def test_what_is_masked_is_told_entry_by_entry_whether_there_are_nans_or_not() -> None:
    g = np.array([1.0, -2.0, 3.0, 4.0])
    stopped = np.array([False, True, False, True])
    unknown = np.array([math.nan, math.inf, 3.0, math.nan])
    with np.errstate(all="ignore"):
        for came, slope in ((g, 0.0), (g, 0.25), (unknown, 0.0)):
            left = np.where(stopped, came * slope, came)
            for array, other in ((left, came), (tensor(left), tensor(came))):
                same, low = masks.masked(array, other, slope) or (None, None)
                assert same is not None and low is not None
                assert same.tolist() == masks.agreeing(array, other).tolist()
                assert low.tolist() == masks.left(array, other, slope).tolist()
                assert low[1] and low[3] and same[2] and not low[2]
                assert masks.masked(array, other + 1, slope) is None
        assert masks.masked(g, g * math.nan, 0.0) is None


def test_a_few_entries_tell_that_an_array_is_no_mask() -> None:
    mask = np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    assert masks.may_be_flags(mask) and masks.may_be_flags(mask[:0]) and masks.may_be_flags(tensor(2 * mask))
    for place, one in ((0, 0.5), (2, math.nan), (4, -1.0)):
        other = mask.copy()
        other[place] = one
        assert not masks.may_be_flags(other)
