"""The chain rule at a node of autograd's graph, written in the script's own names.

One line for each gradient that leaves: `∂L/∂h_relu = ∂L/∂y_pred · w2ᵀ`. `·` is the matrix product, `⊙` the product
element by element, `ᵀ` exchanges the last two axes, `[h > 0]` is 1 where that holds and 0 elsewhere: that 0 is stronger
than anything, and passes nothing of an infinite gradient, too. Functions and their arguments are NumPy's where it has
them. What stands behind ` — ` says the same in words.

Which rule belongs to which node is in `derivatives`. A node without a rule, or an operand that has no name, gets a
line that says only what goes where.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from stepper.engines.graph import GRADIENT, Names, atom, saved, unpacked_by_hooks
from stepper.engines.modes import unnoticed

CALLED = {"other": "other operand", "self": "operand"}  # what has no name, in words for torch's own
SMALLEST_WRAPPED = 1 << 63  # graphs keep negative numbers without their sign


class Unnamed(Exception):
    """An operand of the formula is not known by any name."""


class Chain:
    """One node, as its rule sees it: its gradient, its output, and its operands by the names torch gives them.

    `arguments` names the operands that the node's edges lead to, in order. `recall` says what a saved tensor is
    called (keeping it, where it has no name of its own, under the name it is given). `show` is told of the values that
    a formula names and that share their name with others.
    """

    def __init__(
        self,
        node: Any,
        arguments: tuple[str, ...],
        names: Names,
        recall: Callable[[Any, str], str | None],
        show: Callable[[str, Any], None],
    ) -> None:
        self.node = node
        self._names = names
        self._arguments = arguments
        self._recall = recall
        self._show = show
        self._output = names.of(node, 0) or "y"
        self.g = GRADIENT + atom(self._output)

    def named(self, number: int) -> str:
        """What an output is called, where there are several."""
        return self._names.of(self.node, number) or f"output {number}"

    def comes_to(self, number: int) -> bool:
        """Whether a gradient comes to an output, where there are several. Raises Unnamed of those that the pass begins
        with."""
        if not any(self._names.is_read(self.node, each) for each in range(len(self.node._input_metadata))):
            raise Unnamed("which output the pass begins with")
        return self._names.is_read(self.node, number)

    @property
    def y(self) -> str:
        """What the output is called."""
        return self._conjugate(atom(self._named(self._output, "result", self.node, 0)), self.node, 0)

    def _named(self, name: str, argument: str, made_by: Any, number: int) -> str:
        """The name of a value that can be looked up under it. Raises Unnamed."""
        if not self._names.numbered(name):
            for part, copy in self._names.parts(made_by, number):
                self._show(part, copy)
            return name
        tensor = saved(self.node, argument)
        known = None if tensor is None else self._recall(tensor, name)
        if known is None:
            raise Unnamed(argument)
        return known

    def __getitem__(self, argument: str) -> str:
        """What an operand is called. Raises Unnamed."""
        edge = self._edge(argument)
        if edge is not None:
            return self._conjugate(atom(self._named(self._names.of(*edge) or argument, argument, *edge)), *edge)
        name, tensor = self.kept(argument, CALLED.get(argument, argument)), saved(self.node, argument)
        return f"conj({name})" if self._is_holomorphic() and tensor.is_complex() else name

    def _is_holomorphic(self) -> bool:
        """Whether this node made complex values: what comes to them is multiplied with the derivative's conjugate. What
        makes real ones of complex (a modulus) has rules of its own."""
        return bool(self.node._input_metadata[0].dtype.is_complex)

    def _conjugate(self, name: str, made_by: Any, number: int) -> str:
        complex_one = self._is_holomorphic() and made_by._input_metadata[number].dtype.is_complex
        return f"conj({name})" if complex_one else name

    def _edge(self, argument: str) -> tuple[Any, int] | None:
        """The edge that an operand's gradient takes; None where it has none."""
        edges = self.node.next_functions
        place = self._arguments.index(argument) if argument in self._arguments else len(edges)
        return edges[place] if place < len(edges) and edges[place][0] is not None else None

    def kept(self, argument: str, called: str) -> str:
        """A saved tensor, by the name that the script has for it, or as what it is `called`. Raises Unnamed."""
        tensor = saved(self.node, argument)
        name = None if tensor is None else self._recall(tensor, f"{called} of {atom(self._output)}")
        if name is None:
            raise Unnamed(argument)
        return atom(name)

    def turned(self, argument: str) -> str:
        """An operand transposed; the transpose of a transpose is the operand itself. Raises Unnamed."""
        tensor, edge = saved(self.node, argument), self._edge(argument)
        name = "" if edge is None else self._names.of(*edge) or ""
        if tensor is not None and name.endswith("ᵀ") and self._names.numbered(name):
            with unnoticed():
                known = self._recall(tensor.mT, name[:-1])
            if known is None:
                raise Unnamed(argument)
            return atom(known) if edge is None else self._conjugate(atom(known), *edge)
        name = self[argument]
        return name[:-1] if name.endswith("ᵀ") else f"{name}ᵀ"

    def only_real(self) -> None:
        """Raises Unnamed where the node made complex values, for a rule that does not hold for them."""
        if any(each.dtype.is_complex for each in self.node._input_metadata):
            raise Unnamed("complex numbers")

    def has(self, argument: str) -> bool:
        """Whether an optional tensor was given."""
        return saved(self.node, argument) is not None

    def any(self, argument: str, number: int) -> bool:
        """Whether a saved tensor of integers has this number among its own. Raises Unnamed where it cannot be had."""
        with unnoticed():
            return bool((self.tensor(argument) == number).any())

    def attribute(self, name: str) -> Any:
        """A number, text or tuple that the node saved; of a complex number the conjugate: by that gradients go back."""
        found = _signed(getattr(self.node, f"_saved_{name}"))
        return found.conjugate() if isinstance(found, complex) else found

    def tensor(self, name: str) -> Any:
        """A saved tensor itself. Raises Unnamed where it cannot be had."""
        found = saved(self.node, name)
        if found is None:
            raise Unnamed(name)
        return found

    def number(self, name: str) -> str:
        """A number that the node saved, as text."""
        return figure(self.attribute(name))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the output."""
        return tuple(self.node._input_metadata[0].shape)

    def shape_of(self, place: int) -> tuple[int, ...]:
        """The shape of the operand that an edge leads to. Raises Unnamed where there is none."""
        before, number = self.node.next_functions[place]
        if before is None:
            raise Unnamed(f"operand {place}")
        return tuple(before._input_metadata[number].shape)

    def axis(self, name: str = "dim", axes: int | None = None) -> str:
        """A saved axis, or several, counted from the front. `axes`: how many there are, where not as in the output."""
        held = self.attribute(name)
        count = len(self.shape) if axes is None else axes
        if isinstance(held, tuple):
            found = sorted(each % count for each in held) if count else []
            return str(found[0]) if len(found) == 1 else str(tuple(found or range(count)))
        return str(held % count if count else 0)

    def summed(self, expression: str, place: int) -> str:
        """`expression`, in the shape of the output, summed over what the operand was broadcast along."""
        return summed(expression, self.shape, self.shape_of(place))


Line = Callable[[Chain], str]


class Rule:
    """How gradients leave one kind of node: a line for each operand that has one, in the order of `arguments`.

    `arguments` are torch's own names of the operands. A single line for a node of many operands (`cat`) gets the
    operand's place through `many`.
    """

    def __init__(
        self, arguments: str, *lines: Line | None, many: Callable[[Chain, int], str] | None = None, words: str = ""
    ) -> None:
        self.arguments = tuple(arguments.split())
        self.lines = lines
        self.many = many
        self.words = words


def formula(
    node: Any,
    rule: Rule | None,
    names: Names,
    recall: Callable[[Any, str], str | None],
    show: Callable[[str, Any], None],
) -> str:
    """The lines for all gradients that leave `node`."""
    chain = Chain(node, rule.arguments if rule is not None else (), names, recall, show)
    lines = []
    for place, (before, number) in enumerate(node.next_functions):
        if before is None:
            continue
        target = names.of(before, number) or "?"
        lines.append(f"{GRADIENT}{atom(target)} = {_right_side(node, rule, chain, place, target)}")
    return "\n".join(lines)


def _right_side(node: Any, rule: Rule | None, chain: Chain, place: int, target: str) -> str:
    expression = None
    if rule is not None:
        line = rule.lines[place] if place < len(rule.lines) else None
        try:
            expression = rule.many(chain, place) if rule.many is not None else line(chain) if line else None
        except Unnamed:
            expression = None
    if expression is None or rule is None:
        return f"what {node.name()} makes of {chain.g}{_why_not(node)}"
    undone = expression.startswith(("sum(", "sum_to("))
    if _becomes_real(node, place):
        expression = f"real({bare(expression)})"
    if undone and "SumBackward" not in node.name():
        was, became = chain.shape_of(place), chain.shape
        told = f" from {was} to {became}" if was != became else ""
        return f"{expression} — {target} was broadcast{told}: what came to each copy is summed"
    return f"{expression} — {rule.words}" if rule.words else expression


def _becomes_real(node: Any, place: int) -> bool:
    """Whether a complex gradient comes to a value that is real: its imaginary part leads nowhere."""
    before, number = node.next_functions[place]
    return bool(node._input_metadata[0].dtype.is_complex and not before._input_metadata[number].dtype.is_complex)


def _why_not(node: Any) -> str:
    """Why no more can be told of a node, where that is known."""
    if node.name().startswith("CompiledFunction"):
        return " — compiled as a whole: what happens inside cannot be shown"
    if hasattr(type(node), "_forward_cls"):
        return " — its backward is code of its own: step into it"
    if node.name().endswith("CopySlices"):
        return (
            " — a part was changed in place: there it goes back through that operation, and elsewhere it stays as it is"
        )
    if unpacked_by_hooks(node):
        return " — its operands come back through a hook (a checkpoint, an offload), which is not to be run for a look"
    return ""


def summed(expression: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """`expression` of `shape`, summed to the shape it was broadcast from."""
    if shape == wanted:
        return expression
    leading = len(shape) - len(wanted)
    if leading > 0 and shape[leading:] == wanted:
        axes = "0" if leading == 1 else str(tuple(range(leading)))
        return f"sum({bare(expression)}, axis={axes})"
    return f"sum_to({bare(expression)}, shape={wanted})"


def bare(expression: str) -> str:
    """An expression without the parentheses around the whole of it."""
    if not (expression.startswith("(") and expression.endswith(")")):
        return expression
    inside = expression[1:-1]
    depth = 0
    for letter in inside:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return expression
    return inside


def figure(value: Any) -> str:
    """A number as one would write it: `2`, `0.01`; a negative one in parentheses."""
    text = re.sub(r"\.0$", "", repr(value)) if isinstance(value, float) else str(value)
    return f"({text.replace('-', '−')})" if text.startswith("-") else text


def _signed(value: Any) -> Any:
    if type(value) is int:
        return value - (1 << 64) if value >= SMALLEST_WRAPPED else value
    if type(value) is tuple:
        return tuple(_signed(each) for each in value)
    return value
