"""Looking at tensors is not noticed: by modes, subclasses, transforms and tracers; and odd tensors do no harm."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.testing._internal.two_tensor import TwoTensor
from torch.utils._python_dispatch import TorchDispatchMode

from stepper.engines import modes
from stepper.engines.kept import Kept
from stepper.engines.torch import TorchEngine


class CountFunctions(TorchFunctionMode):
    count = 0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return function(*args, **(kwargs or {}))


class CountOperations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return function(*args, **(kwargs or {}))


class Noisy(torch.Tensor):
    """A subclass that must not be asked."""

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError("the subclass was noticed")


def look(engine: TorchEngine, value: Any) -> Any:
    """Everything that is done to a value."""
    assert engine.owns(value)
    engine.settle()
    engine.identity(value)
    kept = engine.keep(value)
    assert engine.still(value, kept) is not False
    assert engine.same(value, kept)
    engine.describe(kept)
    engine.size(kept)
    engine.number(value)
    engine.trainable(value)
    if isinstance(kept, Kept):
        engine.window(kept, None, 2, 2)
        engine.array(kept)
        engine.restore(value, kept)
    else:
        with pytest.raises(LookupError):
            engine.array(kept)
    return kept


def test_modes_do_not_see_it() -> None:
    engine = TorchEngine()
    value = torch.randn(3, 3)
    operations: Any
    with CountFunctions() as functions, CountOperations() as operations:  # type: ignore[no-untyped-call]
        look(engine, value)
        look(engine, value.t())
        state = engine.random_state()
        assert state is not None
        engine.set_random_state(state)
        seen = (functions.count, operations.count)
        torch.zeros(2)
        assert (functions.count, operations.count) == (seen[0] + 1, seen[1] + 1)
    assert seen[1] == 1  # the transpose is the test's own
    assert type(engine.keep(value).tensor) is torch.Tensor


def test_a_mode_that_was_entered_since_the_last_look_does_not_see_the_next() -> None:
    engine, value = TorchEngine(), torch.randn(3, 4)[:, ::2]  # with gaps: copied by torch itself
    for kind in (CountFunctions, CountOperations):
        look(engine, value)
        with kind() as mode:
            look(engine, value)
        assert mode.count == 0


def test_neither_default_device_nor_autocast_matters() -> None:
    engine = TorchEngine()
    value = torch.randn(4, 4)
    torch.set_default_device("meta")
    try:
        kept = look(engine, value)
    finally:
        torch.set_default_device(None)
    assert kept.tensor.device.type == "cpu"
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert look(engine, value).tensor.dtype is torch.float32
        assert torch.is_autocast_enabled("cpu")


def test_a_subclass_is_not_asked() -> None:
    engine = TorchEngine()
    value = torch.Tensor._make_subclass(Noisy, torch.ones(2, 2))
    kept = look(engine, value)
    assert type(kept.tensor) is torch.Tensor
    assert (engine.describe(kept).type, engine.describe(kept).positive) == ("Noisy", 4)


def test_what_the_script_replaced_is_put_back_for_the_thread_that_looks_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert modes.torch_module() is not None
    heard: list[str] = []
    x, clone = torch.ones(2, requires_grad=True), torch.Tensor.clone

    def hear(name: str, answer: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any) -> Any:
            heard.append(name)
            return answer(*given)

        return called

    others: dict[str, tuple[Callable[[], Any], Any]] = {
        "clone": (lambda: x.clone(), hear("clone", clone)),
        "shape": (lambda: x.shape, property(hear("shape", lambda _: torch.Size([2])))),
        "__add__": (lambda: x + 1, hear("__add__", torch.add)),
        "requires_grad": (
            lambda: setattr(x, "requires_grad", True),
            property(None, hear("requires_grad", lambda *_: None)),
        ),
    }
    asked = [ask for ask, _ in others.values()]
    for name, (_, other) in others.items():
        monkeypatch.setattr(torch.Tensor, name, other)

    def ask() -> None:
        for each in asked:
            each()

    def look() -> None:
        with modes.unnoticed():
            ask()

    def elsewhere(work: Callable[[], None]) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(work).result()

    with modes.unnoticed():
        elsewhere(ask)
        assert heard == list(others)
        ask()
        elsewhere(look)
        ask()
        assert heard == list(others)
    elsewhere(look)
    assert heard == list(others)
    ask()
    assert heard == list(others) * 2
    assert all(vars(torch.Tensor)[name] is other for name, (_, other) in others.items())


def test_inside_transforms() -> None:
    engine = TorchEngine()
    outside = torch.ones(2, 3)
    found: list[Any] = []

    def function(x: Any) -> Any:
        found.append(engine.describe(look(engine, x)))
        found.append(engine.describe(look(engine, outside)))
        return (x * x).sum()

    result = torch.vmap(torch.func.grad(function))(torch.ones(4, 3))
    assert torch.equal(result, 2 * torch.ones(4, 3))
    assert [(each.shape, each.positive) for each in found] == [((3,), None), ((2, 3), 6)]


@pytest.mark.filterwarnings("ignore:`torch.jit.trace` is deprecated")
def test_inside_a_tracer() -> None:
    engine = TorchEngine()

    def function(x: Any) -> Any:
        y = x * 2
        look(engine, y.detach())
        return y

    trace: Any = torch.jit.trace
    graph = trace(function, torch.ones(2), check_trace=False).graph
    kinds = [node.kind() for node in graph.nodes()]
    assert "aten::clone" not in kinds
    assert "aten::size" not in kinds


def odd() -> dict[str, Any]:
    wrapper: Any = TwoTensor
    with FakeTensorMode():
        fake = torch.empty(2, 3)
    return {
        "meta": torch.empty(2, 3, device="meta"),
        "fake": fake,
        "sparse": torch.sparse_coo_tensor(torch.tensor([[0], [1]]), [1.0], (1 << 20, 5)),
        "quantized": torch.quantize_per_tensor(torch.zeros(2, 3), 0.1, 0, torch.qint8),
        "wrapper": wrapper(torch.zeros(2, 3), torch.zeros(2, 3)),
    }


@pytest.mark.filterwarnings("ignore")
def test_tensors_without_readable_numbers_have_an_outside() -> None:
    engine = TorchEngine()
    for name, value in odd().items():
        found = engine.describe(look(engine, value))
        assert (name, found.kind, found.shape, found.min, found.nan) == (name, "tensor", value.shape, None, None)
    with pytest.raises(LookupError, match=r"of this Tensor \(float32, sparse_coo\)"):
        engine.ndarray(look(engine, odd()["sparse"]))


@pytest.mark.filterwarnings("ignore")
def test_tensors_without_a_shape_are_something_else() -> None:
    engine = TorchEngine()
    ragged = [torch.ones(2), torch.ones(3)]
    values = (
        torch.nested.nested_tensor(ragged),
        torch.nested.nested_tensor(ragged, layout=torch.jagged),
        torch.nn.parameter.UninitializedParameter(),
    )
    for value in values:
        found = engine.describe(look(engine, value))
        assert (found.kind, found.shape, found.type) == ("other", None, type(value).__name__)


def test_a_full_memory_costs_the_numbers_and_not_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TorchEngine()
    value = torch.ones(2, 3)
    copied = engine.keep(value)

    def full(*args: Any, **keywords: Any) -> Any:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(Kept, "of_memory", full)
    monkeypatch.setattr(Kept, "flat", full)
    monkeypatch.setattr(torch.Tensor, "clone", full)
    kept = engine.keep(value)
    assert not engine.same(value, kept)
    for each in (kept, copied):
        found = engine.describe(each)
        assert (found.kind, found.type, found.shape, found.mean) == ("tensor", "Tensor", (2, 3), None)


def test_a_device_that_has_failed_is_asked_nothing_more() -> None:
    """A kernel that fails leaves every later call of CUDA raising: the script is to meet that, not our own looks."""

    def failed(*_: object) -> bool:
        raise RuntimeError("CUDA error: device-side assert triggered")

    core = SimpleNamespace(
        _cuda_isCurrentStreamCapturing=failed, _cuda_get_sync_debug_mode=lambda: 0, _cuda_synchronize=failed
    )
    broken = SimpleNamespace(cuda=SimpleNamespace(_initialized=True, is_initialized=lambda: True), _C=core)
    assert not modes.capturing(broken)
    assert not modes.watched(broken)
    modes.settle(broken)
