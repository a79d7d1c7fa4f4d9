"""Which files are a script's own modules, and which places in them carry probes."""

import ast
import textwrap
from collections.abc import Mapping

import pytest

from stepper.program.beside import MOST, File, beside
from stepper.program.errors import ProgramError
from stepper.program.modules import MOST_LINES
from stepper.program.program import LONGEST, Program, analyse
from stepper.record import Spot

LOOP = """
for t in range(3):
    loss = model.f(t)
    loss.backward()
    optimizer.step()
"""


def found(script: str, files: Mapping[str, str]) -> list[str]:
    """The names of the modules that a script imports; a name that ends in `.` is a package."""
    known = {name.removesuffix("."): File(f"/{name}", text, name.endswith(".")) for name, text in files.items()}
    return [each.name for each in beside(ast.parse(script), known.get)]


def program(script: str, **files: str) -> Program:
    texts = {name: textwrap.dedent(text) for name, text in files.items()}
    known = {name: File(f"/{name}.py", text, False) for name, text in texts.items()}
    return analyse(textwrap.dedent(script), "/main.py", find=known.get)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("import a", ["a"]),
        ("import a.b", ["a", "a.b"]),
        ("import a.b as c", ["a", "a.b"]),
        ("from a import b", ["a", "a.b"]),
        ("from a import f", ["a"]),
        ("from a.b import *", ["a", "a.b"]),
        ("def f():\n    if True:\n        from d import x", ["d"]),
        ("import torch, numpy", []),
        ("from . import a", []),
        ("import importlib\nm = importlib.import_module('a.b')", ["a", "a.b"]),
        ("from importlib import import_module\nimport_module('d').f()", ["d"]),
        ("from importlib import import_module\nimport_module('.b', 'a')", ["a", "a.b"]),
        ("from importlib import import_module\nimport_module('.b', package='a')", ["a", "a.b"]),
        ("from importlib import import_module\nimport_module('.b', package=p)", []),
        ("from importlib import import_module\nimport_module(name)", []),
        ("importlib.import_module()", []),
    ],
)
def test_imports_at_any_depth_are_followed_to_files(script: str, expected: list[str]) -> None:
    assert found(script, {"a.": "", "a.b": "", "d": ""}) == expected


def test_modules_lead_to_others_by_relative_names_and_in_circles() -> None:
    files = {
        "pkg.": "from .net import Net",
        "pkg.net": "from . import layers\nfrom ..up import x\nimport pkg",
        "pkg.layers": "from .net import Net",
    }
    assert found("from pkg import Net", files) == ["pkg", "pkg.net", "pkg.layers"]


def test_a_call_may_import_by_a_name_that_is_relative_to_its_package() -> None:
    files = {
        "pkg.": "import importlib\nimportlib.import_module('.net', __name__)",
        "pkg.net": "import importlib as i\nfrom importlib import import_module\nimport_module('.layers', __package__)\n"
        "import_module('..up', 'pkg.in')",
        "pkg.layers": "",
        "pkg.up": "",
    }
    assert found("import pkg", files) == ["pkg", "pkg.net", "pkg.layers", "pkg.up"]


def test_a_module_that_is_no_python_is_left_to_python() -> None:
    assert found("import broken, a", {"broken": "def f(:", "a": ""}) == ["a"]


def test_of_very_many_modules_the_first_are_taken() -> None:
    files = {f"m{number}": f"import m{number + 1}" for number in range(MOST + 10)}
    assert len(found("import m0", files)) == MOST


def test_only_functions_carry_probes_and_sites_are_numbered_behind_the_scripts() -> None:
    made = program("import model\n" + LOOP, model="y = [1, 2]\n\n\ndef f(t):\n    h = t * 2\n    return h\n")
    (module,) = made.modules
    assert [site.id for site in made.sites] == list(range(len(made.sites)))
    assert {site.file for site in module.sites} == {"/model.py"} and {site.function for site in module.sites} == {"f"}
    assert [site.text for site in module.sites if site.kind == "statement"] == ["h = t * 2", "return h"]
    names: dict[str, object] = {"__stepper_beside__": False, "__stepper_armed__": False}
    exec(module.code, names)
    assert names["y"] == [1, 2] and names["f"](4) == 8  # type: ignore[operator]


def test_the_lines_and_roles_that_are_shown_are_the_scripts() -> None:
    made = program(
        "import model\nx = 1.0\n" + LOOP.replace("model.f(t)", "model.f(x)"),
        model="def f(t):\n" + "    pass\n" * 30 + "    x = t\n    return x\n",
    )
    assert max(made.lines) <= 7
    assert made.roles["x"] == "data"


