"""A kept copy is what the value was: later changes do not reach it, and keeping it changes nothing."""

import math
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings

from stepper.engines.base import Engine
from stepper.engines.kept import dense
from stepper.engines.numpy import NumpyEngine
from stepper.engines.python import PythonEngine
from stepper.engines.torch import TorchEngine
from tests.engines.strategies import TORCH_DTYPES, arrays

pytestmark = pytest.mark.usefixtures("loops")


@given(arrays())
@settings(max_examples=100)
def test_numpy_arrays_are_kept_compared_and_restored(array: Any) -> None:
    engine = NumpyEngine()
    before = array.tobytes()
    kept = engine.keep(array)
    assert engine.same(array, kept)
    assert array.tobytes() == before == engine.ndarray(kept).tobytes()
    changed = np.array(array, order="C")
    assert engine.same(changed, kept)
    if changed.size:
        changed.reshape(-1)[-1] = 1 if changed.reshape(-1)[-1] != 1 else 0
        assert not engine.same(changed, kept)
        engine.restore(changed, kept)
        assert changed.tobytes() == before
        assert engine.same(changed, kept)


@given(arrays(TORCH_DTYPES))
@settings(max_examples=100)
def test_torch_tensors_are_kept_compared_and_restored(array: Any) -> None:
    engine = TorchEngine()
    value = torch.tensor(np.array(array)).transpose(0, -1) if array.ndim else torch.tensor(array.item())
    kept = engine.keep(value)
    assert engine.same(value, kept)
    clone = value.clone()
    assert engine.same(clone, kept)
    if clone.numel():
        last = (-1,) * clone.dim()
        clone[last] = 1 if bool(clone[last] != 1) else 0
        assert not engine.same(clone, kept)
        engine.restore(clone, kept)
        assert engine.same(clone, kept)
        assert engine.array(engine.keep(clone)) == engine.array(kept)


def test_a_change_through_an_alias_does_not_reach_the_copy() -> None:
    base = np.arange(6.0)
    view = base[::2]
    engine = NumpyEngine()
    kept = engine.keep(view)
    base[:] = -1.0
    assert engine.ndarray(kept).tolist() == [0.0, 2.0, 4.0]
    tensor = torch.arange(6.0)
    shared = tensor.numpy()
    tensors = TorchEngine()
    held = tensors.keep(tensor.view(2, 3))
    shared[:] = -1.0  # leaves `_version` as it was
    tensor.data.add_(5.0)
    assert tensors.ndarray(held).tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert not tensors.same(tensor.view(2, 3), held)
    numbers = [[1.0], [2.0]]
    lists = PythonEngine()
    inner = lists.keep(numbers)
    numbers[0][0] = 5.0
    assert inner == [[1.0], [2.0]]


def test_copies_lie_in_memory_as_the_values_did() -> None:
    array = np.asarray(np.arange(20_000.0).reshape(100, 200))
    tensor = torch.arange(20_000.0).reshape(4, 50, 100).permute(2, 0, 1)
    for engine, value in ((NumpyEngine(), array.T), (TorchEngine(), tensor)):
        kept = engine.keep(value)
        array_of = engine.ndarray(kept)
        assert not array_of.flags.c_contiguous
        assert array_of.tolist() == value.tolist()
        assert engine.same(value, kept)
        assert engine.describe(kept).mean == 9999.5
        assert engine.window(kept, None, 1, 2).cells == engine.window(engine.keep(value * 1), None, 1, 2).cells
        value[3, 2] = -1.0
        assert not engine.same(value, kept)
        engine.restore(value, kept)
        assert engine.same(value, kept)


def test_looking_at_a_tensor_does_not_forbid_to_resize_it() -> None:
    engine = TorchEngine()
    value = torch.ones(3)
    kept = engine.keep(value)
    value[0] = 2.0
    assert not engine.same(value, kept)
    engine.describe(kept)
    value.resize_(6)
    assert value.shape == (6,)


def test_two_looks_at_the_same_memory_have_one_identity() -> None:
    array, tensor = np.zeros((2, 3)), torch.zeros(2, 3)
    for engine, value in ((NumpyEngine(), array), (TorchEngine(), tensor)):
        assert engine.identity(value) == engine.identity(value[:])
        assert engine.identity(value) != engine.identity(value.T)
        assert engine.identity(value) != engine.identity(value[:1])
        assert hash(engine.identity(value)) == hash(engine.identity(value[:]))
    assert TorchEngine().identity(torch.nn.Parameter(tensor).data) == TorchEngine().identity(tensor)
    complex_numbers = torch.ones(2, dtype=torch.complex64)
    assert TorchEngine().identity(complex_numbers) != TorchEngine().identity(complex_numbers.conj())


