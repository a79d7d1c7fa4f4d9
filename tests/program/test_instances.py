"""Of which classes an object is, as the text around it tells."""

import ast
import textwrap

import pytest

from stepper.program.flow.instances import Instances
from stepper.program.scopes import Script
from stepper.program.source import Source

CLASSES = """
class Dense: pass
class Relu: pass
class Cell: pass
"""


def classes(text: str, wanted: str = "layer.forward") -> list[str]:
    script = Script(Source(CLASSES + textwrap.dedent(text), "s.py"))
    (node,) = (n for n in script.nodes if isinstance(n, ast.Attribute) and ast.unparse(n) == wanted)
    return [cls.name for cls in Instances(script).of(script.scope_around(node), node.value)]


@pytest.mark.parametrize(
    "drawn",
    [
        "layers = [Dense(), Relu()]\nfor layer in reversed(layers):\n    layer.forward",
        "layers = [Dense()]\nlayers.append(Relu())\nfor i, layer in enumerate(layers):\n    layer.forward",
        "layers = {}\nlayers['a'] = Dense()\nlayers['b'] = Relu()\nfor layer in layers.values():\n    layer.forward",
        "layers = [Dense()] + [Relu() for _ in range(3)]\nfor _, layer in zip(xs, layers):\n    layer.forward",
        "layers = [Dense(), Relu()]\nlayer = layers[0]\nlayer.forward",
        "def run(layers):\n    for layer in layers:\n        layer.forward\n\n\nrun([Dense(), Relu()])",
    ],
)
def test_what_a_collection_holds_is_known_where_it_is_drawn_from(drawn: str) -> None:
    assert classes(drawn + "\nlayer_of_another = layer = Cell()" * ("def " in drawn)) == ["Dense", "Relu"]


def test_an_attribute_is_that_of_the_class_around() -> None:
    text = """
        class Network:
            def __init__(self):
                self.layers = [Dense()]

            def run(self):
                for layer in self.layers:
                    layer.forward

        class Unrolled:
            def run(self):
                self.layers = []
                layer = Cell()
                self.layers.append(layer)
        """
    assert classes(text) == ["Dense"]


def test_what_callers_hand_in_is_kept() -> None:
    text = """
        class Trainer:
            def __init__(self, network):
                self.network = network

            def fit(self):
                layer = self.network
                layer.forward

        Trainer(Dense())
        """
    assert classes(text) == ["Dense"]


def test_where_one_part_is_unknown_nothing_is_said() -> None:
    assert classes("layers = [Dense(), made()]\nfor layer in layers:\n    layer.forward") == []


def test_a_copy_is_of_the_class_of_what_it_is_a_copy_of() -> None:
    assert classes("import copy\nlayer = copy.copy(Dense())\nlayer.forward") == ["Dense"]
    assert classes("from copy import deepcopy\nmade = Cell()\nlayer = deepcopy(made)\nlayer.forward") == ["Cell"]