@pytest.mark.parametrize("imported", ["import layers", "from layers import train", "from layers import *"])
def test_a_function_of_a_module_is_followed_to_find_the_loop(imported: str) -> None:
    call = "layers.train" if imported == "import layers" else "train"
    script = f"""
        {imported}
        for epoch in range(2):
            for x in data:
                loss = {call}(model, x)
        """
    layers = """
        def train(model, x):
            loss = model(x)
            loss.backward()
            optimizer.step()
            return loss
        """
    made = program(script, layers=layers)
    assert made.loop is not None and made.loop.text == "for x in data"
    assert made.uses_backward
    phases = {site.text: site.phase for site in made.modules[0].sites if site.kind == "statement"}
    assert phases["loss.backward()"] == "backward" and phases["optimizer.step()"] == "update"


def test_a_library_that_comes_in_by_a_star_is_one() -> None:
    script = """
        from arrays import *
        from layers import *
        w = np.zeros(3)
        for x in data:
            w -= 0.1 * dense(w, x)
        """
    arrays = "if GPU:\n    import cupy as np\nelse:\n    import numpy as np\n"
    layers = "from arrays import *\n\n\ndef dense(w, x):\n    grad = np.dot(w, x) * x\n    return grad\n"
    made = program(script, arrays=arrays, layers=layers)
    assert "np" not in made.roles and {site.function for each in made.modules for site in each.sites} == {"dense"}


def test_a_module_that_is_too_long_makes_room_for_those_behind_it() -> None:
    long = "x = 1\n" * (LONGEST + 1)
    script = "import long\nfrom a import f\n" + LOOP.replace("model.f", "f")
    made = program(script, long=long, a="def f(x):\n    return x\n")
    assert {site.phase for each in made.modules for site in each.sites} != {None}


def test_a_name_that_two_modules_hand_to_each_other_is_followed_to_its_end() -> None:
    made = program("from a import f\n" + LOOP.replace("model.f", "f"), a="from b import f\n", b="from a import f\n")
    assert made.loop is not None


@pytest.mark.parametrize(
    ("script", "module", "plain"),
    [
        ("import torch\nfast = torch.compile(model.f)\n", "", True),
        ("net.compile()\n", "", True),
        ("", "import torch\n\n@torch.compile\ndef g(x):\n    return f(x)\n\n\n", True),
        ("import re\npattern = re.compile('a')\n", "", False),
        ("", "import torch\n\n@torch.jit.script\ndef g(x):\n    return x\n\n\n", False),
    ],
)
def test_where_something_is_compiled_no_module_has_probes(script: str, module: str, plain: bool) -> None:
    made = program("import model\n" + script + LOOP, model=module + "def f(t):\n    return t\n")
    assert bool(made.modules) is not plain
    assert {site.function for each in made.modules for site in each.sites} <= {"f"}


def test_the_innermost_loop_that_trains_is_found_in_whatever_file() -> None:
    trainer = """
        class Trainer:
            def fit(self, model, data):
                for x in data:
                    loss = model(x)
                    loss.backward()
                    self.optimizer.step()

            def report(self, losses):
                for loss in losses:
                    total += loss
        """
    script = """
        from trainer import Trainer
        trainer = Trainer()
        for epoch in range(3):
            trainer.fit(model, data)
        """
    made = program(script, trainer=trainer)
    assert made.home == "/trainer.py" and made.loop is not None and made.loop.line == 4
    assert {site.text for site in made.sites if site.id in made.loop.enclosing} == {"for epoch in range(3)"}
    assert {site.file for site in made.sites} == {"", "/main.py"}
    assert made.lines[6] == "backward" and made.stops["6"] == Spot("", 6)


def test_a_loop_that_the_script_never_comes_to_is_none_of_its() -> None:
    other = """
        def demo(model, data):
            for x in data:
                loss = model(x)
                loss.backward()
                optimizer.step()
        """
    made = program("import other\n" + LOOP.replace("model.f(t)", "net(t)"), other=other)
    assert made.home == "/main.py"


@pytest.mark.parametrize("terms", [200, 700, 5_000])
def test_a_module_that_is_nested_deeply_is_left_alone_at_worst(terms: int) -> None:
    model = "def f(t):\n    return " + "+".join(["t"] * terms) + "\n"
    made = program("import model\n" + LOOP, model=model)
    assert made.loop is not None and made.home == "/main.py"
    assert bool(made.modules) == (terms == 200)


TWO = """
def fit(w):
    for epoch in range(2):
        for t in range(3):
            loss = w * w
            w = w - 0.1 * 2 * w
    return w
"""