def test_signs_of_zero_count_and_payloads_of_nan_do_not() -> None:
    pairs: list[tuple[Engine, Any, Any, Any]] = []
    for dtype, word, payload in (("f4", "u4", 0x7FC00001), ("f8", "u8", 0x7FF8000000000001), ("f2", "u2", 0x7E01)):
        plain = np.array([np.nan, 0.0, 1.0], dtype=dtype)
        other = plain.copy()
        other.view(word)[0] = payload
        negative = np.array([np.nan, -0.0, 1.0], dtype=dtype)
        large = (np.tile(plain, 3000), np.tile(other, 3000), np.tile(negative, 3000))
        for a, b, c in ((plain, other, negative), large):
            pairs.append((NumpyEngine(), a, b, c))
            pairs.append((TorchEngine(), torch.from_numpy(a), torch.from_numpy(b), torch.from_numpy(c)))
            pairs.append(
                (TorchEngine(), torch.from_numpy(a), torch.from_numpy(np.repeat(b, 2))[::2], -torch.from_numpy(a))
            )
    brain = torch.tensor([math.nan, 0.0], dtype=torch.bfloat16)
    pairs.append(
        (
            TorchEngine(),
            brain,
            (brain.view(torch.int16) + torch.tensor([1, 0])).to(torch.int16).view(torch.bfloat16),
            -brain,
        )
    )
    pairs.append((PythonEngine(), [math.nan, 0.0], [-math.nan, 0.0], [math.nan, -0.0]))
    pairs.append((PythonEngine(), [1.0, 0.0], [1.0, 0.0], [1, 0.0]))
    pairs.append((NumpyEngine(), np.float64("nan"), -np.float64("nan"), np.float64(0.0)))
    for engine, value, equal, different in pairs:
        kept = engine.keep(value)
        assert engine.same(equal, kept)
        assert not engine.same(different, kept)


def test_large_arrays_with_axes_of_no_stride_are_compared() -> None:
    """An axis that `None` made has a stride of 0, as one that repeats its entries has; it is not gone into for ever."""
    engine = NumpyEngine()
    pooled = np.arange(16 * 4 * 4 * 4, dtype=float).reshape(16, 4, 4, 4).transpose(0, 3, 1, 2)  # in no one's order
    for value in (pooled[:, :, :, None, :, None], np.broadcast_to(pooled[..., None], (16, 4, 4, 4, 3))):
        kept = engine.keep(value)
        assert engine.same(value, kept)
        pooled[-1, -1, -1, -1] += 1
        assert not engine.same(value, kept)


def test_keeping_leaves_gradients_versions_and_graphs_alone() -> None:
    engine = TorchEngine()
    weight = torch.nn.Parameter(torch.ones(3))
    product = weight * 2.0
    version, node = product._version, product.grad_fn
    kept = engine.keep(product)
    held = engine.keep(weight)
    assert engine.same(product, kept)
    engine.describe(kept)
    assert (product._version, product.grad_fn) == (version, node)
    assert not kept.tensor.requires_grad
    assert kept.tensor.grad_fn is None
    assert engine.describe(held).type == "Parameter"
    total: Any = product.sum()
    total.backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [2.0, 2.0, 2.0]
    engine.restore(weight, held)
    assert weight.requires_grad
    assert weight.is_leaf


@pytest.mark.parametrize("mode", [torch.no_grad, torch.enable_grad, torch.inference_mode])
def test_every_grad_mode(mode: Any) -> None:
    engine = TorchEngine()
    leaf = torch.ones(3, requires_grad=True)
    with mode():
        value = leaf * 2.0
        before = (torch.is_grad_enabled(), torch.is_inference_mode_enabled())
        kept = engine.keep(value)
        assert engine.same(value, kept)
        assert engine.describe(kept).mean == 2.0
        assert (torch.is_grad_enabled(), torch.is_inference_mode_enabled()) == before
    assert engine.same(value, kept)
    assert engine.window(kept, None, 1, 3).cells == [2.0, 2.0, 2.0]
    restored = value.clone() if not value.is_inference() else value
    engine.restore(restored, kept)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_subclasses_of_arrays_are_kept_as_plain_arrays() -> None:
    class Loud(np.ndarray):
        def __array_finalize__(self, base: Any) -> None:
            if base is not None and type(base) is Loud:
                raise AssertionError("the subclass was noticed")

        def __getitem__(self, index: Any) -> Any:
            raise AssertionError("the subclass was noticed")

    engine = NumpyEngine()
    loud = np.arange(3.0).view(Loud)
    values: list[Any] = [loud, np.matrix([[1.0, 2.0]]), np.ma.masked_array([1.0, 2.0], mask=[True, False])]
    for value in values:
        assert engine.owns(value)
        engine.identity(value)
        kept = engine.keep(value)
        assert type(kept) is np.ndarray
        assert engine.same(value, kept)
        assert engine.describe(kept).positive == 2


