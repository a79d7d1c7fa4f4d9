"""Misuse: exit code 2 and one plain line on stderr, which begins with the target as typed and says what to do."""

import os
from pathlib import Path

import pytest

from stepper.cli import main

LOOP = "x = 1.0\nfor i in range(3):\n    loss = x * x\n    x -= 0.1 * 2 * x\n"


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The line that a command line is answered with."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.endswith("\n")
    line = captured.err.removesuffix("\n")
    assert line.isprintable()
    assert not set(line) & set("│╭╮╰╯─")
    assert "Traceback" not in line
    return line


@pytest.mark.parametrize("command", ["run", "trace"])
def test_an_unknown_variant_names_the_nearest(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint(capsys, command, "nmpy")
    assert line.startswith("nmpy: ")
    assert "numpy" in line


def test_an_unknown_variant_that_is_near_to_none(capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint(capsys, "run", "zzzzzz")
    assert line.startswith("zzzzzz: ")
    assert "stepper list" in line


def test_a_missing_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.py")
    assert complaint(capsys, "run", missing).startswith(f"{missing}: ")


def test_a_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    line = complaint(capsys, "run", str(tmp_path))
    assert line.startswith(f"{tmp_path}: ")


def test_an_unreadable_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Nobody, root included, can read the start of a process's memory."""
    script = tmp_path / "closed.py"
    script.symlink_to("/proc/self/mem")
    line = complaint(capsys, "run", str(script))
    assert line.startswith(f"{script}: ")
    assert "read" in line


@pytest.mark.parametrize("content", [b"\x00\x01\x02", b"\xff\xfe\xfa caf\xe9", b"\x89PNG\r\n\x1a\n\x00\x00"])
def test_not_python(content: bytes, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    script = tmp_path / "picture.py"
    script.write_bytes(content)
    assert complaint(capsys, "run", str(script)).startswith(f"{script}: ")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'x = 1\n"caf\xe9"\n', "is not UTF-8 on line 2 (byte 0xe9): save it as UTF-8, or declare"),
        (b"x = 1\r\n" * 5000 + b"# caf\xe9\r\n", "is not UTF-8 on line 5001 (byte 0xe9): save"),
        (b'# coding: ascii\n"caf\xc3\xa9"\n', "is not ASCII on line 2 (byte 0xc3): save"),
        (b'# coding: nope\n"caf\xe9"\n', "is not Python: unknown encoding: nope"),
    ],
)
def test_what_is_not_in_its_encoding_is_told_with_its_line(
    content: bytes, told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    script = tmp_path / "cafe.py"
    script.write_bytes(content)
    assert complaint(capsys, "run", str(script)).startswith(f"{script}: {told}")


def test_a_syntax_error_has_file_and_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    script = tmp_path / "typo.py"
    script.write_text("x = 1\nfor i in range(3)\n    x += 1\n")
    line = complaint(capsys, "run", str(script))
    assert line.startswith(f"{script}:")
    assert f"{script}:2" in line


def test_no_training_loop(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    script = tmp_path / "straight.py"
    script.write_text("print('hello')\n")
    line = complaint(capsys, "run", str(script))
    assert line.startswith(f"{script}: ")
    assert "--loop" in line


@pytest.mark.parametrize("loop", ["99", "1", "many", "0", "-1", "", "nan", "9" * 5000])
def test_a_loop_that_is_none(loop: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    script = tmp_path / "loop.py"
    script.write_text(LOOP)
    assert complaint(capsys, "run", str(script), f"--loop={loop}").startswith(f"{script}: ")


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("los", "no name los (did you mean loss?)"),
        ("loss.item()", "AttributeError: 'float' object has no attribute 'item'"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_loss_that_cannot_be_evaluated(
    loss: str, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(LOOP)
    line = complaint(capsys, "run", str(script), "--loss", loss)
    assert line.startswith(f"{script}: --loss {loss!r}") and said in line


def test_a_name_of_pythons_own_is_not_proposed_for_a_loss(capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint(capsys, "run", "numpy", "--loss", "opne")
    assert "the script has no name opne; the loop binds t, h, h_relu, y_pred, loss, " in line


def test_a_loss_that_is_no_expression(capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint(capsys, "run", "numpy", "--loss", "a b").startswith("numpy: ")


@pytest.mark.parametrize("setting", ["Dim=3", "N", "=3", "N=many", "N=1.5", "learning_rate=fast", "N="])
def test_a_setting_that_does_not_exist_or_has_the_wrong_type(setting: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint(capsys, "run", "numpy", "--set", setting)
    assert line.startswith("numpy: ")


def test_an_unknown_setting_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert "learning_rate" in complaint(capsys, "run", "numpy", "--set", "lerning_rate=1")


def test_an_unknown_dtype(capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint(capsys, "run", "torch", "--set", "dtype=float31").startswith("torch: ")


def test_an_unknown_preset_names_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint(capsys, "run", "autograd", "--preset", "tiny")
    assert line.startswith("autograd: ")
    assert "small" in line
    assert "double" in line


def test_a_script_of_ones_own_has_no_presets(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    script = tmp_path / "loop.py"
    script.write_text(LOOP)
    assert complaint(capsys, "run", str(script), "--preset", "small").startswith(f"{script}: ")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--iterations", "0"),
        ("--iterations", "-5"),
        ("--iterations", "1.5"),
        ("--iterations", "many"),
        ("--threads", "0"),
        ("--threads", "-1"),
        ("--threads", "two"),
        ("--seed", "-1"),
        ("--seed", "4294967296"),
        ("--seed", "x"),
        ("--threads", "4097"),
        ("--threads", "9999999999"),
        ("--iterations", "9" * 30),
        ("--seed", "9" * 5000),
    ],
)
def test_counts_that_are_none(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint(capsys, "run", "numpy", option, value)
    assert line.startswith("numpy: ")
    assert option in line
    assert value in line
    assert "class" not in line


@pytest.mark.parametrize(
    ("command", "option", "value", "most"),
    [
        ("run", "--iterations", "9" * 30, "10^18"),
        ("trace", "--iteration", "9" * 5000, "10^18"),
        ("trace", "--iteration", str(10**18 + 1), "10^18"),
        ("check", "--entries", "9" * 30, "10^18"),
        ("run", "--memory", "99999T", "1024T"),
        ("run", "--memory", "9" * 400, "1024T"),
    ],
)
def test_what_is_too_large_is_told_in_round_figures(
    command: str, option: str, value: str, most: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line = complaint(capsys, command, "numpy", option, value)
    assert line == f"numpy: {option} is too large: at most {most}, not {value}"


@pytest.mark.parametrize("option", ["--iterations", "--threads", "--seed", "--memory", "--device", "--format"])
def test_a_value_that_is_empty_is_said_to_be_so(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint(capsys, "run", "numpy", f"{option}=").endswith(", not an empty word")


@pytest.mark.parametrize("iteration", ["-1", "1.5", "last", "", "nan", "5..2", "3:1"])
def test_an_iteration_that_is_none(iteration: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint(capsys, "trace", "numpy", f"--iteration={iteration}")
    assert line.startswith("numpy: ")
    assert "setup" in line


def test_an_iteration_past_the_end_says_how_many_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint(capsys, "trace", "and-gate", "--iteration", "80")
    assert line.startswith("and-gate: ")
    assert "80" in line


def test_a_device_the_target_cannot_have_comes_before_whether_it_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint(capsys, "run", "numpy", "--device", "cuda")
    assert line.startswith("numpy: ")
    assert "cpu" in line
    assert "not available" not in line


def test_a_device_that_is_not_there(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    line = complaint(capsys, "run", "torch", "--device", "cuda")
    assert line.startswith("torch: ")
    assert "CUDA" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "numpy", "--device", "tpu"),
        ("run", "numpy", "--format", "xml"),
        ("run", "numpy", "--sede", "0"),
        ("run", "numpy", "-x"),
        ("run", "numpy", "--seed"),
        ("run", "--seed", "0", "numpy", "--frmat", "text"),
        ("run", "numpy", "torch"),
        ("run", "numpy", "--seed", "1", "--seed", "2"),
        ("run", "numpy", "--output=maybe"),
        ("trace", "numpy", "--format", "jsonl"),
        ("trace", "numpy", "--iterations", "3"),
        ("numpy", "--iteration", "3"),
        ("numpy", "torch"),
    ],
)
def test_words_that_are_not_understood(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint(capsys, *arguments).startswith("numpy: ")


@pytest.mark.parametrize("arguments", [("run",), ("trace",), ("trace", "--values"), ("list", "--frmat", "json")])
def test_words_without_a_target(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint(capsys, *arguments).startswith("stepper: ")


def test_a_notebook_is_no_script(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "train.ipynb"
    path.write_text('{"cells": [], "metadata": {}, "nbformat": 4}\n')
    assert complaint(capsys, "run", str(path)).startswith(f"{path}: is a notebook; ")


def test_a_misspelt_option_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--seed" in complaint(capsys, "run", "numpy", "--sede", "0")


SLIPS = {
    "check": ("chek", "chekc", "ceck", "checj", "cehck"),
    "config": ("confg", "cofnig", "confug", "configg"),
    "list": ("lst", "lsit", "lisr", "listt", "kist"),
    "run": ("rn", "urn", "rum", "runn", "un", "tun"),
    "trace": ("trce", "tarce", "tracee", "trsce", "race"),
}


@pytest.mark.parametrize(("command", "word"), [(command, word) for command, words in SLIPS.items() for word in words])
@pytest.mark.parametrize("rest", [(), ("numpy",), ("numpy", "--iterations", "3")])
def test_a_misspelt_command_is_not_taken_for_a_target(
    command: str, word: str, rest: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert complaint(capsys, word, *rest) == (
        f"{word}: no command, variant or file has that name; did you mean stepper {command}?"
    )


def test_a_file_or_variant_is_not_taken_for_a_misspelt_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chek").write_text("x = 1\n")
    assert "too many words: numpy" in complaint(capsys, "chek", "numpy")
    assert "did you mean 'nn'?" in complaint(capsys, "nnn")
    for word in ("train", "main", "go"):
        assert "no such file" in complaint(capsys, word)


def test_a_misspelt_script_is_told_with_the_one_beside_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("x = 1\n")
    assert complaint(capsys, "run", f"{tmp_path}/trian.py").endswith(
        f"trian.py: no such file; did you mean {tmp_path}/train.py?"
    )
    assert complaint(capsys, "run", f"{tmp_path}/other.py").endswith("other.py: no such file")
    assert "not '-1: x = 2'" in complaint(capsys, "run", f"{tmp_path}/train.py", "--what-if", "-1: x = 2")


def test_what_is_like_nothing_is_not_taken_for_something(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean" not in complaint(capsys, "run", "numpy", "--foo", "0")
    assert "did you mean" not in complaint(capsys, "trace", "nosuch")


def test_what_is_wrong_with_the_target_comes_before_the_lack_of_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean 'numpy'?" in complaint(capsys, "numppy")
    assert "unknown preset" in complaint(capsys, "numpy", "--preset", "none")


def test_the_app_needs_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint(capsys, "numpy")
    assert line.startswith("numpy: ")
    assert "terminal" in line


def test_a_name_with_a_line_break_is_still_answered_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint(capsys, "run", "no\nsuch\x1b[31m").startswith("no such")


@pytest.mark.parametrize("size", ["0", "-1", "1.5.2G", "lots", "1e3", "G", "nan"])
def test_a_size_of_memory_that_is_none(size: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = complaint(capsys, "trace", "numpy", f"--memory={size}")
    assert line == f"numpy: --memory must be a size such as 512M or 2G, not {size}"
    assert complaint(capsys, "trace", "numpy", "--memory", size) == line


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("", "-m needs a module's name, as package.train"),
        ("lab.tarin", "there is no module lab.tarin; did you mean -m lab.train?"),
        ("lba.train", "there is no module lba; did you mean -m lab?"),
        ("zzzzzz", "there is no module zzzzzz; it is looked for in {here}, and where Python looks for modules"),
        ("lab.train.fit", "lab.train is no package, so there is no lab.train.fit in it"),
        ("lab", "is a package without a module __main__, so there is nothing in it to run; name one of its modules: "
         "-m lab.loop, -m lab.train"),
        ("lab/train.py", "-m takes a module's name, not a file's: -m lab.train"),
        ("lab.train.py", "-m takes a module's name, not a file's: -m lab.train"),
        (".train", "is no module's name, as package.train is"),
        ("__main__", "is no module's name, as package.train is"),
        ("sys", "is built into Python itself, which has no Python source to step through"),
        ("_stepper_extension", "is an extension module ({here}/_stepper_extension.so), which has no Python source to "
         "step through"),
        ("compiled", "is compiled already ({here}/compiled.pyc), which has no Python source to step through"),
        ("lab.loop", "no training loop found: "),
    ],
)  # fmt: skip
def test_a_module_that_cannot_be_run(
    module: str, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab").mkdir()
    for name in ("lab/__init__.py", "lab/loop.py", "_stepper_extension.so", "compiled.pyc"):
        (tmp_path / name).write_text("")
    (tmp_path / "lab" / "train.py").write_text(LOOP)
    assert complaint(capsys, "run", "-m", module).startswith(f"-m {module}: {said.format(here=tmp_path)}")


def test_a_script_that_imports_by_relative_names_is_named_as_a_module(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the package has no `__init__.py`, in which case the relative names say how far up it reaches."""
    (tmp_path / "lab" / "inner").mkdir(parents=True)
    for name in ("lab/train.py", "lab/inner/train.py"):
        (tmp_path / name).write_text(f"from {'.' * name.count('/')}layers import double\n{LOOP}")
    monkeypatch.chdir(tmp_path)
    why = "is part of a package: line 1 imports by a relative name, which works for -m only"
    assert complaint(capsys, "run", "lab/train.py") == f"lab/train.py: {why}: -m lab.train"
    assert complaint(capsys, "run", "lab/inner/train.py") == f"lab/inner/train.py: {why}: -m lab.inner.train"
    (tmp_path / "__init__.py").write_text("")
    monkeypatch.chdir(tmp_path / "lab")
    assert complaint(capsys, "run", "train.py").endswith(f"-m {tmp_path.name}.lab.train (from {tmp_path.parent})")


@pytest.mark.parametrize("words", [("run", "-m"), ("-m",), ("run", "numpy", "-m")])
def test_a_module_without_a_name(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint(capsys, *words).endswith(": -m needs a value")


@pytest.mark.parametrize("words", [("--loss", "--seed", "1"), ("--loop", "--loss=x"), ("--memory", "--output")])
def test_an_option_in_the_place_of_a_value(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint(capsys, "run", "numpy", *words) == f"numpy: {words[0]} needs a value"


def test_a_target_beside_a_module(capsys: pytest.CaptureFixture[str]) -> None:
    assert complaint(capsys, "run", "-m", "lab", "numpy").startswith("-m lab: there are two targets: numpy, too")


def test_a_path_that_is_no_utf_8(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    script = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.py"))
    script.write_text(LOOP)
    assert "is not UTF-8" in complaint(capsys, "run", str(script))


def test_an_argument_that_is_no_utf_8(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(LOOP)
    assert "is not UTF-8" in complaint(capsys, "run", str(script), "--", os.fsdecode(b"caf\xe9"))


@pytest.mark.parametrize(("command", "option"), [("trace", "iteration"), ("check", "iteration"), ("run", "iterations")])
def test_a_number_that_stands_alone_is_told_its_option(
    command: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"too many words: 3 (did you mean --{option} 3? the script's" in complaint(capsys, command, "numpy", "3")
    assert "too many words: 3 4 (the script's" in complaint(capsys, command, "numpy", "3", "4")
