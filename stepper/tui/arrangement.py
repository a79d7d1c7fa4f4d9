"""Which panels are seen where: places that several share, places that are closed, and how large each is. Pure names.

Knows no widget; `desk` carries it out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

PANELS = ("source", "tensors", "gate", "gradients", "loss", "record", "output", "viewer", "timeline", "trouble")
"""All panels, in the order in which `tab` and the digits go through them."""
FIRST = ("source", "gate", "tensors", "loss", "gradients")
"""Those that are seen at first, where others share their place."""

BOXES: Mapping[str, tuple[str, ...]] = {
    "desk": ("upper", "lower"),
    "upper": ("source", "record", "viewer", "gate"),
    "lower": ("tensors", "output", "side"),
    "side": ("loss", "timeline", "gradients"),
}
"""What lies side by side in what: in `upper` and `lower` in a row, in the others in a column."""
ROWS = frozenset({"upper", "lower"})

PLACES = (("source",), ("record", "viewer", "gate"), ("tensors", "output"), ("timeline", "loss"), ("gradients",))
FULL_PLACES = (
    ("source",), ("record",), ("viewer", "gate"), ("tensors", "output"), ("loss",), ("timeline",), ("gradients",),
)  # fmt: skip
"""Panels that share a place, where there is no room for the record beside the source, and where there is."""

LEAST = 10
"""Columns, or rows where it is fewer by half, that nothing is made smaller than."""


class Arrangement:
    """Of the panels that share a place, the one that was chosen last is seen, unless the place is closed."""

    def __init__(self) -> None:
        self.full = False
        self.sizes: dict[str, int] = {}
        """Shares of what lies side by side, by name, where the person has changed them."""
        self._recent = [*FIRST, *(name for name in PANELS if name not in FIRST)]
        self._closed: set[str] = set()

    def reset(self) -> None:
        """As it was at first."""
        self.sizes.clear()
        self._closed.clear()
        self._recent = [*FIRST, *(name for name in PANELS if name not in FIRST)]

    @property
    def places(self) -> Sequence[tuple[str, ...]]:
        """The panels by place."""
        return FULL_PLACES if self.full else PLACES

    def beside(self, name: str) -> tuple[str, ...]:
        """The panels that share the place of `name`, without itself."""
        place = next((place for place in self.places if name in place), ())
        return tuple(other for other in place if other != name)

    @property
    def seen(self) -> list[str]:
        """The panels that are seen, one for each place that is open."""
        return [front for front in map(self._front, self.places) if front not in self._closed]

    @property
    def fronts(self) -> tuple[str, ...]:
        """The panels that are seen, or would be, where several share a place."""
        return tuple(self._front(place) for place in self.places if len(place) > 1)

    @property
    def hidden(self) -> tuple[str, ...]:
        """The panels whose place is closed."""
        return tuple(name for name in PANELS if name in self._closed)

    def _front(self, place: tuple[str, ...]) -> str:
        return min(place, key=self._recent.index)

    def choose(self, name: str) -> None:
        """Bring a panel to the front of its place, and open that."""
        if name in self._recent and self.beside(name):  # a panel alone in its place stands behind nothing later, either
            self._recent.remove(name)
            self._recent.insert(0, name)
        self._closed -= {name, *self.beside(name)}

    def hide(self, name: str) -> str | None:
        """Close the place of a panel: the panel to go to then; None, and nothing is done, where it is the last one."""
        others = [other for other in self.seen if other != name]
        if name not in self.seen or not others:
            return None
        self._closed |= {name, *self.beside(name)}
        return min(others, key=self._recent.index)

    def restore(self, fronts: Iterable[str], hidden: Iterable[str], sizes: Mapping[str, int]) -> None:
        """Take up what was remembered; names that are unknown are passed over, and something always stays open."""
        for name in fronts:
            if name in PANELS:
                self.choose(name)
        for name in hidden:
            if name in self.seen:
                self.hide(name)
        known = {name for names in BOXES.values() for name in names}
        self.sizes = {name: size for name, size in sizes.items() if name in known and size > 0}

    def resize(self, box: str, present: Mapping[str, int], before: str, after: str, by: int) -> None:
        """Move the border between two neighbours in `box` by so many cells.

        `present` are the sizes of all that is seen in the box, in cells. What shares a place shares its size.
        """
        least = LEAST if box in ROWS else LEAST // 2
        by = max(least - present[before], min(by, present[after] - least))
        changed = {**present, before: present[before] + by, after: present[after] - by}
        if min(changed[before], changed[after]) < least:
            return  # there was too little room to begin with
        for name, size in changed.items():
            for each in (name, *self.beside(name)):
                self.sizes[each] = size
