"""How fast a script's loop runs: under plain Python, under `stepper run`, and with every iteration recorded.

The script takes the processor time of its own loop, the same way wherever it runs, and writes it to the file it is
given: on a machine with nothing else to do that is the time on the clock, and on any other it says more.
"""

import ast
import asyncio
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile

from stepper.inferior.protocol import Stop
from stepper.record import Spot
from stepper.session.headless import run_losses
from stepper.session.lane import Lane
from stepper.session.options import Options
from stepper.session.process import new_hash_seed
from stepper.session.target import launch_of
from stepper.variants import VARIANTS
from tests.plain import with_settings

BEGIN = "import sys, time; _begun = time.process_time()"
NEVER = ["def _never():", "    return 0"]  # on the second line a breakpoint is not reached
END = "open(sys.argv[1], 'w').write(str(time.process_time() - _begun))"


class TimedScript:
    """A variant that takes the processor time of its own training loop, in seconds."""

    def __init__(self, folder: Path, variant: str, settings: Mapping[str, str]) -> None:
        source = with_settings(VARIANTS[variant].source, settings)
        loop = next(node for node in ast.parse(source).body if isinstance(node, ast.For))
        lines = source.splitlines()
        assert loop.end_lineno is not None
        lines.insert(loop.end_lineno, END)
        lines.insert(loop.lineno - 1, BEGIN)
        lines += NEVER
        self.never = len(lines)
        self.script = folder / f"timed_{variant}.py"  # not numpy.py, which `import numpy` would find
        self.script.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.answer = folder / f"{variant}.seconds"

    def plain(self) -> float:
        """Under plain Python, its prints going to a file, as they do under stepper: where Python is told not to buffer
        (`PYTHONUNBUFFERED`), writing a line to a file takes some 10 µs of a loop that has to do with other things."""
        command = [sys.executable, "-W", "ignore", str(self.script), str(self.answer)]
        with TemporaryFile() as output:
            subprocess.run(command, stdout=output, check=True, timeout=300)
        return self.seconds()

    def run(self) -> float:
        """Under `stepper run`."""
        run_losses(str(self.script), Options(arguments=(str(self.answer),)), None, lambda *_: None)
        return self.seconds()

    def recorded(self) -> float:
        """With every iteration recorded, every summary and copy made."""
        asyncio.run(self._driven(record_from=0))
        return self.seconds()

    def armed(self) -> float:
        """At full speed, with a breakpoint that is never reached."""
        asyncio.run(self._driven(record_from=None, stops=(Stop(Spot("", self.never)),)))
        return self.seconds()

    async def _driven(self, record_from: int | None, stops: tuple[Stop, ...] = ()) -> None:
        lane = Lane(launch_of(str(self.script), Options(arguments=(str(self.answer),))), new_hash_seed())
        try:
            await lane.connect()
            await lane.wait_standing()
            await lane.stop_at(stops)
            await lane.run(None, record_from, stop_from=0)
            await lane.wait_standing()
        finally:
            await lane.close(gently=True)

    def seconds(self) -> float:
        """What the last run took, as the script has written it down."""
        seconds = float(self.answer.read_text())
        self.answer.unlink()
        return seconds