def test_what_cannot_be_restored_says_so() -> None:
    frozen = np.zeros(3)
    frozen.flags.writeable = False
    numbers = NumpyEngine()
    for value, kept in ((frozen, numbers.keep(np.ones(3))), (np.zeros(2), numbers.keep(np.ones(3)))):
        with pytest.raises(LookupError):
            numbers.restore(value, kept)
    with pytest.raises(LookupError):
        TorchEngine().restore(torch.zeros(2), TorchEngine().keep(torch.zeros(3)))
    with pytest.raises(LookupError):
        PythonEngine().restore((1, 2), [1, 3])
    rows = [[1, 2], [3, 4]]
    inner = rows[0]
    PythonEngine().restore(rows, [[5, 6], [7, 8]])
    assert rows == [[5, 6], [7, 8]]
    assert rows[0] is inner


def test_the_size_of_a_copy_is_its_bytes() -> None:
    assert NumpyEngine().size(NumpyEngine().keep(np.zeros((3, 4))[:, ::2])) == 48
    assert TorchEngine().size(TorchEngine().keep(torch.zeros(3, 4).t())) == 48
    assert PythonEngine().size(PythonEngine().keep([1.0] * 10)) >= 80


def test_arrays_travel_in_c_order_little_endian() -> None:
    engine = NumpyEngine()
    big = np.arange(6, dtype=">i4").reshape(2, 3).T
    array = engine.array(engine.keep(big))
    assert (array.shape, array.dtype) == ((3, 2), "int32")
    assert np.frombuffer(array.data, "<i4").tolist() == [0, 3, 1, 4, 2, 5]
    assert engine.array(engine.keep(np.array([1.5], dtype=np.longdouble))).dtype == "float64"
    tensors = TorchEngine()
    assert tensors.array(tensors.keep(torch.tensor([True, False]))).data == b"\x01\x00"
    conjugate = tensors.array(tensors.keep(torch.tensor([1 + 2j]).conj()))
    assert np.frombuffer(conjugate.data, conjugate.dtype).tolist() == [1 - 2j]
    lists = PythonEngine()
    for value, dtype in (
        ([1, 2], "int64"),
        ([1, 2.5], "float64"),
        ([True], "bool"),
        ([1 << 70, 1], "float64"),
        (3, "int64"),
    ):
        array = lists.array(lists.keep(value))
        assert array.dtype == dtype
        assert np.frombuffer(array.data, array.dtype).tolist() == np.ravel(np.array(value, dtype=dtype)).tolist()


def test_tensors_without_memory_of_their_own() -> None:
    engine = TorchEngine()
    zero = torch._efficientzerotensor((3, 4))
    kept = engine.keep(zero)
    assert engine.same(zero, kept) and engine.same(torch.zeros(3, 4), kept)
    assert engine.same(zero, engine.keep(torch.zeros(3, 4)))
    assert engine.describe(kept).zero == 12
    freed = torch.ones(200, 300)
    before = engine.keep(freed)
    freed.untyped_storage().resize_(0)
    after = engine.keep(freed)
    assert not engine.same(freed, before)
    assert engine.describe(after).shape == (200, 300)


def test_a_tensor_lies_in_one_run_of_memory_where_a_tensor_like_it_would_lie_alike() -> None:
    base = torch.zeros(2, 1, 3, 4)
    layouts = [base, base[:, :, 1:], base[..., ::2], base[1], base[:, :, :1], base[:, 0].expand(2, 3, 4)]
    layouts += [base[:, :, :, :1].expand(2, 1, 3, 4), base.to(memory_format=torch.channels_last)]
    turned = [each.permute(*order) for each in layouts for order in permutations(range(each.ndim))]
    answers = [dense(each) for each in turned]
    assert answers == [torch.empty_like(each, device="meta").stride() == each.stride() for each in turned]
    assert any(answers) and not all(answers)
