"""A summary says of an array what exact arithmetic says, whatever its dtype, layout and size."""

import math
import sys
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stepper.engines import device
from stepper.engines.chunks import CHUNK
from stepper.engines.numpy import NumpyEngine
from stepper.engines.python import PythonEngine
from stepper.engines.torch import TorchEngine
from stepper.record import Summary
from tests.engines.strategies import TORCH_DTYPES, arrays, close, expected

pytestmark = pytest.mark.usefixtures("loops")
COUNTS = ("neginf", "negative", "zero", "positive", "inf", "nan")


def agree(found: Summary, array: Any) -> None:
    wanted = expected(array)
    assert [getattr(found, name) for name in COUNTS] == [wanted[name] for name in COUNTS]
    assert sum(wanted[name] for name in COUNTS) == found.size == array.size
    size = max(abs(wanted["min"] or 0.0), abs(wanted["max"] or 0.0))
    if array.dtype == np.complex64:
        size = max(1e6 * size, 1e-30)  # absolute values are rounded to float32, the smallest to multiples of 2^-149
    for name, factor in (("min", 1.0), ("max", 1.0), ("mean", 1.0), ("std", 1.0), ("l2", math.sqrt(array.size or 1))):
        assert close(getattr(found, name), wanted.get(name), size * factor), name


@given(arrays())
@example(np.array(2.4061597e38 + 2.4061599e38j, dtype=np.complex64))
@settings(max_examples=150)
def test_numpy_arrays(array: Any) -> None:
    engine = NumpyEngine()
    found = engine.describe(engine.keep(array))
    agree(found, array)
    assert (found.kind, found.type, found.shape, found.dtype, found.device) == (
        "tensor",
        "ndarray",
        array.shape,
        array.dtype.name,
        "cpu",
    )


@given(arrays(TORCH_DTYPES))
@settings(max_examples=100)
def test_torch_tensors(array: Any) -> None:
    engine = TorchEngine()
    tensor = torch.from_numpy(array.copy()) if array.ndim else torch.tensor(array)
    tensor = tensor.mT if tensor.dim() > 1 else tensor
    found = engine.describe(engine.keep(tensor))
    agree(found, array)
    assert (found.shape, found.dtype, found.device) == (tuple(tensor.shape), array.dtype.name, "cpu")


@given(arrays(TORCH_DTYPES))
@example(np.array([sys.float_info.max, -5e-324]))
@settings(max_examples=100)
def test_the_path_for_accelerators(array: Any) -> None:
    tensor = torch.from_numpy(array.copy()) if array.ndim else torch.tensor(array)
    for found in device.statistics([tensor, tensor.flip(0) if array.ndim else tensor], torch):
        agree(found.summary("Tensor", array.shape, "", ""), array)
    (fetched,) = device.fetch([tensor.reshape(-1)], torch)
    assert fetched.tobytes() == array.tobytes()


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_several_chunks_and_a_large_common_offset(dtype: str, offset: float) -> None:
    generator = np.random.default_rng(0)
    array = (generator.standard_normal(2 * CHUNK + 77) * 1e3 + offset).astype(dtype)
    engine = NumpyEngine()
    found = engine.describe(engine.keep(array))
    exact = array.astype(np.longdouble)
    assert found.mean == pytest.approx(float(exact.mean()), rel=1e-12, abs=1e-10)
    assert found.std == pytest.approx(float(exact.std()), rel=1e-9)
    assert found.l2 == pytest.approx(float(np.sqrt((exact * exact).sum())), rel=1e-12)
    by_device = device.statistics([torch.from_numpy(array)], torch)[0].summary("Tensor", array.shape, "", "")
    assert by_device.std == pytest.approx(float(exact.std()), rel=1e-9)


@pytest.mark.parametrize("size", [5, 100, CHUNK + 5])
@pytest.mark.parametrize("scale", [1e300, 1e-300, 1.0])
def test_the_largest_and_smallest_numbers_neither_overflow_nor_vanish(size: int, scale: float) -> None:
    array = np.linspace(-1.0, 2.0, size) * scale
    engine = NumpyEngine()
    plain = np.linspace(-1.0, 2.0, size)
    for found in (
        engine.describe(engine.keep(array)),
        device.statistics([torch.from_numpy(array)], torch)[0].summary("Tensor", array.shape, "", ""),
    ):
        assert found.std == pytest.approx(plain.std() * scale, rel=1e-9)
        assert found.l2 == pytest.approx(float(np.linalg.norm(plain)) * scale, rel=1e-9)
        assert found.mean == pytest.approx(plain.mean() * scale, rel=1e-9)


