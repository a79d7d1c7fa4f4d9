"""A window shows the mean of what each cell covers, by the definition, on every path that pools."""

import math
import sys
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from stepper.engines import device, pooling
from stepper.engines.base import Engine
from stepper.engines.numpy import NumpyEngine
from stepper.engines.pooling import EXACT
from stepper.engines.python import PythonEngine
from stepper.engines.torch import TorchEngine
from stepper.record import Region
from tests.engines.strategies import arrays, cells

SIDES = st.integers(1, 12)


def agree(found: list[float], wanted: list[float], tolerance: float = 1e-9) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        if math.isfinite(other):
            assert one == pytest.approx(other, rel=tolerance, abs=tolerance * _size(wanted))
        else:
            assert one == other or (one != one and other != other)


def _size(wanted: list[float]) -> float:
    return max((abs(each) for each in wanted if math.isfinite(each)), default=0.0)


@st.composite
def matrices(draw: st.DrawFn) -> Any:
    dtype = np.dtype(draw(st.sampled_from(("f2", "f4", "f8", "i4", "u1", "?", "c16"))))
    elements: Any = None
    if dtype.kind in "f":
        elements = st.one_of(st.floats(-1e3, 1e3, width=16), st.sampled_from((math.nan, math.inf, -math.inf, 0.0)))
    elif dtype.kind == "c":
        elements = st.complex_numbers(max_magnitude=1e3)
    shape = draw(npst.array_shapes(min_dims=1, max_dims=2, max_side=14))
    return draw(npst.arrays(dtype, shape, elements=elements))


@given(matrices(), SIDES, SIDES)
@settings(max_examples=150)
def test_numpy_arrays(array: Any, rows: int, columns: int) -> None:
    engine = NumpyEngine()
    found = engine.window(engine.keep(array), None, rows, columns)
    height, width = array.shape if array.ndim == 2 else (1, len(array))
    assert (found.rows, found.columns) == (min(rows, height), min(columns, width))
    assert (found.shape, found.region) == (array.shape, Region(0, height, 0, width))
    agree(found.cells, cells(array, rows, columns))


@given(matrices(), SIDES, SIDES)
@example(np.full(2, sys.float_info.min + 0j), 1, 1)
@settings(max_examples=100)
def test_the_path_for_accelerators(array: Any, rows: int, columns: int) -> None:
    matrix = torch.from_numpy(array if array.ndim == 2 else array.reshape(1, -1))
    rows, columns = min(rows, matrix.shape[0]), min(columns, matrix.shape[1])
    agree(device.pool(matrix, rows, columns, torch), cells(array, rows, columns))


@given(matrices(), SIDES, SIDES, st.tuples(*[st.integers(0, 14)] * 4))
@settings(max_examples=100)
def test_a_region_of_a_tensor(array: Any, rows: int, columns: int, bounds: tuple[int, int, int, int]) -> None:
    engine = TorchEngine()
    found = engine.window(engine.keep(torch.from_numpy(array)), Region(*bounds), rows, columns)
    where = found.region
    part = (where.top, where.bottom, where.left, where.right)
    matrix = array if array.ndim == 2 else array.reshape(1, -1)
    assert (
        matrix[part[0] : part[1], part[2] : part[3]].size == matrix[bounds[0] : bounds[1], bounds[2] : bounds[3]].size
    )
    if found.cells:
        agree(found.cells, cells(array, rows, columns, part))
    else:
        assert (found.rows, found.columns) == (0, 0)


@given(st.integers(1, 9), st.integers(1, 9), SIDES, SIDES, st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_lists_of_numbers(height: int, width: int, rows: int, columns: int, chance: Any) -> None:
    values = [[chance.choice((0, 1, -2.5, 1e3, True)) for _ in range(width)] for _ in range(height)]
    engine = PythonEngine()
    agree(engine.window(engine.keep(values), None, rows, columns).cells, cells(np.array(values), rows, columns))


@given(arrays(("f8",)), SIDES, SIDES)
@settings(max_examples=60)
def test_the_largest_numbers_do_not_overflow(array: Any, rows: int, columns: int) -> None:
    matrix = np.resize(array, (7, 5)) if array.size else np.full((7, 5), 1.7e308)
    wanted = cells(matrix, rows, columns)
    engine = NumpyEngine()
    found = engine.window(engine.keep(matrix), None, rows, columns).cells
    on_device = device.pool(
        torch.from_numpy(np.ascontiguousarray(matrix, dtype="f8")), min(rows, 7), min(columns, 5), torch
    )
    for each in (found, on_device):
        size = float(np.max(np.abs(matrix), where=np.isfinite(matrix), initial=0.0))
        for one, other in zip(each, wanted, strict=True):
            same = one == other or (one != one and other != other)
            assert same or abs(one - other) <= 1e-12 * size + 1e-300


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_many_elements_in_several_bands(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooling, "BAND", 1 << 17)
    monkeypatch.setattr(device, "BAND", 1 << 17)
    values = torch.randn(1201, 701, generator=torch.Generator().manual_seed(0)).to(dtype)
    assert values.numel() > EXACT
    engine = TorchEngine()
    found = engine.window(engine.keep(values), None, 40, 33).cells
    wanted = cells(values.to(torch.float64).numpy(), 40, 33)
    assert found == pytest.approx(wanted, abs=1e-6)
    assert device.pool(values, 40, 33, torch) == pytest.approx(wanted, abs=1e-9)
    for shape, rows, columns in (((3, 90_001), 3, 33), ((90_001, 3), 40, 2), ((701, 601), 1, 1), ((701, 601), 701, 4)):
        other = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype)
        wanted = cells(other.to(torch.float64).numpy(), rows, columns)
        assert device.pool(other, rows, columns, torch) == pytest.approx(wanted, abs=1e-9)
    values[600, 300] = float("inf")
    assert sum(map(math.isinf, engine.window(engine.keep(values), None, 40, 33).cells)) == 1


