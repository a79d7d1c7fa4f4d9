"""What a panel's title says, in the room that its border has: itself, and the panels hidden behind it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

CORNERS = 6
"""Columns of a border that a title cannot have: corners, and what parts it from them."""


def fitted(titles: Sequence[str], beside: Sequence[tuple[str, str]], room: int) -> tuple[str, tuple[str, ...]]:
    """The longest of `titles` (the fullest comes first), and a text for each panel `beside`, given as key and name,
    that fit in `room` columns together. The title says less first; then the names go, and keys stay."""
    names = tuple(f"{key} {name}" for key, name in beside)
    keys = tuple(key for key, _ in beside)
    for texts in (names, keys):
        for title in titles:
            if cell_len(title) + sum(2 + cell_len(text) for text in texts) <= room:
                return title, texts
    return titles[-1], keys
