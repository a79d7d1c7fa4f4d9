"""The table says of the scripts what is true of them."""

import ast
import subprocess
import sys

import pytest

from stepper.program.program import analyse
from stepper.variants import VARIANTS, Variant, nearest

BUILT_IN = list(VARIANTS.values())


@pytest.fixture(params=BUILT_IN, ids=[variant.name for variant in BUILT_IN])
def variant(request: pytest.FixtureRequest) -> Variant:
    chosen: Variant = request.param
    return chosen


def test_the_names_are_those_of_the_contract() -> None:
    assert list(VARIANTS) == [
        "numpy",
        "torch",
        "autograd",
        "custom-function",
        "nn",
        "optim",
        "module",
        "module-adam",
        "dynamic",
        "relu-class",
        "and-gate",
        "sigmoid",
    ]
    assert "small" in VARIANTS["numpy"].presets
    assert {"double", "small"} <= set(VARIANTS["autograd"].presets)


def test_a_script_imports_nothing_of_stepper(variant: Variant) -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(variant.source)):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")
    assert imported <= {"numpy", "torch", "random"}


def test_no_script_hides_a_library_from_its_neighbours(variant: Variant) -> None:
    """Python puts a script's folder first on the path, so a numpy.py there would be what `import numpy` finds."""
    assert variant.path.stem not in sys.stdlib_module_names | {"numpy", "torch"}


def test_presets_change_settings_that_exist(variant: Variant) -> None:
    for preset in variant.presets.values():
        assert set(preset) <= set(variant.settings)


def test_settings_have_the_text_of_their_defaults() -> None:
    assert VARIANTS["torch"].settings == {
        "device": '"cpu"',
        "dtype": "torch.float32",
        "N": "64",
        "D_in": "1000",
        "H": "100",
        "D_out": "10",
        "learning_rate": "1e-6",
        "iterations": "500",
    }
    assert VARIANTS["and-gate"].settings == {
        "w1": "0.666",
        "w2": "0.333",
        "b": "0.233",
        "learning_rate": "0.01",
        "epochs": "20",
    }


def test_a_device_is_a_setting_where_there_is_a_choice(variant: Variant) -> None:
    assert ("device" in variant.settings) == (variant.devices == ("cpu", "cuda"))


def test_plain_python_runs_a_script_by_itself() -> None:
    script = VARIANTS["and-gate"].path
    finished = subprocess.run([sys.executable, "-I", script], capture_output=True, text=True, timeout=60, check=True)
    assert len(finished.stdout.splitlines()) == 80
    assert finished.stderr == ""


def test_nearest_name() -> None:
    assert nearest("nmpy") == "numpy"
    assert nearest("zzzzzz") is None


def test_the_settings_are_those_that_the_analysis_finds(variant: Variant) -> None:
    found = analyse(variant.source, variant.file).settings
    # the table leaves out what nobody would type: the and-gate's list of samples
    assert {name: text for name, text in found.items() if name != "samples"} == variant.settings
