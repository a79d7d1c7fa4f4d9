"""What is typed is cut and read rightly, and help costs next to nothing."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from stepper.cli import main
from stepper.command_line import plain_line, typed


@pytest.mark.parametrize(
    ("words", "target", "arguments"),
    [
        (["numpy"], "numpy", ()),
        (["run", "numpy", "--seed", "1"], "numpy", ()),
        (["run", "--seed", "1", "numpy"], "numpy", ()),
        (["run", "--seed=1", "numpy"], "numpy", ()),
        (["run", "--output", "numpy"], "numpy", ()),
        (["--seed", "1", "run", "numpy"], "numpy", ()),
        (["list", "--format", "json"], None, ()),
        (["--config", "run", "config", "path"], None, ()),
        ([], None, ()),
        (["-m", "lab.train", "--", "-m", "x"], "-m lab.train", ("-m", "x")),
        (["run", "-mlab.train", "--seed", "1"], "-m lab.train", ()),
        (["--seed", "1", "-m=lab", "trace"], "-m lab", ()),
        (["run", "-m"], None, ()),
        (["run", "train.py", "--", "--seed", "3", "--", "x"], "train.py", ("--seed", "3", "--", "x")),
    ],
)
def test_the_target_is_found_and_the_scripts_arguments_are_cut_off(
    words: list[str], target: str | None, arguments: tuple[str, ...]
) -> None:
    line = typed(words)
    assert line.target == target
    assert line.script_arguments == arguments


@pytest.mark.parametrize(
    ("words", "plain"),
    [
        ([], True),
        (["numpy"], True),
        (["numpy", "--", "--seed"], True),
        (["-m", "lab.train", "--", "5"], True),
        (["-mlab.train"], True),
        (["-m"], False),
        (["-m", "lab.train", "numpy"], False),
        (["--help"], False),
        (["list"], False),
        (["run"], False),
        (["numpy", "torch"], False),
        (["numpy", "--seed", "1"], False),
    ],
)
def test_a_mere_target_opens_the_app_without_the_grammar(words: list[str], plain: bool) -> None:
    assert typed(words).opens_the_app is plain


@pytest.mark.parametrize(
    "words", [["config", "path"], ["config", "path", "--config", "FILE"], ["--config", "FILE", "config", "path"]]
)
def test_config_path_tells_the_file_that_the_app_would_use(
    words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = str(tmp_path / "mine.toml")
    assert main([file if word == "FILE" else word for word in words]) == 0
    told = capsys.readouterr().out.removesuffix("\n")
    assert told == file if "FILE" in words else told.endswith("stepper.toml")


def test_options_before_the_command_are_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--iterations=2", "run", "and-gate", "--format", "jsonl"]) == 0
    assert capsys.readouterr().out.count("\n") == 2


def test_a_complaint_is_one_line() -> None:
    assert plain_line("a\nb\x1b[0m \t c") == "a b [0m c"


def test_the_sentences_of_help_fill_their_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["--help"]) == 0
    words = capsys.readouterr().out.partition("stepper TARGET opens")[2].partition("\n\n")[0]
    lines = [line.rstrip() for line in words.split("\n")]
    for line, following in pairwise(lines[1:]):
        assert len(line) + 1 + len(following.split()[0]) > 79, line


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"], ["list"]])
def test_what_needs_no_script_loads_neither_textual_nor_a_library(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom stepper.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "heavy = {'textual', 'torch', 'numpy', 'stepper.session.session', 'stepper.tui'} & set(sys.modules)\n"
        "assert not heavy, heavy\nsys.exit(code)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    assert finished.stdout != ""


@pytest.mark.parametrize("command", ["run", "trace"])
def test_help_names_every_option(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: stepper {command} (TARGET | -m MODULE) [OPTIONS] [-- ARGUMENTS]\n")
    for option in ("--seed", "--device", "--preset", "--set", "--threads", "--loop", "--loss", "--format"):
        assert option in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    import stepper

    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == stepper.__version__


def test_an_interrupt_ahead_of_the_command_itself_leaves_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stepper.streams.prepare", interrupted)
    assert main(["run", "numpy"]) == 130


def test_an_interrupt_is_one_also_where_an_import_made_another_error_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(line: object) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise RuntimeError("Error calling __set_name__") from error

    monkeypatch.setattr("stepper.cli._obey", interrupted)
    assert main(["numpy"]) == 130

    def wrong(line: object) -> None:
        raise RuntimeError("of our own")

    monkeypatch.setattr("stepper.cli._obey", wrong)
    with pytest.raises(RuntimeError, match="of our own"):
        main(["numpy"])
