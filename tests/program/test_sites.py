"""What sites say: text, span, operations, what is bound, and which code has none."""

import pytest

from stepper.program import nodes
from stepper.program.program import Program, analyse
from stepper.program.sites import Operation, Site
from tests.program.probes import Probes, execute


def one(program: Program, kind: str, label: str) -> Site:
    found = [site for site in program.sites if site.kind == kind and site.label == label]
    assert len(found) == 1, (kind, label, [(site.kind, site.label) for site in program.sites])
    return found[0]


def loop(body: str, before: str = "") -> Program:
    lines = "\n".join("    " + line for line in body.split("\n"))
    source = f"{before}\nfor t in range(2):\n{lines}\n    w -= loss\n"
    return analyse(source, "s.py", loop=str(source.split("\n").index("for t in range(2):") + 1))


def operands(operation: Operation | None, program: Program) -> list[object]:
    assert operation is not None
    return [
        operand.constant if operand.site is None else program.sites[operand.site].label
        for operand in operation.operands
    ]


def test_a_hidden_layer_has_a_site_of_its_own() -> None:
    program = loop("y_pred = x.mm(w1).clamp(min=0).mm(w2)")
    statement = one(program, "statement", "y_pred = x.mm(w1).clamp(min=0).mm(w2)")
    relu = one(program, "expression", "x.mm(w1).clamp(min=0)")
    hidden = one(program, "expression", "x.mm(w1)")
    assert statement.bound == ("y_pred",)
    assert statement.operation is not None and statement.operation.name == "mm"
    assert relu.parent == statement.id and hidden.parent == relu.id
    assert relu.operation is not None and relu.operation.method
    assert relu.operation.path == "x.mm(w1).clamp"
    assert operands(relu.operation, program) == ["x.mm(w1)"]
    assert relu.operation.keywords[0][0] == "min" and relu.operation.keywords[0][1].constant == 0
    assert (hidden.line, hidden.column, hidden.end_column) == (3, 13, 21)


def test_a_function_of_a_library_takes_its_arguments_as_operands() -> None:
    program = loop("h_relu = np.maximum(h, 0)", "import numpy as np")
    statement = one(program, "statement", "h_relu = np.maximum(h, 0)")
    assert statement.operation is not None and not statement.operation.method
    assert (statement.operation.name, statement.operation.path) == ("maximum", "np.maximum")
    assert operands(statement.operation, program) == ["h", 0]


def test_a_masked_store_shows_base_mask_and_value() -> None:
    program = loop("grad_h[h < 0] = 0")
    statement = one(program, "statement", "grad_h[h < 0] = 0")
    assert statement.operation is not None and statement.operation.name == "setitem"
    base, mask, value = statement.operation.operands
    assert base.site is not None and program.sites[base.site].kind == "mutated"
    assert mask.site is not None and program.sites[mask.site].label == "h < 0"
    assert value.constant == 0


@pytest.mark.parametrize(
    ("text", "name", "labels"),
    [
        ("w -= lr * g", "isub", ["w", "lr * g"]),
        ("self.w *= g", "imul", ["self.w", "g"]),
        ("w[i] += 2", "iadd", ["w", "i", 2]),
    ],
)
def test_augmented_assignments_are_operations(text: str, name: str, labels: list[object]) -> None:
    program = loop(text)
    statement = one(program, "statement", text)
    assert statement.operation is not None and statement.operation.name == name
    assert operands(statement.operation, program) == labels


def test_an_owner_says_which_attribute_changes() -> None:
    owner = one(loop("self.w *= g"), "mutated", "self.w")
    assert owner.attribute == "w" and owner.text == "self"


@pytest.mark.parametrize(
    ("text", "label", "method"),
    [
        ("w.grad.zero_()", "w.grad", "zero_"),
        ("loss.backward()", "loss", "backward"),
        ("optimizer.step()", "optimizer", "step"),
        ("np.copyto(a, b)", "a", "copyto"),
        ("torch.nn.init.normal_(w)", "w", "normal_"),
        ("np.add(a, b, out=c)", "c", ""),
        ("x[0] = 1", "x", ""),
    ],
)
def test_what_is_about_to_change_is_marked(text: str, label: str, method: str) -> None:
    program = loop(text, "import numpy as np\nimport torch")
    site = next(
        site for site in program.sites if (site.kind == "mutated" and site.label != "w") or site.method == method
    )
    assert (site.label, site.method) == (label, method)


def test_columns_count_characters() -> None:
    program = loop('größe = "äöü" + f(x)')
    call = one(program, "expression", "f(x)")
    assert (call.column, call.end_column) == (20, 24)