@pytest.mark.parametrize("size", [4, 1000])
def test_nothing_is_raised_under_a_strict_error_state(size: int) -> None:
    array = np.full((size, 3), 1e308)
    array[1] = np.nan
    array[2, 0], array[3, 1] = np.inf, -np.inf
    engine = NumpyEngine()
    tensors = TorchEngine()
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = engine.keep(array)
        assert engine.same(array, kept)
        assert engine.describe(kept).nonfinite == 5
        assert len(engine.window(kept, None, 2, 2).cells) == 4
        tensor = torch.from_numpy(array)
        assert tensors.describe(tensors.keep(tensor)).nonfinite == 5
        half = torch.full((2 * size, 3), 6e4, dtype=torch.float16)
        assert tensors.describe(tensors.keep(half)).max == 60_000.0
    assert np.geterr()["over"] == "warn"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.float16])
def test_numbers_that_numpy_lacks(dtype: Any) -> None:
    values = torch.tensor([[-1.5, 0.0, 2.0], [0.5, float("nan"), 1.0]]).to(dtype)
    engine = TorchEngine()
    kept = engine.keep(values)
    found = engine.describe(kept)
    assert (found.dtype, found.negative, found.zero, found.positive, found.nan) == (str(dtype)[6:], 1, 1, 3, 1)
    assert (found.min, found.max, found.mean) == (-1.5, 2.0, 0.4)
    array = engine.array(kept)
    assert array.dtype == ("float16" if dtype == torch.float16 else "float32")
    assert engine.ndarray(kept)[0].tolist() == [-1.5, 0.0, 2.0]
    assert engine.window(kept, None, 1, 3).cells[::2] == [-0.5, 1.5]


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a", "b"]),
        np.array([b"a"]),
        np.array([object(), None]),
        np.zeros(3, dtype=[("x", "f4"), ("y", "i8")]),
        np.array(["2026-01-01"], dtype="datetime64[D]"),
        np.array([1], dtype="timedelta64[s]"),
    ],
)
def test_arrays_without_numbers_have_a_shape_and_a_dtype(array: Any) -> None:
    engine = NumpyEngine()
    kept = engine.keep(array)
    found = engine.describe(kept)
    assert (found.kind, found.shape, found.dtype, found.min, found.nan) == (
        "tensor",
        array.shape,
        array.dtype.name,
        None,
        None,
    )
    with pytest.raises(LookupError):
        engine.array(kept)
    with pytest.raises(LookupError):
        engine.window(kept, None, 2, 2)
    assert engine.same(array, kept)


@pytest.mark.parametrize(
    ("scalar", "value"),
    [(np.float32(0.5), 0.5), (np.int64(-3), -3), (np.bool_(True), True), (np.str_("x"), "x"), (np.longdouble(2), 2.0)],
)
def test_numpys_own_scalars(scalar: Any, value: Any) -> None:
    engine = NumpyEngine()
    assert engine.owns(scalar)
    found = engine.describe(engine.keep(scalar))
    assert (found.kind, found.value, found.type) == ("scalar", value, type(scalar).__name__)
    assert type(found.value) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        np.longdouble("1e400"),
        np.array(["nan", "-1e400", "3"], dtype=np.longdouble),
        np.zeros(1, dtype=[("a", "i4")])[0],
        np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]),
        np.datetime64("2026"),
        np.bytes_(b"abc"),
        np.complex64(1j),
        np.uint64(2**64 - 1),
        np.zeros(2, dtype="V4"),
        np.ma.masked,
    ],
    ids=lambda value: type(value).__name__,
)
def test_odd_values_do_no_harm(value: Any) -> None:
    engine = NumpyEngine()
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert engine.owns(value)
        kept = engine.keep(value)
        assert engine.same(value, kept)
        hash(engine.identity(value))
        found = engine.describe(kept)
        assert (found.shape, found.dtype) == (value.shape, value.dtype.name)
        assert engine.size(kept) > 0
        engine.number(value)


