"""`python -m tests.fuzz SEED [--count N] [--family F] [--keep FOLDER]`: exit code 1 where something differs."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.fuzz.families import FAMILIES, ON_DEVICES, written
from tests.fuzz.trial import tried, tried_with_a_mistake


def main() -> int:
    """Try the scripts of some seeds; a line for each, and where something differs, what and the script's path."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--count", type=int, default=1, help="so many seeds, from SEED on (1)")
    parser.add_argument("--family", choices=FAMILIES, action="append", help="kinds of scripts (all)")
    parser.add_argument("--keep", type=Path, help="the folder for the scripts (a temporary one)")
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
            script = written(family, seed, asked.device)
            path = folder / script.name
            failed |= _told(f"{family} {seed}", path, tried(script, path, asked.device), bool(asked.keep))
            if family != "torch" and asked.device == "cpu":
                path = path.with_stem(path.stem + "_wrong")
                failed |= _told(f"{family} {seed}, wrong", path, tried_with_a_mistake(script, path), bool(asked.keep))
    return int(failed)


def _told(what: str, path: Path, found: list[str], keep: bool) -> bool:
    """Say what was found of a script, whose file is not kept where that is nothing."""
    print(f"{what}: {path if found else 'as it should be'}", flush=True)
    print("".join(f"    {each}\n" for each in found), end="", flush=True)
    if not (found or keep):
        path.unlink(missing_ok=True)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