@pytest.mark.parametrize(("wanted", "line"), [("fitting.py:3", 3), ("fitting.py:4", 4), ("fitting.py:6", 4)])
def test_a_loop_in_another_file_can_be_asked_for(wanted: str, line: int) -> None:
    known = {"fitting": File("/fitting.py", TWO, False)}
    made = analyse("from fitting import fit\nfit(1.0)\n", "/main.py", loop=wanted, find=known.get)
    assert made.home == "/fitting.py" and made.loop is not None and made.loop.line == line


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("fitting.py:2", "no loop at line 2 of fitting.py; its loops are at lines 3, 4"),
        ("other.py:3", "none of the script's own files are called other.py"),
        ("tting.py:3", "none of the script's own files are called tting.py"),
        ("main.py:1", "no loop at line 1 of main.py; it has no loops"),
        ("fitting.py:none", "FILE:LINE or none"),
    ],
)
def test_a_loop_that_is_in_no_file_is_refused_with_what_there_is(wanted: str, told: str) -> None:
    known = {"fitting": File("/fitting.py", TWO, False)}
    with pytest.raises(ProgramError, match=told):
        analyse("from fitting import fit\nfit(1.0)\n", "/main.py", loop=wanted, find=known.get)


TRAINER = """
class Trainer:
    def fit(self, model, data):
        for x in data:
            loss = model(x)
            loss.backward()
            self.optimizer.step()
"""
FITTED = "from trainer import Trainer\nfrom tables import rows\nTrainer().fit(model, rows)\n"


@pytest.mark.parametrize("long", ["trainer", "tables"])
def test_the_loop_is_found_among_many_lines_of_modules(long: str) -> None:
    files = {"trainer": TRAINER, "tables": "rows = []\n"}
    files[long] += "\n" * LONGEST
    made = program(FITTED, **files)
    assert made.home == "/trainer.py" and made.loop is not None and made.loop.line == 4
    assert {each.name for each in made.modules} == {"trainer", "tables"}


def test_of_very_many_lines_the_nearest_have_probes_and_those_with_the_loop() -> None:
    files = {name: "def f(x):\n    return x\n" for name in ("a", "b", "c", "tables")} | {"trainer": TRAINER}
    for name, share in (("a", 0.5), ("b", 0.8), ("c", 0.4), ("trainer", 0.7)):
        files[name] += "\n" * int(share * MOST_LINES)
    made = program("import a, b, c\n" + FITTED, **files)
    assert made.home == "/trainer.py" and made.loop is not None
    assert [each.name for each in made.modules] == ["a", "c", "trainer"]
    assert [site.id for site in made.sites] == list(range(len(made.sites)))


@pytest.mark.parametrize(
    ("step", "torch"),
    [
        ("loss.backward()", True),
        ("loss, grads = net.backward(net(x), x)", False),
        ("net.backward(criterion(net(x), x))", False),
    ],
)
def test_a_backward_that_is_not_seen_into_is_autograds_or_a_networks(step: str, torch: bool) -> None:
    """A network's gives gradients back, or is handed them; without torch, that is."""
    made = program(f"import nets\nnet = nets.Net()\nfor x in data:\n    loss = net(x)\n    {step}\n    net.update()\n")
    assert made.loop is not None and made.uses_backward is torch


@pytest.mark.parametrize(
    "made", ["from nets import Net as Small\nnet = Small()", "import nets\nfrom other import Net\nnet = nets.Net()"]
)
def test_a_class_is_known_by_what_it_is_imported_as(made: str) -> None:
    """And another class of its name is another: what the one is handed is nothing that the other is."""
    other = """
        class Net:
            def forward(self, x):
                return self.factor * x
        """
    nets = """
        import other

        class Net(other.Net):
            def __init__(self):
                self.w = 1.0

            def __call__(self, x):
                h = self.w * x
                return h
        """
    step = (
        "for x in data:\n    y = net(x)\n    loss = (y - 1) ** 2\n    grad = 2 * (y - 1) * x\n    net.w -= 0.1 * grad\n"
    )
    found = program(f"{made}\n{step}", nets=nets, other=other)
    assert found.roles["self.w"] == "parameter" and found.roles["h"] == "activation"


def test_a_file_of_a_package_without_a_loop_that_can_be_seen_is_told_to_be_one() -> None:
    with pytest.raises(ProgramError, match="part of a package: line 2 imports"):
        analyse("import torch\nfrom .steps import train\nfor t in range(3):\n    train(t)\n", "/pkg/main.py")


def test_a_function_of_a_module_that_is_handed_on_is_followed() -> None:
    made = program(
        """
        import models
        def evaluate(folds, algorithm, rate):
            return [algorithm(fold, rate) for fold in folds]
        evaluate([[1.0, 2.0], [3.0, 4.0]], models.fit, 0.1)
        """,
        models="""
        def fit(fold, rate):
            w = 0.0
            for x in fold:
                loss = (w - x) ** 2
                w -= rate * 2 * (w - x)
            return w
        """,
    )
    assert made.loop is not None and made.loop.line == 4 and made.home == "/models.py"
