"""What is said of kept copies of tensors: their summaries, one by one, together, and in pieces.

Copies on devices are waited for once, all together: small ones are fetched, the others counted there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from stepper.engines import device, pieces
from stepper.engines.arrays import numpy_module
from stepper.engines.kept import FAILURES, Kept
from stepper.engines.modes import unnoticed
from stepper.engines.numpy import chunks_of
from stepper.engines.numpy import statistics as numpy_statistics
from stepper.engines.opaque import Opaque
from stepper.engines.pieces import Pieces
from stepper.engines.statistics import MANY, Statistics, Whole, of_chunks, together
from stepper.record import Summary

# dtypes whose elements are numbers of whole bytes, by name: True where NumPy has them too
_DTYPES = {
    **dict.fromkeys(("float16", "float32", "float64", "complex64", "complex128", "bool"), True),
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"), True),
    **dict.fromkeys(("bfloat16", "complex32", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2"), False),
    **dict.fromkeys(("float8_e5m2fnuz", "float8_e8m0fnu"), False),
}
CHUNK = 1 << 15  # elements of a dtype that NumPy lacks, which torch converts together: on one thread up to here


class Descriptions:
    """Summaries of copies. `names` are those of the dtypes whose numbers can be read, `arrays` NumPy's own for those
    that it has too."""

    def __init__(self, torch: Any) -> None:
        numpy = numpy_module()
        self._torch = torch
        self._devices: dict[Any, str] = {}
        self.names: dict[Any, str] = {getattr(torch, name): name for name in _DTYPES if hasattr(torch, name)}
        self.arrays: dict[Any, Any] = {dtype: numpy.dtype(name) for dtype, name in self.names.items() if _DTYPES[name]}

    def describe(self, kept: Any) -> Summary:
        if type(kept) is Opaque:
            return kept.summary()
        try:
            if kept.array is not None:
                return self._told(kept, numpy_statistics(kept.flat()), kept.times)
            with unnoticed():
                return self._describe(kept)
        except FAILURES:
            return Opaque(kept.type, kept.shape, str(kept.dtype).removeprefix("torch."), str(kept.device)).summary()

    def describe_all(self, kept: Sequence[Any]) -> list[Summary]:
        found: dict[int, Summary] = {}
        there = [each for each in kept if type(each) is Kept and each.there]
        if there:
            with unnoticed():
                found = self._describe_there(there)
        near = [each for each in kept if id(each) not in found]
        told = iter(together(near, _few, self._told, self.describe))
        return [found.get(id(each)) or next(told) for each in kept]

    def _describe_there(self, kept: Sequence[Kept]) -> dict[int, Summary]:
        """The summaries of copies that lie on devices, waited for once: small ones are fetched, the others counted
        there. Empty where a device has failed or is full."""
        torch = self._torch
        try:
            small = [each for each in kept if each.dense and 0 < each.tensor.numel() <= MANY and self._is_real(each)]
            fetched = dict(zip(map(id, small), device.fetch([each.once() for each in small], torch), strict=True))
            large = [each for each in kept if id(each) not in fetched]
            counted = device.statistics([each.once() for each in large], torch)
        except FAILURES:
            return {}
        found = dict(zip(fetched, self._describe_fetched(small, fetched), strict=True))
        for each, statistics in zip(large, counted, strict=True):
            numbers = each.once().numel()
            found[id(each)] = self._told(each, statistics, each.tensor.numel() // numbers if numbers else 1)
        return found

    def _describe_fetched(self, kept: Sequence[Kept], fetched: Mapping[int, Any]) -> list[Summary]:
        def closely(each: Kept) -> Summary:
            return self._told(each, numpy_statistics(fetched[id(each)]))

        return together(kept, lambda each: fetched[id(each)], self._told, closely)

    def _is_real(self, kept: Kept) -> bool:
        """Whether the numbers are real ones that NumPy can be given."""
        dtype = kept.dtype
        return not dtype.is_complex and dtype is not self._torch.bool and _DTYPES[self.names[dtype]]

    def pieces(self, kept: Any) -> Pieces | None:
        if type(kept) is not Kept:
            return None
        if kept.array is None:
            return self._foreign_pieces(kept)
        chunks = chunks_of(kept.flat())
        return None if chunks is None else Pieces(self._told(kept, None), chunks, kept.times)

    def _told(self, kept: Kept, found: Statistics | Whole | None, times: int = 1) -> Summary:
        if found is None:
            return Summary("tensor", kept.type, kept.shape, self.names[kept.dtype], self._device(kept))
        return found.summary(kept.type, kept.shape, self.names[kept.dtype], self._device(kept), times)

    def _describe(self, kept: Kept) -> Summary:
        tensor = kept.tensor
        numbers = kept.once()
        found: Statistics | Whole | None
        if not numbers.is_cpu:
            (found,) = device.statistics([numbers], self._torch)
        elif _DTYPES[self.names[tensor.dtype]]:
            found = numpy_statistics(numbers.numpy())
        else:
            found = self._of_foreign(numbers)
        return self._told(kept, found, tensor.numel() // numbers.numel() if numbers.numel() else 1)

    def _of_foreign(self, flat: Any) -> Statistics | Whole | None:
        """Statistics of numbers of a dtype that NumPy lacks, converted bit by bit."""
        numpy = numpy_module()
        if flat.numel() <= CHUNK:
            return numpy_statistics(self.familiar(flat).numpy())
        with numpy.errstate(all="ignore"):
            return of_chunks(self._foreign_chunks(flat))

    def _foreign_chunks(self, flat: Any) -> Callable[[], Iterator[Any]]:
        starts = range(0, flat.numel(), CHUNK)

        def chunk(start: int) -> Any:
            with unnoticed():
                return self.familiar(flat[start : start + CHUNK]).numpy()

        return lambda: map(chunk, starts)

    def _foreign_pieces(self, kept: Kept) -> Pieces | None:
        if kept.nbytes < pieces.MANY or kept.device.type != "cpu" or _DTYPES[self.names[kept.dtype]]:
            return None
        with unnoticed():
            flat = kept.once()
        return Pieces(self._told(kept, None), self._foreign_chunks(flat), kept.tensor.numel() // max(1, flat.numel()))

    def familiar(self, tensor: Any) -> Any:
        """Numbers of a dtype that NumPy lacks, as one that it has; others as they are."""
        if _DTYPES[self.names[tensor.dtype]]:
            return tensor
        return tensor.to(self._torch.complex64 if tensor.dtype.is_complex else self._torch.float32)

    def _device(self, kept: Kept) -> str:
        place = kept.device
        if place not in self._devices:
            self._devices[place] = str(place)
        return self._devices[place]


def _few(kept: Any) -> Any:
    """The numbers of a small copy, flat; None for any other."""
    if type(kept) is not Kept or kept.array is None or not kept.dense or kept.array.kind not in "fiu":
        return None
    return kept.flat() if 0 < kept.nbytes <= MANY * kept.array.itemsize else None
