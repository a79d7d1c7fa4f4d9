"""Which variants there are, and what can be said of them without running them."""

import ast
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Device = Literal["cpu", "cuda"]

SCRIPTS = Path(__file__).parent / "scripts"


@dataclass(frozen=True)
class Variant:
    """One built-in script. A preset is a set of settings, as they would be given with `--set NAME=VALUE`."""

    name: str
    file: str
    style: str
    engines: tuple[str, ...]
    devices: tuple[Device, ...]
    description: str
    presets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where the script is."""
        return SCRIPTS / self.file

    @property
    def source(self) -> str:
        """The script's text."""
        return self.path.read_text(encoding="utf-8")

    @property
    def settings(self) -> dict[str, str]:
        """What `--set` can change, with the source text of each default: `N` → `64`, `dtype` → `torch.float32`."""
        return dict(_settings(self.source))


def _settings(source: str) -> Iterable[tuple[str, str]]:
    """Top-level assignments of a number, a text or a dtype to a name, or of as many of them to a tuple of names."""
    for statement in ast.parse(source).body:
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        target, value = statement.targets[0], statement.value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = list(zip(target.elts, value.elts, strict=True))
        else:
            pairs = [(target, value)]
        for name, default in pairs:
            if isinstance(name, ast.Name) and isinstance(default, ast.Constant | ast.Attribute):
                yield name.id, ast.get_source_segment(source, default) or ""


_SMALL = {"N": "4", "D_in": "10", "H": "6", "D_out": "3"}
_EITHER: tuple[Device, ...] = ("cpu", "cuda")

VARIANTS: Mapping[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant(
            name="numpy",
            file="numpy_by_hand.py",
            style="NumPy, forward and backward by hand",
            engines=("python", "numpy"),
            devices=("cpu",),
            description="Each step of backpropagation is a statement of its own: the place to begin.",
            presets={"small": _SMALL},
        ),
        Variant(
            name="torch",
            file="torch_by_hand.py",
            style="PyTorch tensors, forward and backward by hand",
            engines=("python", "torch"),
            devices=_EITHER,
            description="The same steps on tensors, which may live on an accelerator.",
            presets={"small": {**_SMALL, "learning_rate": "1e-3"}},
        ),
        Variant(
            name="autograd",
            file="torch_autograd.py",
            style="PyTorch tensors with requires_grad, backward by autograd",
            engines=("python", "torch", "autograd"),
            devices=_EITHER,
            description="loss.backward() derives the gradients; the hidden layer has no name of its own.",
            presets={
                "double": {"dtype": "float64", "iterations": "50"},
                "small": {
                    "N": "233",
                    "D_in": "10",
                    "H": "7",
                    "D_out": "10",
                    "learning_rate": "1e-4",
                    "iterations": "1",
                },
            },
        ),
        Variant(
            name="custom-function",
            file="torch_custom_function.py",
            style="PyTorch autograd with a Function of our own",
            engines=("python", "torch", "autograd", "function"),
            devices=_EITHER,
            description="The ReLU is a torch.autograd.Function whose backward zeroes the gradient where it was closed.",
            presets={"small": {**_SMALL, "learning_rate": "1e-3"}},
        ),
        Variant(
            name="nn",
            file="torch_nn.py",
            style="PyTorch nn.Sequential, parameters updated by hand",
            engines=("python", "torch", "autograd", "module"),
            devices=_EITHER,
            description="Ready-made layers and loss; the update is still written out.",
            presets={"small": {**_SMALL, "learning_rate": "1e-2"}},
        ),
        Variant(
            name="optim",
            file="torch_optim.py",
            style="PyTorch nn.Sequential with torch.optim.Adam",
            engines=("python", "torch", "autograd", "module", "optim"),
            devices=_EITHER,
            description="The same network, and an optimizer that keeps running averages of the gradients.",
            presets={"small": {**_SMALL, "learning_rate": "1e-2"}},
        ),
        Variant(
            name="module",
            file="torch_module.py",
            style="PyTorch nn.Module of our own with torch.optim.SGD",
            engines=("python", "torch", "autograd", "module", "optim"),
            devices=_EITHER,
            description="A class with two linear layers and a clamp between them.",
            presets={"small": {**_SMALL, "learning_rate": "1e-2"}},
        ),
        Variant(
            name="module-adam",
            file="torch_module_adam.py",
            style="PyTorch nn.Module of our own, without biases, with Adam",
            engines=("python", "torch", "autograd", "module", "optim"),
            devices=_EITHER,
            description="Two weight matrices, small enough to look at whole.",
            presets={"small": {**_SMALL, "learning_rate": "1e-2"}},
        ),
        Variant(
            name="dynamic",
            file="torch_dynamic.py",
            style="PyTorch nn.Module with control flow and shared weights, SGD with momentum",
            engines=("python", "torch", "autograd", "module", "optim"),
            devices=_EITHER,
            description="One layer is used 0 to 3 times a pass, at random: the graph is another one each time.",
            presets={"small": {**_SMALL, "learning_rate": "1e-3"}},
        ),
        Variant(
            name="relu-class",
            file="numpy_relu_class.py",
            style="NumPy, a class with methods",
            engines=("python", "numpy"),
            devices=("cpu",),
            description="Has a mistake in back_propagation: the loss runs away, and finding out why is the exercise.",
            presets={"slow": {"learning_rate": "1e-5"}, "slower": {"learning_rate": "1e-6"}},
        ),
        Variant(
            name="and-gate",
            file="and_gate.py",
            style="plain Python scalars",
            engines=("python",),
            devices=("cpu",),
            description="One linear neuron learns AND, updated after every sample; no library at all.",
            presets={"long": {"epochs": "100"}},
        ),
        Variant(
            name="sigmoid",
            file="torch_sigmoid.py",
            style="PyTorch autograd, logistic regression",
            engines=("python", "torch", "autograd"),
            devices=_EITHER,
            description="One layer and a sigmoid, written out with exp.",
            presets={"fast": {"learning_rate": "1e-1"}},
        ),
    )
}


def nearest(word: str, known: Iterable[str] = tuple(VARIANTS)) -> str | None:
    """The one of `known` (default: the variants) that `word` was most likely meant to be; None where none is close."""
    matches = difflib.get_close_matches(word, list(known), n=1)
    return matches[0] if matches else None