def test_sums_of_large_float32_numbers_stay_finite() -> None:
    values = np.full((700, 700), 3e38, dtype="f4")
    engine = NumpyEngine()
    assert engine.window(engine.keep(values), None, 2, 2).cells == pytest.approx([3e38] * 4, rel=1e-6)


@pytest.mark.parametrize(
    ("number", "dtype", "text"),
    [
        (2**64 - 1, "uint64", "18446744073709551615"), (-(2**53) - 1, "int64", "-9007199254740993"), (7, "int64", ""),
        (1.5 - 2j, "complex128", "1.5-2j"), (0.1, "float32", ""), (True, "bool", ""),
    ],
)  # fmt: skip
def test_a_window_over_one_element_has_what_a_float_does_not_hold(number: complex, dtype: str, text: str) -> None:
    array = np.array([[0, number]], dtype)
    here, both = Region(0, 1, 1, 2), Region(0, 1, 0, 2)
    windows = [NumpyEngine().window(array, region, 1, 2) for region in (here, both)]
    tensor = torch.from_numpy(array)
    engine = TorchEngine()
    windows += [engine.window(engine.keep(tensor), region, 1, 2) for region in (here, both)]
    assert [window.exact for window in windows] == [text, "", text, ""]
    assert [window.exact for window in [PythonEngine().window([0, 2**80], here, 1, 1)]] == [str(2**80)]


def test_shapes_with_fewer_or_more_axes_than_two() -> None:
    deep = np.arange(24.0).reshape(2, 3, 4)
    pairs: list[tuple[Engine, Any]] = [
        (NumpyEngine(), deep),
        (TorchEngine(), torch.from_numpy(deep)),
        (PythonEngine(), deep.tolist()),
    ]
    for engine, value in pairs:
        kept = engine.keep(value)
        first = engine.window(kept, None, 9, 9)
        assert (first.cells, first.region.leading) == (deep[0].ravel().tolist(), (0,))
        second = engine.window(kept, Region(0, 2, 1, 3, (1,)), 1, 2)
        assert second.cells == [15.0, 16.0]
        with pytest.raises(LookupError, match="out of range"):
            engine.window(kept, Region(0, 1, 0, 1, (2,)), 1, 1)
    singles: list[tuple[Engine, Any]] = [
        (NumpyEngine(), np.array(7.0)),
        (NumpyEngine(), np.float32(7.0)),
        (TorchEngine(), torch.tensor(7.0)),
        (PythonEngine(), 7),
    ]
    for engine, value in singles:
        single = engine.window(engine.keep(value), None, 5, 5)
        assert (single.rows, single.columns, single.cells, single.shape) == (1, 1, [7.0], ())


@pytest.mark.parametrize("shape", [(0,), (0, 4), (4, 0), (0, 3, 3), (2, 0, 3)])
def test_an_empty_tensor_has_no_cells(shape: tuple[int, ...]) -> None:
    for engine, value in ((NumpyEngine(), np.empty(shape)), (TorchEngine(), torch.empty(shape))):
        kept = engine.keep(value)
        found = engine.window(kept, None, 4, 4)
        assert (found.rows, found.columns, found.cells, found.shape) == (0, 0, [], shape)
        assert engine.describe(kept).size == 0
        assert engine.same(value, kept)


def test_a_repeated_row_is_pictured_without_being_written_out() -> None:
    engine = TorchEngine()
    kept = engine.keep(torch.arange(6.0).expand(4, 6))
    assert engine.window(kept, None, 2, 3).cells == [0.5, 2.5, 4.5] * 2
