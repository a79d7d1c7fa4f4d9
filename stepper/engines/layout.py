"""How a value lies in memory: where it begins, and how far apart its elements are. Knows no library."""

from __future__ import annotations

from typing import NamedTuple


class Layout(NamedTuple):
    """The address of the first element, its size, and the value's shape and strides; all but the shape in bytes."""

    start: int
    size: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def span(self) -> tuple[int, int]:
        """The addresses of the first byte and behind the last."""
        reach = sum((extent - 1) * stride for extent, stride in zip(self.shape, self.strides, strict=True))
        return self.start, self.start + reach + self.size

    def meets(self, other: Layout) -> bool:
        """Whether the spans of both have bytes in common."""
        (first, end), (start, last) = self.span, other.span
        return first < last and start < end

    @property
    def is_packed(self) -> bool:
        """Whether the elements lie one behind the other, whichever axis goes first (`w.T`)."""
        step = self.size
        for stride, extent in sorted(zip(self.strides, self.shape, strict=True)):
            if extent != 1 and stride != step:
                return False
            step *= extent
        return True

    @property
    def steps(self) -> tuple[int, ...]:
        """How many elements lie between neighbours, by axis."""
        return tuple(stride // self.size for stride in self.strides)

    def of_part(self, part: Layout) -> tuple[int, tuple[int, ...]] | None:
        """Where the elements of a part lie in this: the place of the first, counted in the order in which they lie in
        memory, and how many places apart they are, by axis. None where this has gaps, or the part has elements of its
        own."""
        offset = part.start - self.start
        steps = [*part.strides, offset]
        if not self.is_packed or part.size != self.size or any(step % self.size for step in steps):
            return None
        return offset // self.size, part.steps
