"""`python -m tests.fuzz SEED [--count N] [--family F] [--keep FOLDER] [--app]`: exit code 1 where something differs."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.fuzz.families import FAMILIES, ON_DEVICES, written
from tests.fuzz.script import Script
from tests.fuzz.trial import tried, tried_with_a_mistake
from tests.fuzz.walk import walked


def main() -> int:
    """Try the scripts of some seeds; a line for each, and where something differs, what and the script's path."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--count", type=int, default=1, help="so many seeds, from SEED on (1)")
    parser.add_argument("--family", choices=FAMILIES, action="append", help="kinds of scripts (all)")
    parser.add_argument("--keep", type=Path, help="the folder for the scripts (a temporary one)")
    parser.add_argument("--app", action="store_true", help="walk through each in the app, too")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where tensors are (cpu)")
    asked = parser.parse_args()
    folder = asked.keep or Path(tempfile.mkdtemp(prefix="stepper-fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it CUDA adds up in no fixed order
    families = asked.family or [each for each in FAMILIES if asked.device == "cpu" or each in ON_DEVICES]
    failed = False
    for seed in range(asked.seed, asked.seed + asked.count):
        for family in families:
            for what, path, found in _trials(written(family, seed, asked.device), folder, asked.device, asked.app):
                failed |= bool(found)
                print(f"{family} {seed}{what}: {path if found else 'as it should be'}", flush=True)
                print("".join(f"    {each}\n" for each in found), end="", flush=True)
                if not (found or asked.keep):
                    path.unlink(missing_ok=True)
    return int(failed)


def _trials(script: Script, folder: Path, device: str, app: bool) -> Iterator[tuple[str, Path, list[str]]]:
    """What a script is tried with, the file, and what differs. A trial that fails is told of."""
    path, wrong = folder / script.name, folder / script.name.replace(".py", "_wrong.py")
    trials: dict[str, tuple[Path, Callable[[], list[str]]]] = {"": (path, lambda: tried(script, path, device))}
    if script.family != "torch" and device == "cpu":
        trials[", with a mistake"] = (wrong, lambda: tried_with_a_mistake(script, wrong))
    if app:
        trials[", in the app"] = (path, lambda: walked(script, path))
    for what, (place, trial) in trials.items():
        try:
            found = trial()
        except Exception:
            found = [f"the trial fails: {traceback.format_exc().strip()}"]
        yield what, place, found


if __name__ == "__main__":
    sys.exit(main())