def test_a_compound_statement_shows_its_head_only() -> None:
    program = loop("with a as b, c:\n    if b:  # yes\n        pass\n    for i, (j, *k) in zip(b, c):\n        pass")
    assert one(program, "statement", "with a as b, c").bound == ("b",)
    assert one(program, "statement", "for i, (j, *k) in zip(b, c)").bound == ("i", "j", "k")
    head = one(program, "statement", "if b")
    assert head.end_line == head.line and head.parent == one(program, "statement", "with a as b, c").id


def test_the_first_event_of_a_pass_is_what_it_received() -> None:
    source = "w = 1\nfor x, y in [(1, 2), (3, 4)]:\n    loss = x\n    w -= loss\n"
    program = analyse(source, "s.py")
    probes = Probes(program)
    with probes.installed():
        execute(program.code, source, "s.py")
    received = [arguments for name, arguments in probes.calls if name == nodes.DONE and len(arguments) == 3]
    assert [arguments[1:] for arguments in received] == [(1, 2), (3, 4)]
    assert program.sites[received[0][0]].text == "for x, y in [(1, 2), (3, 4)]"
    first = next(i for i, (name, _) in enumerate(probes.calls) if name == nodes.ITERATION)
    assert [name for name, _ in probes.calls[first : first + 3]] == [nodes.ITERATION, nodes.STATEMENT, nodes.DONE]
    assert probes.calls[-1][0] == nodes.LEAVE


COMPILED = """\
import torch, functools
from torch import jit
from numba import njit
@{decorator}
def f(x):
    return x * 2
w = 1.0
for t in range(2):
    loss = f(w)
    w -= loss
"""


@pytest.mark.parametrize(
    "decorator",
    [
        "torch.compile",
        "torch.compile(dynamic=True)",
        "jit.script",
        "njit",
        "functools.partial(torch.compile, mode='x')",
    ],
)
def test_a_compiled_function_has_no_probes(decorator: str) -> None:
    program = analyse(COMPILED.format(decorator=decorator), "s.py")
    assert not [site for site in program.sites if site.function == "f"]


FUNCTIONAL = """
import torch
from torch.func import functional_call, vmap
class Net(torch.nn.Module):
    def forward(self, x):
        return x * 2
net = Net()
def one(w, x):
    return functional_call(net, {"w": w}, (x,))
for t in range(2):
    loss = CALL
    loss.backward()
    opt.step()
"""


@pytest.mark.parametrize(("call", "probed"), [("one(w, t)", {"forward", "one"}), ("vmap(one)(w, t)", set[str]())])
def test_a_module_that_is_called_with_other_parameters_has_probes_where_nothing_transforms_it(
    call: str, probed: set[str]
) -> None:
    program = analyse(FUNCTIONAL.replace("CALL", call), "s.py")
    assert {site.function.rpartition(".")[2] for site in program.sites} & {"forward", "one"} == probed


def test_the_modules_of_a_compiled_model_have_no_probes() -> None:
    source = """\
import torch
class Net(torch.nn.Module):
    def forward(self, x):
        return x * 2
class Other:
    def go(self):
        return 1
net = torch.compile(Net())
for t in range(2):
    loss = net(t)
    loss.backward()
    opt.step()
"""
    program = analyse(source, "s.py")
    assert {site.function for site in program.sites} == {"", "Other.go"}


def test_the_same_script_gives_the_same_sites() -> None:
    source = "import numpy as np\nw = 1\nfor t in range(3):\n    loss = np.sum(w) * f'{w}'.count('1')\n    w -= loss\n"
    assert analyse(source, "s.py").sites == analyse(source, "s.py").sites


RECOMPUTED = """
import numpy as np
x, y, w1, w2 = np.ones((4, 3)), np.ones((4, 1)), np.ones((3, 2)), np.ones((2, 1))
def forward():
    h_relu = np.maximum(x.dot(w1), 0)
    return h_relu.dot(w2)
def backward(error):
    global w1
    h_relu = np.maximum(x.dot(w1) + 0.0, 0)
    grad = error.dot(w2.T) * np.sign(h_relu)
    w1 = w1 - 0.1 * x.T.dot(grad)
for t in range(2):
    y_pred = forward()
    loss = np.square(y_pred - y).sum()
    backward(2.0 * (y_pred - y))
"""


def test_what_leads_to_an_activation_is_one_where_a_backward_pass_computes_it_anew() -> None:
    program = analyse(RECOMPUTED, "s.py")
    anew = one(program, "expression", "x.dot(w1) + 0.0")
    assert (anew.phase, anew.role) == ("backward", "activation")
    assert one(program, "expression", "error.dot(w2.T)").role != "activation"
