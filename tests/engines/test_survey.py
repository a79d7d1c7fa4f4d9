"""Extremes and distributions against plain NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepper.engines import survey as module
from stepper.engines.survey import histogram, sample, survey

NUMBERS = np.random.default_rng(3)


@pytest.mark.parametrize("chunk", [7, 1 << 20])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool"])
@pytest.mark.parametrize("turned", [False, True])
def test_extremes_and_counts_are_numpys(monkeypatch: pytest.MonkeyPatch, chunk: int, dtype: str, turned: bool) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    array: Any = (NUMBERS.normal(size=(5, 4, 6)) * 9).astype(dtype)
    if turned:
        array = array.transpose(2, 0, 1)
    found = survey(array, 10)
    assert found.largest == np.unravel_index(array.argmax(), array.shape)
    assert found.smallest == np.unravel_index(array.argmin(), array.shape)
    assert found.nonfinite is None
    assert (found.low, found.high) == (array.min(), array.max())
    assert sum(found.counts) == found.counted == array.size
    if dtype != "bool":
        expected, _ = np.histogram(array.astype(float), bins=10)
        assert found.counts == expected.tolist()


def test_the_first_element_that_is_not_finite_is_found_and_left_out_of_the_extremes() -> None:
    array = np.array([[1.0, -np.inf], [np.nan, 8.0]])
    found = survey(array, 4)
    assert (found.nonfinite, found.largest, found.smallest) == ((0, 1), (1, 1), (0, 0))
    assert found.counts == [1, 0, 0, 1]


@pytest.mark.parametrize("array", [np.zeros((0, 3)), np.full((2, 2), np.nan)])
def test_without_a_finite_element_there_is_nothing_to_find(array: Any) -> None:
    found = survey(array, 4)
    assert (found.largest, found.smallest, found.counts) == (None, None, [])
    assert found.nonfinite == (None if not array.size else (0, 0))


def test_a_scalar_and_equal_elements() -> None:
    assert survey(np.array(3.0), 4).largest == ()
    assert survey(np.full(5, 2.0), 4).counts == [5, 0, 0, 0]


def test_of_very_many_elements_a_sample_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 100)
    monkeypatch.setattr(module, "CHUNK", 33)
    found = survey(np.arange(1000.0), 10)
    assert found.counts == [10] * 10
    assert found.counted == 100


@given(st.lists(st.integers(0, 40), max_size=4), st.integers(1, 60))
def test_a_sample_is_spread_over_all_and_no_larger_than_asked(extents: list[int], most: int) -> None:
    array = np.arange(math.prod(extents)).reshape(extents)
    for turned in (array, array.T):
        found = sample(turned, most)
        assert len(found) <= most
        assert len(found) >= min(turned.size, 1)
        if turned.size <= most:
            assert found.tolist() == turned.ravel().tolist()


def test_a_sample_of_a_matrix_is_not_a_few_of_its_columns() -> None:
    matrix = np.tile(np.arange(64.0), (4096, 1))
    assert set(sample(matrix, 1 << 12).tolist()) == set(range(64))


def test_a_small_histogram_counts_what_is_finite() -> None:
    numbers = np.array([0.0, 1.0, 1.0, 4.0, np.nan, np.inf])
    assert histogram(numbers, 0.0, 4.0, 4) == [1, 2, 0, 1]
    assert histogram(np.array([True, False, True]), 0.0, 1.0, 2) == [1, 2]
    assert histogram(np.array([3.0, 3.0]), 3.0, 3.0, 3) == [2, 0, 0]
    assert histogram(np.array([-1e308, 1e308]), -1e308, 1e308, 3) == [], "the range is beyond floats"


@pytest.mark.parametrize("chunk", [7, 1 << 20])
@pytest.mark.parametrize("turned", [False, True])
def test_a_difference_is_surveyed_without_making_it(monkeypatch: pytest.MonkeyPatch, chunk: int, turned: bool) -> None:
    monkeypatch.setattr(module, "CHUNK", chunk)
    one, other = (NUMBERS.integers(0, 200, size=(6, 7, 5)).astype("uint8") for _ in range(2))
    if turned:
        one, other = one.transpose(2, 0, 1), other.transpose(2, 0, 1)
    difference = one.astype(float) - other.astype(float)
    assert survey(one, 8, other) == survey(difference, 8)
