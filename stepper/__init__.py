"""stepper: a debugger for training loops."""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own, without the time that its import takes
if TYPE_CHECKING:
    from typing import Any

    from stepper.session.notebook import open as open

__version__ = "0.1.0"
__all__ = ["__version__", "open"]


def __dir__() -> list[str]:
    """What there is for users, also before it is loaded."""
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    """Load the Python face on first use, so that `import stepper` costs nothing elsewhere."""
    if name == "open":
        from importlib import import_module

        return import_module("stepper.session.notebook").open
    raise AttributeError(f"module 'stepper' has no attribute {name!r}")
