"""What the app remembers from one time to the next, and the person's own keys. A TOML file.

A file that cannot be read is left alone, and said to be so. What it holds beyond these settings, comments and the table
`[keys]` stay as they were written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

HEADING = "What stepper remembers of its screen: written when the app is closed, except for [keys], which is yours."
MOST_RECENT = 10


@dataclass(frozen=True)
class Preferences:
    """`theme` empty: Textual's default. `panels` are the names of those that are seen where several share a place,
    `hidden` those whose place is closed, `sizes` the shares of what lies side by side. `recent` are scripts' paths
    (a module's with ` -m ` and its name behind), the last one first; `arguments` what those that were given any were
    given, as one types it."""

    theme: str = ""
    logarithmic: bool = False
    panels: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    recent: tuple[str, ...] = ()
    arguments: Mapping[str, str] = field(default_factory=dict)


def read(path: Path) -> dict[str, Any]:
    """The file's contents; nothing where there is none. Raises ValueError, in words, where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror or error}), so nothing is remembered") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: byte {error.start} is no UTF-8, so the file is left alone") from error

    import tomllib  # only where there is something to read: the first paint waits for this

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: is no TOML, so the file is left alone: {error}") from error


def load(path: Path) -> tuple[Preferences, Mapping[str, object]]:
    """The preferences, and the table `[keys]`. Raises ValueError, in words, where the file cannot be understood."""
    found = read(path)
    theme, scale = found.get("theme", ""), found.get("loss", "linear")
    sizes, keys = found.get("sizes", {}), found.get("keys", {})
    if not isinstance(theme, str):
        raise ValueError(f"{path}: theme must be a theme's name in quotes")
    if scale not in ("linear", "log"):
        raise ValueError(f'{path}: loss must be "linear" or "log"')
    lists = {}
    for name, what in (("panels", "panels' names"), ("hidden", "panels' names"), ("recent", "scripts' paths")):
        lists[name] = found.get(name, [])
        if not isinstance(lists[name], list) or not all(isinstance(entry, str) for entry in lists[name]):
            raise ValueError(f"{path}: {name} must be a list of {what}")
    if not isinstance(sizes, dict) or not all(type(size) is int for size in sizes.values()):
        raise ValueError(f"{path}: sizes must be a table of whole numbers")
    arguments = found.get("arguments", {})
    if not isinstance(arguments, dict) or not all(isinstance(given, str) for given in arguments.values()):
        raise ValueError(f"{path}: arguments must be a table of texts by a script's path")
    if not isinstance(keys, dict):
        raise ValueError(f"{path}: keys must be a table of keys by an action's name")
    panels, hidden, recent = (tuple(lists[name]) for name in ("panels", "hidden", "recent"))
    return Preferences(theme, scale == "log", panels, hidden, sizes, recent, arguments), keys


def save(path: Path, preferences: Preferences) -> None:
    """Write them into the file, as a whole, and make the folder it lies in. Raises OSError, and `Unsaved`."""
    import tomlkit  # only now: it takes time to load, and reading needs it not

    from stepper.session.paths import write

    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
    else:
        document = tomlkit.document()
        document.add(tomlkit.comment(HEADING))
    _put(document, "theme", preferences.theme)
    _put(document, "loss", "log" if preferences.logarithmic else "linear")
    _put(document, "panels", list(preferences.panels))
    _put(document, "hidden", list(preferences.hidden))
    recent = list(preferences.recent[:MOST_RECENT])
    _put(document, "recent", recent)
    _put(document, "sizes", dict(sorted(preferences.sizes.items())))
    _put(document, "arguments", {path: preferences.arguments[path] for path in recent if path in preferences.arguments})
    write(path, tomlkit.dumps(document).encode())


def _put(document: TOMLDocument, name: str, value: str | list[str] | dict[str, int] | dict[str, str]) -> None:
    """Set a value that differs; an empty one only where there was another."""
    if value != document.get(name, type(value)()):
        document[name] = value
