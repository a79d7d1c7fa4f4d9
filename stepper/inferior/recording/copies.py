"""One kept copy: what a recorded value was, and its summary."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any, ClassVar, Protocol

import msgspec

from stepper.engines.base import Engine
from stepper.engines.pieces import Pieces
from stepper.engines.pooling import part_of_picture
from stepper.record import PICTURE, Region, Summary, Window

Key = tuple[int, int, Hashable]  # the engine and the memory by ids, and how a value lies in it
NOWHERE: Key = (0, 0, None)  # of what was worked out
LARGE = 1 << 16  # bytes; smaller copies are summarised together, when the record is finished


class Source(Protocol):
    """What a derived copy is computed from. `unmade`: its summary is told without making it."""

    unmade: ClassVar[bool]

    def value(self) -> Any:
        """The value, made anew."""

    def describe(self) -> Summary:
        """Its summary."""

    def pieces(self) -> Pieces | None:
        """It, to be gone through part by part; None where it cannot be divided."""


class Copy(msgspec.Struct, gc=False, eq=False):
    """One kept copy and what is known of it. `summary` is computed once, when it is first asked for: then it is
    `described`. It is `outlined` where all that was told of it may be its range.

    A copy for which there was no room is `gone`: it was summarised at once, and only its summary and a pooled picture
    are left. `key` is the memory that it was first seen in. `size` is what it takes, in bytes, and `weight` what has to
    be gone through (negative where its engine is still to be asked).
    """

    engine: Engine
    _kept: Any
    key: Key = NOWHERE
    size: int = 0
    weight: int = -1
    _source: Source | None = None
    described: Summary | None = None
    outlined: Summary | None = None
    _picture: Window | None = None
    gone: bool = False
    holders: int = 0  # how many shelves it lies on

    def __post_init__(self) -> None:
        if self.weight < 0:
            self.size = self.weight = self.engine.size(self._kept)

    @classmethod
    def derived(cls, engine: Engine, source: Source, weight: int) -> Copy:
        """What `source` computes anew of other copies each time it is asked for; nothing is held."""
        return cls(engine, None, weight=weight, _source=source)

    @property
    def kept(self) -> Any:
        """The copy itself; a derived one (a difference of two others) is computed anew each time, and not held.

        Raises LookupError where it is gone.
        """
        if self.gone:
            raise LookupError("only a summary and a pooled picture of this value are kept: see --memory")
        return self._kept if self._source is None else self._source.value()

    @property
    def computed(self) -> bool:
        """Whether it is made anew of other copies each time it is asked for."""
        return self._source is not None

    @property
    def unmade(self) -> bool:
        """Whether it is computed, and its summary is told without doing so."""
        return self._source is not None and self._source.unmade

    @property
    def summary(self) -> Summary:
        if self.described is None:
            self.described = self.engine.describe(self._kept) if self._source is None else self._source.describe()
        return self.described

    @property
    def extents(self) -> tuple[int, ...] | None:
        """Its shape, where its numbers can be read: told without going through them."""
        return self.summary.shape if self.gone else self.engine.extents(self.kept)

    @property
    def outline(self) -> Summary:
        """What is known soon: of a large copy that was never summarised its range, else the summary."""
        if self.described is None and self.outlined is None and self.weight >= LARGE:
            pieces = self._in_pieces()
            self.outlined = pieces.outline() if pieces is not None else None
        return self.summary if self.described is not None or self.outlined is None else self.outlined

    def count(self) -> Iterator[Summary]:
        """The summary in pieces, of what `outline` tells the range of; the last is the whole."""
        pieces = self._in_pieces() if self.described is None else None
        if pieces is not None and self.outlined is not None:
            found = self.outlined
            for found in pieces.counted(self.outlined):
                if self.described is not None or found.counted is None:
                    break  # somebody wanted it at once, or this is all
                yield found
            self.described = self.described or found
        yield self.summary

    def _in_pieces(self) -> Pieces | None:
        return self.engine.pieces(self._kept) if self._source is None else self._source.pieces()

    def window(self, region: Region | None, rows: int, columns: int) -> Window:
        """A picture of `rows` × `columns` cells at most; of the pooled picture, where that is all there is."""
        if self._picture is not None:
            return part_of_picture(self._picture, region, rows, columns)
        return self.engine.window(self.kept, region, rows, columns)

    def let_go(self) -> None:
        """Keep the summary and a pooled picture only."""
        if self.described is None:
            self.described = self.engine.describe(self.kept)
        try:
            self._picture = self.engine.window(self.kept, None, *PICTURE)
        except (LookupError, TypeError, ValueError):
            self._picture = None  # a value without numbers has no picture
        self._kept, self.gone, self.size = None, True, 0

    @property
    def elsewhere(self) -> bool:
        """Whether its numbers are held on a device of their own."""
        return self._kept is not None and self.engine.elsewhere(self._kept)

    def is_still(self, value: Any) -> bool | None:
        """Whether `value`, an object that had these bits before, has them still; None where a first look can't tell."""
        return False if self.gone else self.engine.still(value, self._kept)

    def is_of(self, value: Any, first: bool | None) -> bool:
        """Whether `value` has these bits, of which `is_still` said `first`. Without NaN, equal bits are equal bytes."""
        if first is None or (not first and not self.gone and (self.described is None or self.described.nan != 0)):
            return self.engine.same(value, self._kept)
        return first


def summarise(copies: Iterable[Copy]) -> None:
    """Compute the summaries of small copies that miss theirs, all in one go, and of those that lie on a device."""
    waiting: dict[Engine, list[Copy]] = {}
    for copy in dict.fromkeys(copies):
        if copy.described is None and (copy.weight < LARGE or copy.elsewhere):
            if copy.unmade:
                copy.described = copy.summary
            else:
                waiting.setdefault(copy.engine, []).append(copy)
    for engine, several in waiting.items():
        for copy, summary in zip(several, engine.describe_all([copy.kept for copy in several]), strict=True):
            copy.described = summary
