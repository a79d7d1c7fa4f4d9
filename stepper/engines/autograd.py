"""The engine for `loss.backward()`: gradients of leaves and of recorded intermediates, and the gates in the graph.

Hooks observe and return None: a hook on a node changes no bit. They hang on the nodes of one iteration's graph and go
when the recording ends. While it lasts, backward passes stay on the script's own thread.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from stepper.engines import masks
from stepper.engines.arrays import numpy_module
from stepper.engines.backward import Passes
from stepper.engines.base import Change, Engine, GateSeen, Observer
from stepper.engines.graph import Names, Seen, is_leaf, nodes_below, nodes_so_far, saved
from stepper.engines.layers import layer_of
from stepper.engines.modes import capturing, is_parameter, look, maker, on_one_thread, torch_module, unnoticed
from stepper.engines.names import is_text
from stepper.engines.openings import KINDS, RELU, SPELT_BY_HAND, Opening, opening_of
from stepper.engines.views import Part, changed_part, opening_in_place

# Which entries each node stops: relu and threshold by `output <= threshold`, which lets NaN pass; clamp by `h >= min`,
# which does not (torch's derivatives.yaml, threshold_backward and clamp_backward_min).
RULES = {
    "ReluBackward0": ("relu", "h <= 0"),
    "ThresholdBackward0": ("threshold", "h <= 0"),
    "ThresholdBackward1": ("threshold", "h <= 0"),
    "ClampMinBackward0": ("clamp", "not h >= 0"),
    "ClampBackward1": ("clamp", "not h >= 0"),
}
# Activations by their kind alone: of the others (a product, a store) the numbers have to be seen.
UNSEEN = frozenset(RULES) | {kind for kind in KINDS if kind.removesuffix("Backward0") not in SPELT_BY_HAND}


class AutogradEngine(Engine):
    """Watches the graph that the recorded values hang in."""

    name = "autograd"
    library = "torch"

    def __init__(self) -> None:
        self._observer: Observer | None = None
        self._seen: dict[tuple[Any, int], Seen] = {}
        self._gates: dict[Any, tuple[GateSeen, int]] = {}
        self._parts: dict[Any, Part] = {}  # of the gates that changed a view: where it lies in its base
        self._met_at: dict[int, tuple[weakref.ref[Any], tuple[Any, int]]] = {}  # by value: the node it had, the last
        self._names: Names | None = None
        self._outside: set[str] = set()  # labels of values without history
        self._bearers: dict[str, Any] = {}  # by label: the copy of the value that bears it now
        self._labels: dict[int, tuple[Any, str]] = {}  # by copy: what values without history are called
        self._results: dict[int, weakref.ref[Any]] = {}  # what an expression made, and no gradients were asked for yet
        self._begun = 0  # how many nodes the setup made

    def begins(self) -> None:
        torch = torch_module()
        self._begun = 0 if torch is None else nodes_so_far(torch)

    @contextmanager
    def recording(self, observer: Observer) -> Iterator[None]:
        torch = torch_module()
        if torch is None:
            yield
            return
        self._observer = observer
        self._names = Names(observer, self._seen, self._outside)
        earlier = range(self._begun, nodes_so_far(torch))
        watched = self._met, self._is_asked, self._arrived, self._left, self._label_of
        passes = Passes(observer, self._names, earlier, *watched)
        try:
            with on_one_thread(torch), passes.watching(torch):
                yield
        finally:
            self._seen.clear()
            self._gates.clear()
            self._parts.clear()
            self._met_at.clear()
            self._labels.clear()
            self._results.clear()
            self._bearers.clear()
            self._outside.clear()
            self._observer = self._names = None

    def peek(self, value: Any, attribute: str) -> tuple[bool, Any]:
        torch = torch_module()
        if torch is None or not issubclass(type(value), torch.Tensor):
            return False, None
        if attribute == "data":
            return True, value
        if attribute == "grad":
            return True, look(value, "grad", torch)
        return False, None

    def changes(self, value: Any, method: str) -> Iterable[Change]:
        """`.backward()` adds to the gradients of the graph's leaves."""
        torch = torch_module() if method == "backward" else None
        if torch is None or not issubclass(type(value), torch.Tensor):
            return ()
        return [Change(leaf, "grad", f"leaf{index}") for index, leaf in enumerate(leaves(value, torch))]

    def seen(self, value: Any, label: str, event: int | None, copy: Any) -> None:
        torch = torch_module()
        observer = self._observer
        if torch is None or observer is None or not issubclass(type(value), torch.Tensor):
            return
        if torch.cuda._initialized and capturing(torch):
            return
        if copy is not None:
            self._bearers[label] = copy
            if id(copy) not in self._labels:
                self._labels[id(copy)] = (copy, label)
        if not look(value, "requires_grad", torch) or torch._C._functorch.is_functorch_wrapped_tensor(value):
            self._outside.add(label)
            if "(" in label:
                self._results[id(value)] = weakref.ref(value)
            return
        node = maker(value, torch)
        if node is None:
            self._outside.add(label)
            made = self._results.get(id(value))
            base = look(value, "_base", torch)
            if base is not None and look(base, "requires_grad", torch):
                return  # a slice of a parameter, taken under `no_grad`
            if made is None or made() is not value:  # `(x + noise).requires_grad_()` is an input
                observer.parameter(label, value, declared=is_parameter(value, torch))
            return
        key = (node, look(value, "output_nr", torch))
        known = self._seen.get(key)
        held = self._met_at.get(id(value))
        earlier = held[1] if held is not None and held[0]() is value else None
        if earlier != key:
            self._met_at[id(value)] = (weakref.ref(value), key)
        if known is not None:
            # The script's own text says more than the path of a layer; a parameter of the function that it is handed to
            # says less.
            path = known.told or ("." in known.label and "(" not in known.label)
            if path and (label.isidentifier() or "(" in label):
                self._seen[key] = Seen(label, known.event, known.copy, event is None)
            return
        self._seen[key] = Seen(label, event if event is not None else observer.current(), copy, event is None)
        part = None if earlier is None else changed_part(value, node, torch)
        if part is not None and earlier is not None:
            self._look_for_gate_in_place(part, self._seen[earlier], self._seen[key])
        self._look_for_gate(node, self._seen[key], torch)

    def bound(self, value: Any, name: str, copy: Any) -> None:
        """The script's name says more than the text of what made it: `outputs` than `self.fc2(h)`."""
        torch = torch_module()
        if torch is None or not issubclass(type(value), torch.Tensor):
            return
        key = (maker(value, torch), look(value, "output_nr", torch))
        known, held = self._seen.get(key), self._labels.get(id(copy))
        if known is not None and is_text(known.label):
            self._seen[key] = known._replace(label=name)
        if held is not None and is_text(held[1]):
            self._labels[id(copy)] = (held[0], name)

    def _label_of(self, copy: Any) -> tuple[str, bool] | None:
        """What the value of a copy was called when it was first seen, and whether no other bears that name since."""
        held = self._labels.get(id(copy))
        return None if held is None else (held[1], self._bearers.get(held[1]) is copy)

    def _is_asked(self, node: Any) -> bool:
        """Whether a node made a value that is recorded, or a gate's output: its gradient belongs to that."""
        return node in self._gates or any((node, number) in self._seen for number in range(len(node._input_metadata)))

    def _met(self, nodes: list[Any]) -> None:
        """A pass is about to run: look for the gates among what no probe saw (in a lambda, in an imported file)."""
        names, torch = self._names, torch_module()
        for node in nodes:
            kind = node.name()
            if names is None or kind not in UNSEEN or node in self._gates or (node, 0) in self._seen:
                continue
            result = saved(node, "result")
            copy = self._observer.keep(result) if result is not None and self._observer is not None else None
            out = Seen(names.of(node, 0) or kind, names.creator(node), copy)
            self._look_for_gate(node, out, torch)

    def _arrived(self, node: Any, copies: list[Any], inside: int) -> None:
        """Gradients have come to a node: they are those of the values it made."""
        observer = self._observer
        if observer is None:
            return
        for number, copy in enumerate(copies):
            seen = self._seen.get((node, number))
            if seen is not None and copy is not None:
                observer.contributed(self.name)
                name = (self._names.of(node, number) if self._names is not None else None) or seen.label
                observer.add(gradient_label(name), "gradient", "after", copy, inside)
        gate = self._gates.get(node)
        if gate is not None and copies:
            gate[0].before = self._of_part(node, copies[0])
            made = self._seen.get((node, 0))
            gate[0].before_label = gradient_label(made.label) if made is not None else ""

    def _left(self, node: Any, copies: list[Any]) -> None:
        """Gradients leave a node."""
        gate = self._gates.get(node)
        if gate is not None and gate[1] < len(copies):
            gate[0].after = self._of_part(node, copies[gate[1]])
            gate[0].after_label = gradient_label(gate[0].label)

    def _of_part(self, node: Any, copy: Any) -> Any:
        """The gradient of the part of a base that a gate changed, where it changed one; else the gradient itself."""
        part = self._parts.get(node)
        if part is None or copy is None or copy.gone or self._observer is None:
            return copy if part is None else None
        return self._observer.keep(part.of(copy.kept.at_home))

    # --------------------------------------------------------------------------------------------------- the gates

    def _look_for_gate(self, node: Any, out: Seen, torch: Any) -> None:
        """Report a gate where this node is one, and fill its gradients in when the backward pass comes to it."""
        observer = self._observer
        name = node.name()
        custom = isinstance(node, torch.autograd.function.BackwardCFunction)
        if custom and observer is not None:
            observer.contributed("function")
        if observer is None or node in self._gates:
            return
        hard = custom or (name in RULES and _cuts_at_zero(node, name))
        opening = None if hard else opening_of(node, name)
        if not hard and opening is None:
            # One that cuts elsewhere: none of its few numbers may lie between there and zero
            if out.copy is not None and (name in RULES or name == "HardshrinkBackward0"):
                observer.no_gate(out.copy)
            return
        place, h = self._input_of(node, custom, out, torch)
        by_hand = custom or (opening is not None and opening.share is None)
        if h is None or h.copy is None or (by_hand and not _is_relu(h.copy, out.copy)):
            return
        op, rule = RULES.get(name, (getattr(type(node), "_forward_cls", type(node)).__name__, "by hand"))
        if opening is not None:
            op = opening.op
        gate = GateSeen(h.label, op, out.event if out.event is not None else 0, h.copy, rule)
        gate.out = out.copy
        if opening is not None:
            gate.soft, gate.share = opening.soft, _sharing(opening)
        before, number = node.next_functions[place]
        gate.layer = layer_of(before, number) if before is not None else None
        self._gates[node] = (gate, place)
        observer.gate(gate)

    def _look_for_gate_in_place(self, part: Part, h: Seen, out: Seen) -> None:
        """Report a gate where an activation changed a view: its node is hidden, so that its numbers have to tell."""
        observer = self._observer
        if (
            observer is None
            or part.node in self._gates
            or any(each is None or each.gone for each in (h.copy, out.copy))
        ):
            return
        hard = _is_relu(h.copy, out.copy)
        laid = part.laid_out
        opening = RELU if hard else opening_in_place(laid(h.copy.kept.at_home), laid(out.copy.kept.at_home))
        if opening is None:
            return
        gate = GateSeen(h.label, opening.op, out.event if out.event is not None else 0, h.copy, "h <= 0")
        gate.out = out.copy
        gate.soft, gate.share = opening.soft, None if hard else _sharing(opening)
        before, number = part.node.next_functions[0]
        layer = layer_of(before, number) if before is not None else None
        if layer is not None and (
            part.base_shape == part.shape or (layer.axis, part.base_shape[-1]) == (-1, part.shape[-1])
        ):
            gate.layer = layer
        self._gates[part.node] = (gate, 0)
        self._parts[part.node] = part
        observer.gate(gate)

    def _input_of(self, node: Any, custom: bool, out: Seen, torch: Any) -> tuple[int, Seen | None]:
        """The place of h among the node's inputs, and h as it was recorded (or as the node saved it)."""
        observer = self._observer
        for place, (before, number) in enumerate(node.next_functions):
            if before is None:
                continue
            seen = self._seen.get((before, number))
            if seen is not None:
                return place, seen
            if is_leaf(before) and observer is not None:
                leaf = before.variable
                return place, Seen(observer.label_of(leaf) or "leaf", None, observer.keep(leaf))
            kept = None if custom else saved(node, "self")
            if kept is not None and observer is not None:
                return place, Seen(f"input of {out.label}", None, observer.keep(kept))
            if node.name() == "ReluBackward0" and out.copy is not None:  # it keeps no more, and the mask needs no more
                return place, Seen(f"positive part of the input of {out.label}", None, out.copy)
        return 0, None


