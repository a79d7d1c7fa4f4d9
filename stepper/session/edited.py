"""Whether files are still what they were when a run began."""

from __future__ import annotations

import os
from collections.abc import Mapping

Stamp = tuple[int, int, int]
"""What differs where a file has been written since: its time of change, its size, and which file it is."""


class Edits:
    """Follows the files of one run. A file is read only where it may have been written since it was looked at last."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Stamp, bool]] = {}

    def changed(self, texts: Mapping[str, str]) -> tuple[str, ...]:
        """The paths of those that hold another text now than that of the run; one that is gone is none of them."""
        return tuple(path for path, text in texts.items() if self._differs(path, text))

    def _differs(self, path: str, text: str) -> bool:
        try:
            now = os.stat(path)
        except OSError:
            return False
        stamp = (now.st_mtime_ns, now.st_size, now.st_ino)
        known = self._known.get(path)
        if known is None or known[0] != stamp:
            known = self._known[path] = (stamp, _differs(path, text))
        return known[1]


def changed_since(texts: Mapping[str, str]) -> str:
    """A sentence about the files that hold another text by now; empty where none does. `texts` are those of the run,
    with line ends as Python reads them."""
    names = [os.path.basename(path) for path, text in texts.items() if _differs(path, text)]
    if not names:
        return ""
    files = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
    return f"{files} changed since this run began, which goes on as it was: r runs it anew"


def _differs(path: str, text: str) -> bool:
    try:
        with open(path, "rb") as file:
            now = file.read()
    except OSError:
        return False  # it may be gone; that changes nothing here
    return _plain(now) != _plain(text.encode("utf-8", "surrogatepass")) and b"coding" not in now[:200]


def _plain(data: bytes) -> bytes:
    return data.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
