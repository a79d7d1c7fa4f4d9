"""Engines of other packages are found by their entry points; a broken one costs a line, not the run."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import stepper
from stepper.engines.registry import active, builtin_engines, discover

TOY = '''
from stepper.engines.base import Engine
from stepper.record import Summary

class ToyEngine(Engine):
    """Describes money."""

    name = "toy"
    library = "decimal"

    def owns(self, value):
        return type(value).__name__ == "Decimal"

    def keep(self, value):
        return value

    def describe(self, kept):
        return Summary("scalar", "Decimal", value=float(kept))
'''

ASK = """
import json, sys
from decimal import Decimal
from stepper.engines.registry import active, discover
engines, broken = discover()
toy = next((engine for engine in engines if engine.name == "toy"), None)
value = Decimal("1.5")
print(json.dumps({
    "names": [engine.name for engine in engines],
    "active": [engine.name for engine in active(engines, sys.modules)],
    "broken": broken,
    "value": toy.describe(toy.keep(value)).value if toy and toy.owns(value) else None,
    "imported": [name for name in ("numpy", "torch") if name in sys.modules],
}))
"""


def install(folder: Path, name: str, module: str, points: str) -> None:
    """What pip leaves behind of a small package: its module, and its metadata with entry points."""
    (folder / f"{name}.py").write_text(module, encoding="utf-8")
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(f"[stepper.engines]\n{points}\n", encoding="utf-8")


def ask(folder: Path) -> dict[str, Any]:
    """What a fresh process with `folder` on its path finds."""
    root = str(Path(stepper.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), root))}
    run = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


def test_a_toy_engine_from_another_package(tmp_path: Path) -> None:
    install(tmp_path, "toyengine", TOY, "toy = toyengine:ToyEngine")
    found = ask(tmp_path)
    builtin = [engine.name for engine in builtin_engines()]
    assert found["names"] == [*builtin, "toy"]
    assert found["active"] == ["python", "toy"]
    assert found["broken"] == []
    assert found["value"] == 1.5
    assert found["imported"] == []


def test_broken_plugins_are_named_and_left_out(tmp_path: Path) -> None:
    install(tmp_path, "raises", "raise RuntimeError('no licence\\nfound')", "raising = raises:Engine")
    install(tmp_path, "wrong", "Engine = 3\nfrom stepper.engines.base import Engine as Base", "wrong = wrong:Engine")
    install(tmp_path, "nameless", "from stepper.engines.base import Engine", "nameless = nameless:Engine")
    install(tmp_path, "twice", TOY.replace('"toy"', '"numpy"'), "twice = twice:ToyEngine")
    install(tmp_path, "leaves", "raise SystemExit(3)", "leaving = leaves:Engine")
    found = ask(tmp_path)
    assert found["names"] == [engine.name for engine in builtin_engines()]
    assert [line.split(" is left out: ")[0] for line in found["broken"]] == [
        "engine leaving (leaves:Engine)",
        "engine nameless (nameless:Engine)",
        "engine raising (raises:Engine)",
        "engine twice (twice:ToyEngine)",
        "engine wrong (wrong:Engine)",
    ]
    assert "RuntimeError: no licence found" in found["broken"][2]


def test_built_in_engines_wait_for_their_library() -> None:
    engines, _ = discover()
    assert [engine.name for engine in active(engines, set())] == ["python"]
    assert [engine.name for engine in active(engines, {"numpy"})] == ["python", "numpy"]
    assert {"python", "torch", "autograd", "module"} <= {engine.name for engine in active(engines, {"torch"})}
