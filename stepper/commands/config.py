"""`stepper config path`: where the app keeps its arrangement and theme."""

import os
from pathlib import Path

from platformdirs import user_config_path


def config_path(given: str | None = None) -> Path:
    """The file: the one that was given, else that of the person's configuration folder."""
    return Path(os.path.expanduser(given)) if given else user_config_path("stepper") / "stepper.toml"


def print_path(given: str | None = None) -> None:
    """Print it, whether it is there or not."""
    print(config_path(given))
