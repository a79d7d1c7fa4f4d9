"""Pictures of the real app on real targets: `python -m stepper.tui.screenshots [FOLDER]` (default: `screenshots`).

Each is taken from a session with its own script's process, at 120 × 40 unless said, after a few keys.
"""

import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot

from stepper.session import Options, Session
from stepper.tui.app import StepperApp

SIZE = (120, 40)
DEADLINE = 120.0


@dataclass(frozen=True)
class Shot:
    """A picture: the target, the keys pressed once it is ready, and the name of the file."""

    target: str
    keys: tuple[str, ...]
    options: Options = Options(seed=0)  # noqa: RUF009 (frozen)
    name: str = ""
    size: tuple[int, int] = SIZE


SHOTS = (
    Shot("numpy", (), name="opening"),
    Shot("numpy", ("g", "1", "enter", "6", "end", "1", "m"), name="shapes"),
    Shot("numpy", ("g", "2", "0", "enter", *"nnnnnnnnnn")),
    Shot("numpy", ("g", "2", "0", "enter", *"nnnnnnnnnnnn", "8", "h", "greater_than_sign"), name="viewer"),
    Shot(
        "numpy",
        (*"iiiii", *"nnnnnnnnnn", "3"),
        Options(seed=0, settings=("learning_rate=3e-6",)),
        name="dead-units",
    ),
    Shot("relu-class", ("g", "3", "enter", "n", *"ssss"), size=(80, 24), name="small-terminal"),
    Shot(
        "numpy",
        ("i", *"iiiiiiiiiiii", "slash", *"nan", "enter", "6"),
        Options(seed=0, preset="small", settings=("learning_rate=1",)),
        name="gone-to-nan",
    ),
    Shot("custom-function", ("g", "2", "0", "enter", *"nnnnssnn")),
    Shot("relu-class", ("g", "5", "enter", *"nnnssnnnnnn", "l")),
)


async def take(shot: Shot, folder: Path) -> Path:
    """Make one picture. Raises RuntimeError where the script fails, TimeoutError where it does not come to rest."""
    session = Session(shot.target, shot.options)
    session.launch()
    app = StepperApp(session)
    async with app.run_test(size=shot.size) as pilot:
        await rest(pilot, app)
        for key in shot.keys:
            await pilot.press(key)
            await rest(pilot, app)
        path = folder / f"{shot.name or shot.target}.svg"
        path.write_text(app.export_screenshot(title=f"stepper {shot.target}"), encoding="utf-8")
    return path


async def rest(pilot: Pilot[int], app: StepperApp) -> None:
    """Wait until the cursor stands and everything is drawn."""
    end = time.monotonic() + DEADLINE
    while app.scene.event is None or app.scene.busy or not app.idle:
        if app.scene.state in ("failed", "lost") or app.misuse:
            raise RuntimeError(app.misuse or f"{app.scene.target}: {app.scene.traceback}")
        if time.monotonic() > end:
            raise TimeoutError(f"{app.scene.target} is still {app.scene.state}")
        await pilot.pause(0.02)
    await pilot.pause()


def main() -> None:
    """Make all pictures."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    for shot in SHOTS:
        print(asyncio.run(take(shot, folder)))


if __name__ == "__main__":
    main()
