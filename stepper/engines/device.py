"""Statistics and pictures of torch tensors on any device, by torch's own operations: what is copied is the result.

Used for tensors on accelerators. Callers have torch's modes switched off. Values are accumulated in float64 where the
device has it, else in float32.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from stepper.engines.pooling import LIFT, edges
from stepper.engines.statistics import CANCELLED, LARGE, TINY, Statistics

CHUNK = 1 << 24  # elements that are converted together; float32 counts exactly up to so many
BAND = 1 << 22


def fetch(tensors: Sequence[Any], torch: Any) -> list[Any]:
    """Flat tensors as NumPy arrays, in one transfer for each dtype and device."""
    found: list[Any] = [None] * len(tensors)
    alike: dict[Any, list[int]] = {}
    for place, tensor in enumerate(tensors):
        alike.setdefault((tensor.dtype, tensor.device), []).append(place)
    for places in alike.values():
        whole = torch.cat([tensors[place] for place in places]).cpu().numpy()
        start = 0
        for place in places:
            found[place] = whole[start : start + tensors[place].numel()]
            start += tensors[place].numel()
    return found


def statistics(tensors: Sequence[Any], torch: Any) -> list[Statistics]:
    """Statistics of tensors of numbers or bools (complex ones by absolute value), waited for once.

    Where a chunk holds what is not finite, or numbers whose squares say too little, a closer look at it follows.
    """
    chunks = [
        (place, tensor.reshape(-1)[start : start + CHUNK])
        for place, tensor in enumerate(tensors)
        for start in range(0, tensor.numel(), CHUNK)
    ]
    found = [Statistics() for _ in tensors]
    closer: list[tuple[int, Any]] = []
    for (place, chunk), row in zip(chunks, _rows([_first(chunk, torch) for _, chunk in chunks], torch), strict=True):
        if not _include(found[place], chunk.numel(), row):
            closer.append((place, chunk))
    rows = _rows([_chunk(chunk, wide(chunk, torch), torch) for _, chunk in closer], torch)
    for (place, _), row in zip(closer, rows, strict=True):
        neginf, negative, zero, inf, nan, finite = map(int, row[:6])
        found[place].neginf += neginf
        found[place].inf += inf
        found[place].nan += nan
        low, high, mean, spread, scale = row[6:]
        exponent = 0 if scale == 1.0 else _exponent_of(scale)
        if finite:
            _merge(found[place], exponent, (finite, low, high, mean, spread, negative, zero))
    return found


def _rows(rows: Sequence[Any], torch: Any) -> list[list[float]]:
    """Rows of equal length, of one transfer for each device."""
    found: list[list[float]] = [[]] * len(rows)
    alike: dict[Any, list[int]] = {}
    for place, row in enumerate(rows):
        alike.setdefault(row.device, []).append(place)
    for places in alike.values():
        for place, row in zip(places, torch.stack([rows[place] for place in places]).tolist(), strict=True):
            found[place] = row
    return found


def _first(part: Any, torch: Any) -> Any:
    """One chunk as a row of figures on its device: min, max, sum, L2 norm, how many are negative and zero."""
    kind = wide(part, torch)
    values = _real(part, kind, torch)
    light = part if part.dtype in _narrow(torch) else values
    low, high = torch.aminmax(light)
    figures = [
        low,
        high,
        values.sum(),
        torch.linalg.vector_norm(values),
        _count(torch.lt, light, torch),
        _count(torch.eq, light, torch),
    ]
    return torch.stack([each.to(kind) for each in figures])


def _count(test: Any, part: Any, torch: Any) -> Any:
    """How many numbers of a chunk pass a comparison with zero. Flags of float16 are summed as they are, into float32;
    bools would be made integers of eight bytes first."""
    flags = torch.empty(part.shape, dtype=torch.float16, device=part.device)
    return test(part, 0, out=flags).sum(dtype=torch.float32)


def _include(found: Statistics, count: int, row: Sequence[float]) -> bool:
    """Merge a chunk by its figures. False where they do not say enough."""
    low, high, total, norm, negative, zero = row
    large = max(-low, high)
    if not all(map(math.isfinite, (low, high, norm))) or large > LARGE or 0.0 < large < TINY:
        return False
    mean, squares = total / count, norm * norm
    spread = squares - count * mean * mean
    if low == high:
        mean, spread = low, 0.0
    elif not spread > CANCELLED * squares:
        return False
    _merge(found, 0, (count, low, high, mean, spread, int(negative), int(zero)))
    return True


def _chunk(part: Any, kind: Any, torch: Any) -> Any:
    """One chunk as a row of numbers on its device: six counts, then min, max, mean, spread and the scale of both."""
    values = _real(part, kind, torch)
    finite = torch.isfinite(values)
    count = finite.sum()
    zeros = torch.zeros((), dtype=kind, device=values.device)
    known = torch.where(finite, values, zeros)
    low = torch.where(finite, values, torch.full_like(zeros, torch.inf)).amin()
    high = torch.where(finite, values, torch.full_like(zeros, -torch.inf)).amax()
    largest = known.abs().amax()
    # Squares of very large or small numbers would overflow or vanish: scaled by a power of two, no digit is lost
    extreme = (largest > 1e145) | ((largest > 0) & (largest < 1e-145)) if kind is torch.float64 else largest < 0
    scale = torch.where(
        extreme, torch.exp2(torch.floor(torch.log2(largest)).clamp(-1022, 1023)), torch.ones_like(zeros)
    )
    known = known / scale
    mean = known.sum() / count.clamp(min=1)
    apart = torch.where(finite, known - mean, zeros)
    numbers = [
        (values == -torch.inf).sum(),
        (finite & (values < 0)).sum(),
        (values == 0).sum(),
        (values == torch.inf).sum(),
        torch.isnan(values).sum(),
        count,
        low,
        high,
        mean,
        (apart * apart).sum(),
        scale,
    ]
    return torch.stack([each.to(kind) for each in numbers])


def _exponent_of(scale: float) -> int:
    return math.frexp(scale)[1] - 1


def _merge(found: Statistics, exponent: int, part: tuple[int, float, float, float, float, int, int]) -> None:
    """Include a chunk whose mean and spread are scaled by its own power of two, in the larger of the two scales."""
    count, low, high, mean, spread, negative, zero = part
    common = exponent if not found.finite else max(found.exponent, exponent)
    if found.finite and found.exponent != common:
        down = common - found.exponent
        found.mean, found.spread = math.ldexp(found.mean, -down), math.ldexp(found.spread, -2 * down)
    found.exponent = common
    down = common - exponent
    found.include(count, low, high, math.ldexp(mean, -down), math.ldexp(spread, -2 * down), negative, zero)


def pool(part: Any, rows: int, columns: int, torch: Any) -> list[float]:
    """Means over the cells of a matrix (H, W), in one transfer; in two where sums left the range of float64."""
    cells = _means(part, rows, columns, 1.0, torch)
    if not all(map(math.isfinite, cells)) and _may_overflow(part, wide(part, torch), torch):
        # Scaled, the sums of the largest numbers stay in range; the smallest would vanish, and have no need of it
        cells = _means(part, rows, columns, 2.0**-LIFT, torch)
    return cells


def _means(part: Any, rows: int, columns: int, factor: float, torch: Any) -> list[float]:
    height, width = part.shape
    kind = wide(part, torch)
    bounds = (edges(height, rows), edges(width, columns))
    if height * width <= BAND:
        sums = _sums(_real(part, kind, torch) * factor, bounds[0], 0, torch)
        sums = _sums(sums, bounds[1], 1, torch)
    else:
        axis = 0 if height * columns >= width * rows else 1  # that of the longer runs first: the rest is little then
        sums = _long_sums(part, bounds[axis], axis, factor, torch)
        sums = _sums(sums, bounds[1 - axis], 1 - axis, torch)
    counts = torch.outer(_lengths(bounds[0], part, torch), _lengths(bounds[1], part, torch)).to(kind)
    cells: list[float] = (sums / counts / factor).reshape(-1).tolist()
    return cells


def _may_overflow(part: Any, kind: Any, torch: Any) -> bool:
    return kind is torch.float64 and part.dtype not in _narrow(torch)


def _long_sums(part: Any, bounds: list[int], axis: int, factor: float, torch: Any) -> Any:
    """Sums over runs of an axis of many elements, one run after the other, so that little is converted at a time."""
    kind = wide(part, torch)
    step = max(1, BAND // part.shape[1 - axis])
    sums = []
    for first, last in pairwise(bounds):
        pieces = (part.narrow(axis, start, min(step, last - start)) for start in range(first, last, step))
        parts = [
            (_real(piece, kind, torch) * factor if factor != 1.0 else _real(piece, kind, torch)).sum(axis)
            for piece in pieces
        ]
        sums.append(parts[0] if len(parts) == 1 else torch.stack(parts).sum(0))
    return torch.stack(sums, axis)


def _sums(block: Any, bounds: list[int], axis: int, torch: Any) -> Any:
    """Sums over runs of an axis. Runs differ in length by one at most: the common part is summed by reshaping."""
    extent, runs = bounds[-1], len(bounds) - 1
    if runs == extent:
        return block
    shape = list(block.shape)
    common = extent // runs
    if extent % runs == 0:
        return block.reshape([*shape[:axis], runs, common, *shape[axis + 1 :]]).sum(axis + 1)
    starts = torch.tensor(bounds[:-1], device=block.device)
    index = (starts[:, None] + torch.arange(common, device=block.device)).reshape(-1)
    even = block.index_select(axis, index).reshape([*shape[:axis], runs, common, *shape[axis + 1 :]]).sum(axis + 1)
    longer = _lengths(bounds, block, torch) > common
    last = block.index_select(axis, (starts + common).clamp(max=extent - 1))
    longer = longer[:, None] if axis == 0 else longer[None, :]
    return even + torch.where(longer, last, torch.zeros_like(last))


def _lengths(bounds: list[int], like: Any, torch: Any) -> Any:
    return torch.tensor([end - start for start, end in pairwise(bounds)], device=like.device)


def wide(tensor: Any, torch: Any) -> Any:
    """The dtype in which sums over a tensor are formed."""
    return torch.float32 if tensor.device.type == "mps" else torch.float64


def _narrow(torch: Any) -> tuple[Any, ...]:
    """The dtypes whose sums, and sums of squares, float64 holds without overflow."""
    return torch.float32, torch.float16, torch.bfloat16


def _real(part: Any, kind: Any, torch: Any) -> Any:
    if part.dtype.is_complex:
        part = part.to(torch.complex128 if kind is torch.float64 else torch.complex64).abs()
    return part.to(kind)