def test_a_0d_array_is_a_tensor_without_axes() -> None:
    for engine, value in ((NumpyEngine(), np.array(2.0)), (TorchEngine(), torch.tensor(2.0))):
        found = engine.describe(engine.keep(value))
        assert (found.kind, found.shape, found.mean, found.positive) == ("tensor", (), 2.0, 1)


def test_elements_that_share_memory_are_counted_as_often_as_they_are_seen() -> None:
    engine = TorchEngine()
    wide = torch.tensor([[3.0], [-1.0]]).expand(2, 1 << 40)
    kept = engine.keep(wide)
    found = engine.describe(kept)
    assert (found.positive, found.negative, found.mean, found.shape) == (1 << 40, 1 << 40, 1.0, (2, 1 << 40))
    assert found.l2 == math.sqrt(10.0) * 2.0**20
    assert engine.size(kept) == 8
    assert engine.same(wide, kept)
    numbers = NumpyEngine()
    held = numbers.keep(np.broadcast_to(np.array([1.0, 2.0]), (1 << 40, 2)))
    assert (numbers.size(held), numbers.describe(held).positive) == (16, 1 << 41)


@given(st.lists(st.one_of(st.floats(), st.integers(), st.booleans()), min_size=1, max_size=40))
@settings(max_examples=100)
def test_lists_of_numbers(numbers: list[float]) -> None:
    engine = PythonEngine()
    found = engine.describe(engine.keep(numbers))
    agree(found, np.array([_float(each) for each in numbers]))


def _float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


@pytest.mark.parametrize(
    ("value", "shape", "dtype"),
    [
        ([1, 2], (2,), "int"),
        ((1, 2.5), (2,), "float"),
        ([True, False], (2,), "bool"),
        ([[1.0, 2.0], (3, 4)], (2, 2), "float"),
        ([[[1]] * 3] * 2, (2, 3, 1), "int"),
    ],
)
def test_rectangular_lists_are_tensors(value: Any, shape: tuple[int, ...], dtype: str) -> None:
    engine = PythonEngine()
    assert engine.owns(value)
    found = engine.describe(engine.keep(value))
    assert (found.kind, found.type, found.shape, found.dtype) == ("tensor", type(value).__name__, shape, dtype)


def test_other_lists_are_not() -> None:
    engine = PythonEngine()
    endless: list[Any] = []
    endless.append(endless)
    values: list[Any] = [[], [[]], [1, "a"], [[1], [2, 3]], [1, [2]], [[1], 2], [None], [1.0] * 70_000, endless, {1: 2}]
    for value in values:
        assert not engine.owns(value)


@pytest.mark.parametrize("value", [3, 2.5, True, "text", 1 << 80, 1j, math.nan])
def test_pythons_own_scalars(value: Any) -> None:
    engine = PythonEngine()
    assert engine.owns(value)
    found = engine.describe(engine.keep(value))
    assert (found.kind, found.type) == ("scalar", type(value).__name__)
    assert engine.same(value, engine.keep(value))
    assert engine.number(value) == (
        None if isinstance(value, bool | str | complex) else pytest.approx(value, nan_ok=True)
    )


def test_losses_are_read_as_numbers() -> None:
    arrays: list[Any] = [np.float32(1.5), np.array(1.5), np.array([[1.5]])]
    tensors: list[Any] = [torch.tensor(1.5), torch.tensor([1.5], requires_grad=True), torch.tensor(1.5).bfloat16()]
    assert [NumpyEngine().number(each) for each in arrays] == [1.5] * 3
    assert [TorchEngine().number(each) for each in tensors] == [1.5] * 3
    arrays = [np.bool_(True), np.zeros(2), np.array("x"), np.array(1j)]
    tensors = [torch.tensor(True), torch.zeros(2), torch.tensor(1j), torch.empty((), device="meta")]
    assert [NumpyEngine().number(each) for each in arrays] == [None] * 4
    assert [TorchEngine().number(each) for each in tensors] == [None] * 4
