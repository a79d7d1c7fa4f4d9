"""The engine for torch's tensors: copies on their own device, pictures and statistics of them, and generators.

Looking must not be noticed: while a function or dispatch mode, a functorch transform or a tracer is active, or the
value is of a subclass, everything runs with those switched off. Tensors without readable numbers (nested, quantized,
fake, meta, wrapped, sparse of very many elements) are known by their outside only.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import ref

from stepper.engines import device, generators
from stepper.engines.arrays import numpy_module
from stepper.engines.base import Later
from stepper.engines.bits import as_array, but_for_nans
from stepper.engines.described import Descriptions
from stepper.engines.in_graph import InGraph
from stepper.engines.kept import FAILURES, Kept, compact, dense, layout_of, once, same_but_for_nans
from stepper.engines.layout import Layout
from stepper.engines.members import members
from stepper.engines.modes import capturing, look, maker, method, replaced, settle, torch_module, unnoticed, watched
from stepper.engines.numpy import part_of
from stepper.engines.opaque import Opaque
from stepper.engines.openings import opening_of_call
from stepper.engines.outside import extents_of, is_lazy, outside_of
from stepper.engines.pieces import Pieces
from stepper.engines.pooling import pool, window
from stepper.engines.room import Room
from stepper.engines.sparse import spread_out
from stepper.engines.survey import sample, spread
from stepper.record import Array, Region, Summary, Window


class TorchEngine(InGraph):
    """Values are `torch.Tensor`, `torch.nn.Parameter` and other subclasses."""

    name = "torch"
    library = "torch"
    reseeded = False

    def __init__(self) -> None:
        # What every look needs of torch is fetched once: a look costs little more than the calls it is made of
        self._torch: Any = None
        self._core: Any = None
        self._cuda: Any = None
        self._wrapped: Any = None
        self._strided: Any = None
        self._exact: tuple[Any, ...] = ()
        self._described: Any = None
        self._names: dict[Any, str] = {}  # of the dtypes whose numbers can be read
        self._arrays: dict[Any, Any] = {}  # NumPy's dtypes by torch's, where it has them
        self._room = Room()
        self._heard = True  # a look at any tensor could be noticed, as of the last time that was asked (`_listen`)
        self._careful = False  # one at a device

    # ------------------------------------------------------------------------------------------------- values

    def owns(self, value: Any) -> bool:
        torch = self._torch or self._load()
        if torch is None:
            return False
        kind = type(value)
        return kind in self._exact or issubclass(kind, torch.Tensor)

    def _load(self) -> Any:
        """torch, where the script has imported it, and what we need to know of it."""
        torch = self._torch or torch_module()
        if torch is not self._torch:
            self._torch, self._core, self._cuda, self._strided = torch, torch._C, torch.cuda, torch.strided
            self._wrapped = torch._C._functorch.is_functorch_wrapped_tensor
            self._exact = (torch.Tensor, torch.nn.Parameter)
            self._described = Descriptions(torch)
            self._names, self._arrays = self._described.names, self._described.arrays
        return torch

    def _apart(self, value: Any) -> bool:
        """Whether a plain look at `value` could be noticed, or would go wrong."""
        if type(value) in self._exact:
            return self._heard
        self._load()
        return True

    def _plain(self, value: Any) -> Any:
        """`value` as a tensor whose memory can be read; None for any other. Within `unnoticed` for a subclass."""
        kind = type(value)
        if kind not in self._exact:
            torch = self._torch
            if kind.__torch_dispatch__ is not torch.Tensor.__torch_dispatch__ or is_lazy(kind, torch):
                return None
            value = torch.Tensor.as_subclass(value, torch.Tensor)
        if value.layout is not self._strided or value.dtype not in self._names:
            return None
        if value.is_nested or value.is_meta or self._wrapped(value):
            return None
        if self._careful and not value.is_cpu and capturing(self._torch):
            return None  # its numbers are not there yet, and asking for them would break the graph
        if not value.data_ptr() and value.numel() and not value._is_zerotensor():
            return None  # its memory has been given back, as sharded training does, and reading it would crash
        return value

    def settle(self) -> None:
        if self._core is not None:
            self._listen()
            if self._cuda._initialized:
                settle(self._torch)

    def _listen(self) -> None:
        """Whether somebody would notice a look just now, asked once before several looks."""
        core = self._core
        self._careful = self._cuda._initialized and watched(self._torch)
        self._heard = bool(
            core._len_torch_function_stack()
            or core._len_torch_dispatch_stack()
            or core._are_functorch_transforms_active()
            or core._get_tracing_state() is not None
            or self._careful
            or replaced()
        )

    def identity(self, value: Any) -> Hashable:
        if self._apart(value):
            with unnoticed():
                return self._identity(value)
        return self._identity(value)

    def _identity(self, value: Any) -> Hashable:
        plain = self._plain(value)
        if plain is None:
            return id(value)
        lazily = plain.is_neg() or plain.is_conj()
        return plain.data_ptr(), layout_of(plain.shape, plain.stride()), plain.dtype, lazily

    def storage(self, value: Any) -> Hashable:
        if self._apart(value):
            with unnoticed():
                return self._storage(value)
        return self._storage(value)

    def _storage(self, value: Any) -> Hashable:
        plain = self._plain(value)
        return None if plain is None else plain.untyped_storage().data_ptr() or None

    def layout(self, value: Any) -> Layout | None:
        if self._apart(value):
            with unnoticed():
                return self._layout(value)
        return self._layout(value)

    def _layout(self, value: Any) -> Layout | None:
        plain = self._plain(value)
        if plain is None or not plain.numel() or plain.is_neg() or plain.is_conj():
            return None
        size = plain.element_size()
        return Layout(plain.data_ptr(), size, tuple(plain.shape), tuple(step * size for step in plain.stride()))

    def memory(self, value: Any) -> Any:
        if self._apart(value):
            with unnoticed():
                return self._memory(value)
        return self._memory(value)

    def _memory(self, value: Any) -> Any:
        plain = self._plain(value)
        return ref(value if plain is None else plain.untyped_storage())

    def keep(self, value: Any) -> Any:
        try:
            if self._apart(value):
                with unnoticed():
                    return self._keep(value)
            return self._keep(value)
        except FAILURES:
            return outside_of(value, self._torch)

    def _keep(self, value: Any) -> Any:
        plain = self._plain(value)
        kind = type(value).__name__
        if plain is None:
            whole = spread_out(value, self._torch)
            return outside_of(value, self._torch) if whole is None else Kept.of_tensor(whole, kind, device=value.device)
        solid = plain.is_cpu and not (plain.is_conj() or plain.is_neg()) and plain.numel() and plain.data_ptr()
        if solid and dense(plain):
            return Kept.of_memory(plain, kind, self._arrays.get(plain.dtype))
        repeated = 0 in plain.stride() and not plain.is_contiguous()
        numbers = compact(plain.detach()) if repeated else plain.detach()
        if repeated and solid and numbers.is_contiguous():
            return Kept.of_memory(plain, kind, self._arrays.get(plain.dtype), once=numbers)
        if plain.is_cpu or self._room.has(numbers, self._torch):
            numbers = numbers.clone(memory_format=self._torch.contiguous_format) if repeated else numbers.clone()
            self._room.took(numbers)
        else:  # the script needs what is left there
            numbers = numbers.contiguous().cpu() if repeated else numbers.cpu()
        if repeated:
            return Kept.of_tensor(numbers.expand(plain.shape), kind, dense=False, device=plain.device)
        return Kept.of_tensor(numbers, kind, device=plain.device)

    def still(self, value: Any, kept: Any) -> bool | None:
        try:
            if type(kept) is not Kept or kept.data is None or self._apart(value) or value.layout is not self._strided:
                return None
            if value.dtype is not kept.dtype or value.shape != kept.shape or value.stride() != kept.stride:
                return None
            if not value.is_cpu or value.is_conj() or value.is_neg():
                return None
            return kept.holds(value.data_ptr())
        except FAILURES:
            return None

    def same(self, value: Any, kept: Any) -> bool:
        try:
            if self._apart(value):
                with unnoticed():
                    return self._same(value, kept)
            return self._same(value, kept)
        except FAILURES:
            return False

    def _same(self, value: Any, kept: Any) -> bool:
        plain = self._plain(value)
        if type(kept) is Opaque:
            return plain is None and outside_of(value, self._torch) == kept
        if plain is None:
            whole = spread_out(value, self._torch)
            return (
                whole is not None and kept.shape == whole.shape and same_but_for_nans(whole, kept.tensor, self._torch)
            )
        if plain.dtype is not kept.dtype or plain.shape != kept.shape or plain.device != kept.device:
            return False
        if plain.stride() == kept.stride and not (plain.is_conj() or plain.is_neg()):
            if kept.data is not None:
                address = plain.data_ptr()
                if kept.holds(address):
                    return True
                if kept.array is not None and address:
                    # Not by `plain.numpy()`, which forbids the script to resize its own tensor from then on
                    numbers = kept.flat()
                    return but_for_nans(as_array(address, numbers), numbers)
            elif not kept.dense:
                return same_but_for_nans(compact(plain.detach()), compact(kept.at_home), self._torch)
        return same_but_for_nans(plain.detach().resolve_conj().resolve_neg(), kept.at_home, self._torch)

    def restore(self, value: Any, kept: Any) -> None:
        if type(kept) is Opaque:
            raise LookupError("this tensor cannot be written back")
        self._load()
        with unnoticed():
            plain = self._plain(value)
            if plain is None or plain.shape != kept.shape or plain.dtype is not kept.dtype:
                raise LookupError("this tensor no longer has the shape and type that were kept")
            with self._torch.inference_mode(value.is_inference()):
                target = plain.detach()
                if target.is_contiguous():
                    target.copy_(kept.tensor)
                else:
                    compact(target).copy_(kept.tensor[once(target)])

    def write(self, value: Any, index: int, number: float) -> float:
        numpy = numpy_module()
        self._load()
        with unnoticed():
            plain = self._written(value)
            element = plain[numpy.unravel_index(index, plain.shape)]
            element.fill_(number)
            return float(element)

    def move(self, value: Any, step: float, signs: Any) -> None:
        self._load()
        torch = self._torch
        with unnoticed():
            plain = self._written(value)
            wide = torch.promote_types(plain.dtype, torch.float32)
            way = torch.from_numpy(signs).to(plain.device, wide).view(plain.shape) * step
            plain.copy_(plain.to(wide) + way)

    def _written(self, value: Any) -> Any:
        """Its memory, to be written to: no version counter hears of it. Raises LookupError where it has no such."""
        plain = self._plain(value)
        if plain is None or not plain.is_floating_point():
            sparse = spread_out(value, self._torch) is not None
            whole = "complex: only real ones are moved" if value.is_complex() else "no floating-point ones"
            raise LookupError(f"its numbers are {'stored sparsely' if sparse else whole}")
        return plain.data

    def activation(
        self, name: str, h: Any, out: Any, given: Sequence[Any], named: Mapping[str, Any]
    ) -> tuple[Callable[[Any], Any], bool] | None:
        if not (isinstance(h, Kept) and isinstance(out, Kept)):
            return None
        opening = opening_of_call(name, given, named, h.at_home, out.at_home)
        return None if opening is None else (lambda kept: opening.at(kept.at_home), opening.soft)

    def size(self, kept: Any) -> int:
        return 64 if type(kept) is Opaque else int(kept.nbytes)

    def describe(self, kept: Any) -> Summary:
        summary: Summary = kept.summary() if type(kept) is Opaque else self._described.describe(kept)
        return summary

    def describe_all(self, kept: Sequence[Any]) -> list[Summary]:
        summaries: list[Summary] = self._described.describe_all(kept)
        return summaries

    def pieces(self, kept: Any) -> Pieces | None:
        found: Pieces | None = self._described.pieces(kept)
        return found

    def elsewhere(self, kept: Any) -> bool:
        return type(kept) is Kept and kept.there

    def numbers(self, kept: Any) -> Any:
        return kept.tensor if self.elsewhere(kept) else self.ndarray(kept)

    def made(self, numbers: Any) -> Any:
        return Kept.of_tensor(numbers, "Tensor")

    def subtract(self, new: Any, old: Any) -> Any:
        wide = device.wide(new.tensor, self._torch)
        with unnoticed():
            if new.tensor.dtype.is_complex or old.tensor.dtype.is_complex:
                wide = self._torch.complex64 if wide is self._torch.float32 else self._torch.complex128
            return Kept.of_tensor(new.tensor.to(wide) - old.tensor.to(wide), "Tensor")

    def shape(self, value: Any) -> tuple[int, ...] | None:
        return outside_of(value, self._torch).shape

    def extents(self, kept: Any) -> tuple[int, ...] | None:
        return kept.shape if type(kept) is Kept else None

    def window(self, kept: Any, region: Region | None, rows: int, columns: int) -> Window:
        numpy = numpy_module()
        with unnoticed():
            tensor = self._tensor(kept)
        familiar = self._described.familiar

        def cells(where: Region, rows: int, columns: int) -> list[float]:
            part = part_of(tensor, where)
            if not tensor.is_cpu:
                return device.pool(part, rows, columns, self._torch)
            with numpy.errstate(all="ignore"):
                height, width = part.shape
                return pool(lambda top, end: familiar(part[top:end]).numpy(), height, width, rows, columns)

        with unnoticed():
            return window(tensor.shape, region, rows, columns, cells, lambda where: part_of(tensor, where).item())

    def array(self, kept: Any) -> Array:
        values = self.ndarray(kept)
        little = values.astype(values.dtype.newbyteorder("<"), copy=False)
        return Array(values.shape, values.dtype.name, little.tobytes())

    def ndarray(self, kept: Any) -> Any:
        if type(kept) is Kept and kept.array is not None:
            return kept.shaped()
        with unnoticed():
            return self._described.familiar(self._tensor(kept)).cpu().numpy()

    def native(self, kept: Any) -> Any:
        self._tensor(kept)
        with unnoticed():
            return kept.at_home.clone()

    def sample(self, kept: Any, most: int) -> Any:
        if type(kept) is Kept and kept.array is not None:
            return sample(kept.shaped(), most)
        tensor = self._tensor(kept)
        with unnoticed():
            step = spread(extents_of(tensor.shape), most)
            return self._described.familiar(tensor.reshape(-1)[::step]).cpu().numpy()

    def _tensor(self, kept: Any) -> Any:
        """A kept copy's tensor. Raises LookupError where its numbers were never read."""
        if type(kept) is Opaque:
            raise kept.refuse()
        self._load()
        return kept.tensor

    def number(self, value: Any) -> float | None:
        if not self.owns(value):
            return None
        try:
            self._listen()
            if self._apart(value):
                with unnoticed():
                    return self._number(value)
            # Asked at every loss of a run at full speed; nothing but `item` need be asked whether it can be read.
            return _real(value.item()) if value.numel() == 1 else None
        except FAILURES:
            return None

    def _number(self, value: Any) -> float | None:
        plain = self._plain(value)
        return None if plain is None or plain.numel() != 1 else _real(plain.item())

    def reader(self, kind: type) -> Callable[[Any], float | Later | None]:
        if kind not in self._exact:
            return self.number
        core, cuda = self._core, self._cuda
        # The script's own work has driven torch's tables from the processor's caches: each look into them counts
        functions, dispatched = core._len_torch_function_stack, core._len_torch_dispatch_stack
        transformed, traced = core._are_functorch_transforms_active, core._get_tracing_state
        count, item = method("numel"), method("item")

        def read(value: Any) -> float | Later | None:
            if functions() or dispatched() or transformed() or traced() is not None:
                return self.number(value)
            if cuda._initialized and not value.is_cpu:
                return self._later(value)
            try:
                number = item(value) if count(value) == 1 else None
            except FAILURES:
                return None
            return number if type(number) is float else _real(number)

        return read

    def _later(self, value: Any) -> float | Later | None:
        """A number on a device, where it can be copied unnoticed to be read later, and else as `number` has it."""
        try:
            if not (watched(self._torch) or replaced()) and value.numel() == 1 and value.is_floating_point():
                return Later(self, value.detach().clone()) if self._plain(value) is not None else self.number(value)
        except FAILURES:
            return None
        return self.number(value)

    def read(self, copies: Sequence[Any]) -> list[float | None]:
        self.settle()
        try:
            with unnoticed():
                if all(self._plain(each) is not None for each in copies):
                    numbers: list[float | None] = self._torch.stack([each.reshape(()) for each in copies]).tolist()
                    return numbers
        except FAILURES:
            pass  # on several devices, or on one that has failed: one by one
        return [self.number(each) for each in copies]

    # --------------------------------------------------------------------------------------------- inside and beside

    def members(self, value: Any) -> Iterable[tuple[str, Any]]:
        torch = self._torch or self._load()
        return () if torch is None else members(value, torch)

    def trainable(self, member: Any) -> bool:
        torch = self._torch
        return self.owns(member) and bool(look(member, "requires_grad", torch) and maker(member, torch) is None)

    @contextmanager
    def neutral(self) -> Iterator[None]:
        self.settle()
        with unnoticed():
            yield

    # ------------------------------------------------------------------------------------------------- randomness

    def seed(self, seed: int) -> None:
        with unnoticed():
            generators.seed(self._load(), seed)

    def random_state(self) -> bytes | None:
        with unnoticed():
            return generators.state(self._load())

    def set_random_state(self, state: bytes) -> None:
        with unnoticed():
            generators.set_state(self._load(), state)

    @contextmanager
    def undrawn(self) -> Iterator[None]:
        torch = self._load()
        with unnoticed():
            states = generators.states(torch)
        try:
            yield
        finally:
            with unnoticed():
                generators.put_back(torch, states)


def _real(number: Any) -> float | None:
    kind = type(number)
    return number if kind is float else float(number) if kind is int else None
