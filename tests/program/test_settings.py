"""Settings: which there are, how they are put in place, and what their texts may be."""

import pytest

from stepper.program import nodes
from stepper.program.program import ProgramError, analyse
from stepper.program.settings import check, convert
from tests.program.probes import Probes, execute

SOURCE = """\
import math
N, D_in = 64, 1000
learning_rate = 1e-6
name = "x"
flag = True
shift = -2
samples = [1, 2]
root = math.sqrt(4)
dtype = torch.float32 if False else None
N = 3
w = 1.0
for t in range(N):
    loss = w * learning_rate
    w -= loss
"""


def test_top_level_literals_are_settings() -> None:
    assert analyse(SOURCE, "s.py").settings == {
        "N": "64",
        "D_in": "1000",
        "learning_rate": "1e-6",
        "name": '"x"',
        "flag": "True",
        "shift": "-2",
        "samples": "[1, 2]",
        "w": "1.0",
    }


def test_devices_and_dtypes_are_settings() -> None:
    source = "import torch\ndevice = torch.device('cpu')\ndtype = torch.float\nw = f()\nfor t in x:\n    w -= w\n"
    assert analyse(source, "s.py").settings == {"device": "torch.device('cpu')", "dtype": "torch.float"}


@pytest.mark.parametrize("recorded", [True, False])
def test_a_setting_is_put_in_place_right_after_its_first_assignment(recorded: bool) -> None:
    program = analyse(SOURCE, "s.py", settings=["D_in", "N"])
    probes = Probes(program, lambda n: recorded)
    with probes.installed():
        execute(program.code, SOURCE, "s.py")
    calls = [arguments for name, arguments in probes.calls if name == nodes.SETTING]
    assert calls == [("D_in", 1000), ("N", 64)]


def test_an_unknown_setting_names_the_nearest_and_the_known() -> None:
    with pytest.raises(ProgramError) as refused:
        analyse(SOURCE, "s.py", settings=["learningrate"])
    assert str(refused.value).startswith("unknown setting learningrate (did you mean learning_rate?); known: N, D_in,")


@pytest.mark.parametrize(
    ("text", "like", "value"),
    [
        ("32", 64, 32),
        ("1e3", 64, 1000),
        ("0x10", 1, 16),
        ("5", 1.5, 5.0),
        ("inf", 1.5, float("inf")),
        ("false", True, False),
        ("1", False, True),
        ("cuda", "cpu", "cuda"),
        ("3", "cpu", "3"),
        ("(1, 2)", [3], [1, 2]),
        ("[1, 2]", (3,), (1, 2)),
        ("{'a': 1}", {}, {"a": 1}),
        ("7", None, 7),
        ("text", None, "text"),
    ],
)
def test_a_text_becomes_a_value_of_the_same_type(text: str, like: object, value: object) -> None:
    converted = convert(text, like, "name")
    assert converted == value and type(converted) is type(value)


@pytest.mark.parametrize(
    ("text", "like"), [("1.5", 64), ("x", 64), ("x", 1.5), ("maybe", True), ("3", [1]), ("1e400", 3), ("x", object())]
)
def test_a_text_of_the_wrong_type_is_refused_in_one_line(text: str, like: object) -> None:
    with pytest.raises(ProgramError) as refused:
        convert(text, like, "N")
    assert str(refused.value).startswith("setting N ") and "\n" not in str(refused.value)


def test_a_wrong_text_is_found_early_where_the_default_is_a_literal() -> None:
    with pytest.raises(ProgramError, match="setting N takes a whole number, not 'many'"):
        check("many", "64", "N")
    check("anything", "torch.float32", "dtype")


def test_torch_settings_keep_their_type() -> None:
    torch = pytest.importorskip("torch")
    assert convert("float64", torch.float32, "dtype") is torch.float64
    assert convert("cpu:0", torch.device("cpu"), "device") == torch.device("cpu:0")
    with pytest.raises(ProgramError, match="setting device takes a device, not 'gpu'"):
        convert("gpu", torch.device("cpu"), "device")
