"""The compiled loops say what the ones in Python say."""

import math
import os
import shutil
import subprocess
import sys
import sysconfig
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from stepper.engines import native
from tests.engines.strategies import close, expected

BLOCK = 2048  # numbers that are worked on together
native_only = pytest.mark.skipif(native.NATIVE is None, reason="this installation has no compiled loops")
COUNTS = ("neginf", "negative", "zero", "inf", "nan")


def told(array: Any) -> dict[str, Any] | None:
    found = native.NATIVE.moments(array, array.dtype.char)
    if found is None:
        return None
    names = ("finite", *COUNTS, "min", "max", "mean", "spread")
    return dict(zip(names, found, strict=True))


def agree(array: Any) -> None:
    found, wanted = told(array), expected(array)
    assert found is not None
    assert [found[name] for name in COUNTS] == [wanted[name] for name in COUNTS]
    assert found["finite"] == array.size - found["neginf"] - found["inf"] - found["nan"]
    if found["finite"]:
        size = max(abs(wanted["min"]), abs(wanted["max"]))
        assert (found["min"], found["max"]) == (wanted["min"], wanted["max"])
        assert close(found["mean"], wanted["mean"], size)
        assert close(math.sqrt(found["spread"] / found["finite"]), wanted["std"], size)


@native_only
@given(
    npst.arrays(
        st.sampled_from([np.dtype(code) for code in sorted(native.CODES - set("fd"))]), st.integers(0, 3 * 16 + 5)
    )
)
@settings(max_examples=100)
def test_whole_numbers(array: Any) -> None:
    agree(array)


@native_only
@given(
    st.sampled_from("fd"),
    st.lists(st.sampled_from([0.0, -0.0, 1.5, -2.25, 1e30, math.nan, math.inf, -math.inf]), max_size=40),
    st.integers(0, 1 << 32),
    st.sampled_from([0, 1, 15, 16, 17, 33, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 19]),
)
@settings(max_examples=100)
def test_floats_of_every_kind_at_any_place(code: str, odd: list[float], seed: int, size: int) -> None:
    generator = np.random.default_rng(seed)
    agree(generator.permutation(np.array([*generator.normal(size=size), *odd], code)))


@native_only
@pytest.mark.parametrize("code", ["f", "d", "i", "B"])
@pytest.mark.parametrize("size", [0, 1, 17, BLOCK, 2 * BLOCK + 3])
def test_differences(code: str, size: int) -> None:
    generator = np.random.default_rng(size)
    after, before = (generator.normal(scale=50.0, size=size).astype(code) for _ in range(2))
    apart = after.astype("d") - before.astype("d")
    assert native.NATIVE.moments(after, code, before) == native.NATIVE.moments(apart, "d")


@native_only
@pytest.mark.parametrize("numbers", [[1e146, 1.0], [1e-146, -1e-150], [math.nan, 1e308, 1e308]])
def test_numbers_whose_squares_would_not_do_are_left_to_python(numbers: list[float]) -> None:
    assert told(np.array(numbers)) is None


@native_only
def test_arrays_that_do_not_fit_are_refused() -> None:
    numbers = np.arange(6.0)
    with pytest.raises((ValueError, BufferError)):
        native.NATIVE.moments(numbers[::2], "d")
    with pytest.raises(ValueError):
        native.NATIVE.moments(numbers, "d", numbers[:3])
    with pytest.raises(ValueError):
        native.NATIVE.moments(numbers, "g")
    with pytest.raises(ValueError):
        native.NATIVE.moments(numbers.view("B")[:-1], "d")


@native_only
def test_looks_at_memory() -> None:
    numbers = np.arange(1000.0)
    other = numbers.copy()
    start = native.NATIVE.address_of(numbers)
    assert start == numbers.ctypes.data
    assert native.NATIVE.same(numbers, other)
    assert native.NATIVE.holds(other.tobytes(), start)
    other[-1] = -1
    assert not native.NATIVE.same(numbers, other)
    assert not native.NATIVE.same(numbers, other[:-1])
    assert not native.NATIVE.holds(other.tobytes(), start)
    assert not native.NATIVE.same_at(start, other.ctypes.data, numbers.nbytes)
    native.NATIVE.copy_at(start, other.ctypes.data, numbers.nbytes)
    assert native.NATIVE.same_at(start, other.ctypes.data, numbers.nbytes)


def test_they_are_there_where_there_is_a_compiler_and_can_be_left_out() -> None:
    """An installation from source has compiled them, if it could; STEPPER_PURE leaves them alone."""
    linker = (sysconfig.get_config_var("LDSHARED") or "").split()
    headers = os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
    if linker and shutil.which(linker[0]) and headers:
        assert native.NATIVE is not None
    code = "from stepper.engines.native import NATIVE; print(NATIVE)"
    pure = {**os.environ, "STEPPER_PURE": "1"}
    assert subprocess.run([sys.executable, "-c", code], env=pure, capture_output=True, text=True).stdout == "None\n"
