"""Statistics and pictures of torch tensors on any device, by torch's own operations: what is copied is the result.

Used for tensors on accelerators. Callers have torch's modes switched off. Values are accumulated in float64 where the
device has it, else in float32.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from stepper.engines.pooling import LIFT, edges
from stepper.engines.statistics import Statistics

CHUNK = 1 << 22  # elements that are converted together
BAND = 1 << 22


def statistics(tensor: Any, torch: Any) -> Statistics:
    """Statistics of a flat tensor of numbers or bools (complex ones by absolute value), in one transfer."""
    flat = tensor.reshape(-1)
    wide = _wide(tensor, torch)
    rows = [_chunk(flat[start : start + CHUNK], wide, torch) for start in range(0, flat.numel(), CHUNK)]
    found = Statistics()
    if not rows:
        return found
    for row in torch.stack(rows).tolist():
        neginf, negative, zero, inf, nan, finite = map(int, row[:6])
        found.neginf += neginf
        found.inf += inf
        found.nan += nan
        low, high, mean, spread, scale = row[6:]
        exponent = 0 if scale == 1.0 else _exponent_of(scale)
        if finite:
            _merge(found, exponent, (finite, low, high, mean, spread, negative, zero))
    return found


def _chunk(part: Any, wide: Any, torch: Any) -> Any:
    """One chunk as a row of numbers on its device: six counts, then min, max, mean, spread and the scale of both."""
    values = _real(part, wide, torch)
    finite = torch.isfinite(values)
    count = finite.sum()
    zeros = torch.zeros((), dtype=wide, device=values.device)
    known = torch.where(finite, values, zeros)
    low = torch.where(finite, values, torch.full_like(zeros, torch.inf)).amin()
    high = torch.where(finite, values, torch.full_like(zeros, -torch.inf)).amax()
    largest = known.abs().amax()
    # Squares of very large or small numbers would overflow or vanish: scaled by a power of two, no digit is lost
    extreme = (largest > 1e145) | ((largest > 0) & (largest < 1e-145)) if wide is torch.float64 else largest < 0
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
    return torch.stack([each.to(wide) for each in numbers])


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
    """Means over the cells of a matrix (H, W), in one transfer."""
    height, width = part.shape
    wide = _wide(part, torch)
    down, across = edges(height, rows), edges(width, columns)
    step = max(1, rows * BAND // max(1, height * width))
    bands = []
    for first in range(0, rows, step):
        bounds = down[first : first + step + 1]
        block = _real(part[bounds[0] : bounds[-1]], wide, torch)
        if wide is torch.float64 and block.numel() > columns * (len(bounds) - 1):
            block = block * 2.0**-LIFT  # so that sums of the largest numbers stay in range
        sums = _sums(block, across, 1, torch)
        sums = _sums(sums, [bound - bounds[0] for bound in bounds], 0, torch)
        counts = torch.outer(_lengths(bounds, part, torch), _lengths(across, part, torch)).to(wide)
        means = sums / counts
        if wide is torch.float64 and block.numel() > columns * (len(bounds) - 1):
            means = means * 2.0**LIFT
        bands.append(means)
    cells: list[float] = torch.cat(bands).reshape(-1).tolist()
    return cells


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


def _wide(tensor: Any, torch: Any) -> Any:
    return torch.float32 if tensor.device.type == "mps" else torch.float64


def _real(part: Any, wide: Any, torch: Any) -> Any:
    if part.dtype.is_complex:
        part = part.to(torch.complex128 if wide is torch.float64 else torch.complex64).abs()
    return part.to(wide)
