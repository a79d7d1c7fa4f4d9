"""What the app remembers from one time to the next: theme, scale of the loss, which panels are seen. A TOML file.

A file that cannot be read is left alone, and said to be so; what it holds beyond these settings is left out.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

HEADING = "# What stepper remembers of its screen. Written when the app is closed.\n"


@dataclass(frozen=True)
class Preferences:
    """`theme` empty: Textual's default. `panels` are the names of those that are seen where several share a place."""

    theme: str = ""
    logarithmic: bool = False
    panels: tuple[str, ...] = ()


def load(path: Path) -> Preferences:
    """Read the file; the defaults where there is none. Raises ValueError, in words, where it cannot be understood."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Preferences()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from error
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from error
    theme, scale, panels = found.get("theme", ""), found.get("loss", "linear"), found.get("panels", [])
    if not isinstance(theme, str):
        raise ValueError(f"{path}: theme must be a theme's name in quotes")
    if scale not in ("linear", "log"):
        raise ValueError(f'{path}: loss must be "linear" or "log"')
    if not isinstance(panels, list) or not all(isinstance(name, str) for name in panels):
        raise ValueError(f"{path}: panels must be a list of panels' names")
    return Preferences(theme, scale == "log", tuple(panels))


def save(path: Path, preferences: Preferences) -> None:
    """Write the file, and the folder it lies in. Raises OSError."""
    names = ", ".join(_quoted(name) for name in preferences.panels)
    scale = "log" if preferences.logarithmic else "linear"
    lines = [f"theme = {_quoted(preferences.theme)}", f"loss = {_quoted(scale)}", f"panels = [{names}]"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEADING + "\n".join(lines) + "\n", encoding="utf-8")


def _quoted(text: str) -> str:
    """A basic string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in escaped) + '"'
