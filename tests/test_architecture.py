"""What ARCHITECTURE.md names is there: modules, functions and tests that were renamed would mislead its readers."""

import re
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
ROOMS = "engines|inferior|program|record|session|tui"


def test_its_modules_are_there() -> None:
    named = set(re.findall(rf"`(?:stepper\.)?((?:{ROOMS})(?:\.[a-z_]+)+)", TEXT))
    missing = {name for name in named if not _is_there(name)}
    assert len(named) > 20 and not missing


def _is_there(name: str) -> bool:
    """Whether a module is called so, or a file defines what is."""
    if find_spec(f"stepper.{name}") is not None:
        return True
    room, _, function = name.rpartition(".")
    folder = ROOT / "stepper" / room.replace(".", "/")
    return any(f"def {function}(" in path.read_text(encoding="utf-8") for path in folder.glob("*.py"))


def test_its_tests_are_there() -> None:
    named = set(re.findall(r"`(tests/[\w/]+(?:\.py)?)`", TEXT))
    assert len(named) > 5 and not {name for name in named if not (ROOT / name).exists()}
