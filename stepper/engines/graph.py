"""The graph that autograd recorded: its nodes, what the values at them are called, and which event made them.

Reading a graph must not be noticed: a saved tensor that has to be unpacked by somebody's hook (checkpointing,
offloading) is left alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container, Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from stepper.engines.base import Observer
from stepper.engines.modes import look, maker

NODES = 20_000  # of one graph that are shown; beyond, only what comes to its leaves is watched
WALKED = 1_000_000  # of one graph that are looked at
LONGEST = 40  # characters of a name that is made up from other names
LEAF = "AccumulateGrad"
GRADIENT = "∂L/∂"
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_DERIVED = {
    "TBackward0": "{}ᵀ",
    "NegBackward0": "(−{})",
    "ExpBackward0": "exp({})",
    "LogBackward0": "log({})",
    "SigmoidBackward0": "sigmoid({})",
    "TanhBackward0": "tanh({})",
    "ReluBackward0": "relu({})",
    "SqrtBackward0": "sqrt({})",
    "AddBackward0": "({} + {})",
    "SubBackward0": "({} − {})",
    "MulBackward0": "({} ⊙ {})",
    "MmBackward0": "({} · {})",
}


class Seen(NamedTuple):
    """A recorded value that a graph node made."""

    label: str
    event: int | None
    copy: Any
    told: bool = False  # by an engine's own hook, under the name of a layer: a name of the script's goes before it


def is_leaf(node: Any) -> bool:
    """Whether this node adds to the `.grad` of a leaf."""
    return type(node).__name__ == LEAF


def roots_of(outputs: Iterable[Any], torch: Any) -> list[Any]:
    """The nodes that a backward pass from these tensors (or gradient edges) begins at."""
    found = []
    for output in outputs:
        if issubclass(type(output), torch.Tensor):
            node = maker(output, torch)
            if node is None and look(output, "requires_grad", torch):
                node = torch.autograd.graph.get_gradient_edge(output).node
        else:
            node = getattr(output, "node", None)
        if node is not None:
            found.append(node)
    return found


def nodes_below(roots: Iterable[Any]) -> list[Any]:
    """Every node that can be reached from the roots, the roots first; `WALKED` at most."""
    found: dict[Any, None] = dict.fromkeys(roots)
    waiting = list(found)
    while waiting and len(found) < WALKED:
        for before, _ in waiting.pop().next_functions:
            if before is not None and before not in found:
                found[before] = None
                waiting.append(before)
    return list(found)


def leaves_below(node: Any) -> Iterator[Any]:
    """The tensors that gradients which come to this node end at, one by one; of `WALKED` nodes at most."""
    met, waiting = {node}, [node]
    while waiting and len(met) < WALKED:
        last = waiting.pop()
        if is_leaf(last):
            yield last.variable
        for before, _ in last.next_functions:
            if before is not None and before not in met:
                met.add(before)
                waiting.append(before)


def nodes_so_far(torch: Any) -> int:
    """How many nodes this thread has made: the `_sequence_nr` of the next one."""
    number: int = torch._C._autograd._get_sequence_nr()
    return number


def first_to_run(nodes: list[Any], count: int) -> list[Any]:
    """The first nodes that a backward pass comes to: those made last. Without the leaves."""
    made = [node for node in nodes if not is_leaf(node)]
    return made if len(made) <= count else sorted(made, key=_made_at, reverse=True)[:count]


def _made_at(node: Any) -> int:
    number: int = node._sequence_nr()
    return number


def saved(node: Any, name: str) -> Any:
    """A tensor that `node` saved in the forward pass, as it is; None where it is gone or a hook would have to run."""
    try:
        raw = getattr(node, f"_raw_saved_{name}", None)
        if isinstance(raw, tuple):
            if len(raw) != 1 or getattr(raw[0], "unpack_hook", raw) is not None:
                return None
            return getattr(node, f"_saved_{name}")[0]
        if raw is None or getattr(raw, "unpack_hook", raw) is not None:
            return None
        return getattr(node, f"_saved_{name}")
    except RuntimeError:  # freed, or changed in place since
        return None


def unpacked_by_hooks(node: Any) -> bool:
    """Whether something that `node` saved has to be unpacked by a hook before it can be read."""
    held = (getattr(node, name, None) for name in _saved_by(node.__class__))
    flat = (each for one in held for each in (one if isinstance(one, tuple) else (one,)))
    return any(getattr(each, "unpack_hook", None) is not None for each in flat)


@lru_cache(maxsize=4096)
def _saved_by(kind: Any) -> tuple[str, ...]:
    """What the nodes of a class keep of the forward pass: the names of their attributes."""
    return tuple(name for name in dir(kind) if name.startswith("_raw_saved_"))


class Names:
    """What the values at the nodes of this record's graphs are called, and the events that made them.

    A value that no probe saw, since it was made inside a longer call, is called after what it was made of, or after
    the operation and a number (`mul_3`); the event that made it is the one whose value came to be seen next.
    Where the script gives one name to several values of a graph (`x = self.conv(x)`), they are told apart by their
    order: `x₁`, `x₂`; a value without history that bears the name as well is the plain `x` (`outside`: their labels).
    """

    def __init__(self, observer: Observer, seen: dict[tuple[Any, int], Seen], outside: Container[str]) -> None:
        self._observer = observer
        self._seen = seen
        self._outside = outside
        self._told_apart: dict[tuple[Any, int], str] = {}
        self._parts: dict[tuple[Any, int], list[tuple[str, Any]]] = {}
        self._made_up: dict[tuple[Any, int], str] = {}
        self._counts: dict[str, int] = {}
        self._numbered: set[str] = set()
        self._read: set[tuple[Any, int]] = set()  # the outputs that other nodes of the graph were made of
        self._times: list[int] = []
        self._events: list[int | None] = []

    def learn(self, nodes: list[Any]) -> None:
        """Name what the nodes made, in the order in which they made it."""
        self._read = {edge for node in nodes for edge in node.next_functions if edge[0] is not None}
        numbered = sorted(((node._sequence_nr(), place) for place, node in enumerate(nodes)), key=_time)
        order = sorted(((node._sequence_nr(), seen.event) for (node, _), seen in self._seen.items()), key=_time)
        self._times, self._events = [time for time, _ in order], [event for _, event in order]
        self._tell_apart([nodes[place] for _, place in numbered])
        for _, place in numbered:
            node = nodes[place]
            if not is_leaf(node):
                for number in range(len(node._input_metadata)):
                    self._name(node, number)

    def of(self, node: Any, number: int) -> str | None:
        """What the value that `node` made (its output `number`) is called; None for no node."""
        if node is None:
            return None
        if is_leaf(node):
            return self._observer.label_of(node.variable) or "leaf"
        return self._told_apart.get((node, number)) or self._held(node, number) or self._name(node, number)

    def is_read(self, node: Any, number: int) -> bool:
        """Whether a gradient will come to an output of a node from another."""
        return (node, number) in self._read

    def parts(self, node: Any, number: int) -> list[tuple[str, Any]]:
        """The values in a value's name that are told apart from others of their name, each with its copy."""
        name = self._told_apart.get((node, number))
        return self._parts.get((node, number), []) if name is None else [(name, self._seen[node, number].copy)]

    def _tell_apart(self, nodes: list[Any]) -> None:
        """Number the values that share a name, in the order in which they were made."""
        bearers: dict[str, list[tuple[Any, int]]] = {}
        for node in nodes:
            for number in range(len(node._input_metadata)) if not is_leaf(node) else ():
                seen = self._seen.get((node, number))
                if seen is not None:
                    bearers.setdefault(seen.label, []).append((node, number))
        latest: dict[str, tuple[int, int]] = {}
        for (node, number), seen in self._seen.items():
            latest[seen.label] = max(latest.get(seen.label, (-1, -1)), (node._sequence_nr(), number))
        for label, values in bearers.items():
            node, number = values[-1]
            lost = (node._sequence_nr(), number) != latest[label]  # another value bears the name by now
            if len(values) > 1 or lost or label in self._outside:
                for count, value in enumerate(values, 1):
                    self._told_apart[value] = label + str(count).translate(SUBSCRIPTS)

    def numbered(self, name: str) -> bool:
        """Whether this is the name of a value that no probe saw, and that is not made of such alone as were seen."""
        return name in self._numbered

    def creator(self, node: Any) -> int | None:
        """The event that made the value at this node, as far as it was seen."""
        seen = self._seen.get((node, 0))
        if seen is not None:
            return seen.event
        place = bisect_left(self._times, node._sequence_nr())
        return self._events[place] if place < len(self._events) else None

    def _held(self, node: Any, number: int) -> str | None:
        """What a value is called that has its name already."""
        if is_leaf(node):
            return self.of(node, number)
        told = self._told_apart.get((node, number))
        seen = self._seen.get((node, number))
        return told or (seen.label if seen is not None else self._made_up.get((node, number)))

    def _name(self, node: Any, number: int) -> str:
        seen = self._seen.get((node, number))
        if seen is not None:
            return seen.label
        known = self._made_up.get((node, number))
        if known is not None:
            return known
        kind = node.name()
        pattern = _DERIVED.get(kind)
        name = ""
        if pattern is not None:
            operands = [self._held(before, place) for before, place in node.next_functions if before is not None]
            if len(operands) == pattern.count("{}") and all(operands):
                name = pattern.format(*(atom(operand) for operand in operands if operand is not None))
                name = name.removesuffix("ᵀᵀ")  # turned twice
                edges = [edge for edge in node.next_functions if edge[0] is not None]
                self._parts[node, number] = [part for edge in edges for part in self.parts(*edge)]
                if any(operand in self._numbered for operand in operands):
                    self._numbered.add(name)
        if not name or len(name) > LONGEST:
            base = kind.rpartition("::")[2].rstrip("0123456789").removesuffix("Backward").lower() or "value"
            self._counts[base] = self._counts.get(base, 0) + 1
            name = f"{base}_{self._counts[base]}"
            self._numbered.add(name)
        self._made_up[node, number] = name
        return name


def _time(pair: tuple[int, Any]) -> int:
    return pair[0]


@lru_cache(maxsize=4096)
def atom(name: str) -> str:
    """A name that can stand inside a formula: one with operators in it gets parentheses."""
    depth = 0
    for letter in name:
        if letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif depth == 0 and not (letter.isalnum() or letter in "_.ᵀ'\""):
            return f"({name})"
    return name
