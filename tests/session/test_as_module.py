"""Targets that are modules: what runs is what `python -m` runs, to the bit, and all that can be done with it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import stepper
from stepper.record import Record
from stepper.session.errors import Misuse, ScriptFailed
from tests.session.support import script

pytestmark = pytest.mark.start("anew")


PROJECT = Path(__file__).parent.parent / "scripts" / "as_module"
TRAIN = """
from .layers import double
rate = 0.1
w = 1.0
for t in range(6):
    loss = double(w) ** 2
    w = w - rate * 8 * w
    print(t, loss)
"""
LAYERS = """
def double(x):
    y = x * 2
    return y
"""


def package(folder: Path, first: str = "", **files: str) -> Path:
    """A package `lab` in a folder; `first` is what its `__init__` does."""
    inside = folder / "lab"
    inside.mkdir()
    script(inside, first, "__init__.py")
    for name, source in {"train": TRAIN, "layers": LAYERS, **files}.items():
        script(inside, source, f"{name}.py")
    return inside


def plain(folder: Path, *words: str, expected: int = 0) -> str:
    """What plain Python prints, errors among it."""
    finished = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == expected, finished.stdout
    return finished.stdout


def files(record: Record) -> set[str]:
    return {Path(event.file).name for event in record.events}


@pytest.mark.parametrize("module", ["lab.train", "lab", "tools.fit"])
def test_a_module_is_what_python_makes_of_it(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a package, a package itself, in a namespace package: its names, arguments, path, and every bit."""
    monkeypatch.chdir(PROJECT)
    printed = plain(PROJECT, module, "4")
    with stepper.open(module=module, arguments=["4"]) as run:
        for number in range(2):
            record = run.iteration(number).record
            assert record.faults == [] and not record.truncated
            assert {"step.py", "mlp.py"} < files(record)
        run.run()
        assert run.session.output() == printed
        losses = [float(loss).hex() for loss in run.losses if loss is not None]
        assert losses == [line for line in printed.splitlines() if line.startswith("0x")]
        assert run.session.target == f"-m {module}"
        again = run.iteration(1)
        assert again.loss is not None and float(again.loss).hex() == losses[1]


def test_what_else_a_target_can_have_a_module_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = package(tmp_path)
    monkeypatch.chdir(tmp_path)
    with stepper.open(module="lab.train", settings={"rate": 0.05}, loop=5, loss="loss + 1") as run:
        assert run.session.script == str(inside / "train.py") and run.session.settings == {"rate": 0.05}
        assert run.iteration(0).loss == 5.0
        run.toggle_breakpoint(4, "lab/layers.py")
        run.run()
        run.run()
        iteration, event = run.here
        assert iteration == 1 and event is not None and (event.text, event.function) == ("return y", "double")
        run.reverse()
        assert run.here[0] == 0
    with stepper.open("-m lab.train", loop="none") as run:
        assert len(run.iteration(0).events) > 6


def test_a_replay_runs_the_module_that_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = package(tmp_path, __main__=TRAIN)
    monkeypatch.chdir(tmp_path)
    with stepper.open(module="lab") as run:
        run.run()
        losses = run.losses
        (inside / "__main__.py").write_text(TRAIN.replace("0.1", "0.2"))
        assert run.iteration(3).loss == losses[3]
        assert "__main__.py changed since this run began" in run.session.notice


def test_a_package_that_imports_the_module_first_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "from .train import w")
    monkeypatch.chdir(tmp_path)
    printed = plain(tmp_path, "lab.train")
    assert "RuntimeWarning" in printed
    with stepper.open(module="lab.train") as run:
        assert files(run.iteration(5).record) == {"train.py", "layers.py"}
        run.run()
        assert run.session.output() == printed


def test_a_package_that_fails_is_the_scripts_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "import nothing_of_the_kind")
    monkeypatch.chdir(tmp_path)
    said = plain(tmp_path, "lab.train", expected=1).splitlines()
    with stepper.open(module="lab.train") as run:
        with pytest.raises(ScriptFailed, match="No module named 'nothing_of_the_kind'"):
            run.iteration(0)
        assert run.session.traceback.splitlines()[-3:] == said[-3:]


@pytest.mark.parametrize(
    "first",
    ["__path__[0] += '/../other'", "import sys\n__path__.clear()", "import sys, types\nsys.modules['lab'] = types"],
)
def test_a_module_that_its_package_hides_or_replaces_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    package(tmp_path, first)
    (tmp_path / "other").mkdir()
    script(tmp_path / "other", TRAIN, "train.py")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Misuse, match=r"^-m lab\.train: .* once what is around it is imported"):
        stepper.open(module="lab.train")


def test_packages_are_found_wherever_python_finds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed, or in a folder of `PYTHONPATH`; and not in the working directory, where Python is told so."""
    elsewhere, here = tmp_path / "site-packages", tmp_path / "here"
    for folder in (elsewhere, here):
        folder.mkdir()
    package(elsewhere)
    monkeypatch.chdir(here)
    monkeypatch.setenv("PYTHONPATH", str(elsewhere))
    with stepper.open(module="lab.train") as run:
        assert files(run.iteration(0).record) == {"train.py", "layers.py"}
    package(here)
    with stepper.open(module="lab.train") as run:
        assert run.session.script == str(here / "lab" / "train.py")
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(elsewhere), str(tmp_path)]))
    with stepper.open(module="lab.train") as run:
        assert run.session.script == str(elsewhere / "lab" / "train.py")
        run.run()
        assert run.session.output() == plain(here, "lab.train")


def test_a_module_goes_as_deep_as_under_plain_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`deep` has no probes, since it is made of a text."""
    source = """
        names = {}
        exec("def deep(n):\\n  try:\\n    return deep(n + 1)\\n  except RecursionError:\\n    return n\\n", names)
        deepest = names["deep"](0)
        w = 1.0
        for t in range(2):
            loss = w * w
            w = w - 0.1 * 2 * w
        print(deepest)
        """
    package(tmp_path, deep=source)
    monkeypatch.chdir(tmp_path)
    with stepper.open(module="lab.deep") as run:
        run.run()
        assert int(run.session.output()) == int(plain(tmp_path, "lab.deep"))


def test_open_takes_a_target_or_a_module() -> None:
    with pytest.raises(TypeError, match="a target or a module, not both"):
        stepper.open("numpy", module="lab")
    with pytest.raises(TypeError, match=r"a target or a module$"):
        stepper.open()
