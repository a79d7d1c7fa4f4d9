"""`python -m tests.monkey SEED [--seconds S] [--target T]`: exit code 1, and a report, where something went wrong."""

import argparse
import os
import sys
import tempfile
from contextlib import chdir

from tests.monkey.moves import SIZES
from tests.monkey.play import Trouble, play


def main() -> int:
    """Play with the app, in a folder of its own: what a monkey saves is nobody's."""
    parser = argparse.ArgumentParser(prog="python -m tests.monkey", description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to play (20)")
    parser.add_argument("--target", default="numpy", help="a variant or a script (numpy)")
    parser.add_argument("--size", type=_size, help="one size for all the time, as 80x24")
    asked = parser.parse_args()
    target = os.path.abspath(asked.target) if os.path.exists(asked.target) else asked.target
    command = [sys.executable, "-X", "faulthandler", "-m", "stepper", target]
    with tempfile.TemporaryDirectory(prefix="stepper-monkey-") as folder, chdir(folder):
        try:
            made = play(command, asked.seed, asked.seconds, [asked.size] if asked.size else SIZES)
        except Trouble as trouble:
            print(f"seed {asked.seed}, {asked.target}: {trouble}")
            return 1
    print(f"seed {asked.seed}, {asked.target}: {made} moves, and it quits")
    return 0


def _size(words: str) -> tuple[int, int]:
    columns, _, rows = words.partition("x")
    return int(columns), int(rows)


if __name__ == "__main__":
    sys.exit(main())