def leaves(value: Any, torch: Any) -> list[Any]:
    """The tensors whose `.grad` a backward pass from `value` adds to, in the order the graph is walked."""
    root = maker(value, torch)
    if root is None:
        return [value] if look(value, "requires_grad", torch) else []
    found = {id(node.variable): node.variable for node in nodes_below([root]) if is_leaf(node)}
    return list(found.values())[::-1]


@lru_cache(maxsize=4096)
def gradient_label(label: str) -> str:
    """What the gradient of a value is called: `y_pred.grad`, `x.mm(w1).grad`, `(y_pred - y).grad`."""
    bare = re.sub(r"\([^()]*\)|\[[^\[\]]*\]", "", label)
    while bare != (bare := re.sub(r"\([^()]*\)|\[[^\[\]]*\]", "", bare)):
        continue
    return f"({label}).grad" if re.search(r"[^\w.]", bare) else f"{label}.grad"


def _sharing(opening: Opening) -> Callable[[Any], Any]:
    """The shares that an activation passes, of a kept h."""

    def share(kept: Any) -> Any:
        return opening.at(kept.at_home)

    return share


def _cuts_at_zero(node: Any, name: str) -> bool:
    if name in ("ClampMinBackward0", "ClampBackward1"):
        return node._saved_min == 0 and getattr(node, "_saved_max", None) is None
    if name in ("ThresholdBackward0", "ThresholdBackward1"):
        return bool(node._saved_threshold == 0)
    return True


def _is_relu(h: Any, out: Any) -> bool:
    """Whether a user's own operation computed max(h, 0), to the bit."""
    if h is None or out is None or h.gone or out.gone:
        return False
    numpy = numpy_module()
    with numpy.errstate(all="ignore"), unnoticed():
        before, after = masks.alike(h, out)
        if before.shape != after.shape or masks.kind(before) != "f":
            return False
        return masks.is_cut(before, after) and bool((before < 0).any())
