"""stepper: a debugger for training loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
