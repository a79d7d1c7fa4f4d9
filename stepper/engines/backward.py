"""Inside a backward pass: an event for each node of the graph that runs, with the gradients that come in and go out.

Every pass, whoever asks for it, goes through one function of torch's Python side. While an iteration is recorded that
function is preceded by ours, which hangs a pair of hooks on each node that the pass can come to. Hooks return None and
keep copies: they change no bit. They go when the recording ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from stepper.engines.base import Observer
from stepper.engines.derivatives import RULES
from stepper.engines.formulas import CALLED, figure, formula
from stepper.engines.graph import GRADIENT, LEAF, NODES, Names, atom, first_to_run, is_leaf, nodes_below, roots_of
from stepper.engines.modes import PASSED_OVER, capturing, look, torch_module
from stepper.record import Backward, Contribution, Flow, When

SPELT = 8  # uses of a parameter that are listed one by one
# Nodes that give their one input's gradient another form and nothing else: what lies between a parameter and its uses
PASSING_ON = frozenset(
    [
        "TBackward0",
        "TransposeBackward0",
        "PermuteBackward0",
        "ViewBackward0",
        "ReshapeAliasBackward0",
        "UnsafeViewBackward0",
        "UnsqueezeBackward0",
        "ExpandBackward0",
        "CloneBackward0",
        "ToCopyBackward0",
    ]
)


class Watched:
    """One node while the recording lasts. `outputs` and `inputs` are what the values at it are called.

    `operands` are values that its formula names and that nothing else shows.
    """

    __slots__ = ("chain", "copies", "creator", "event", "formula", "inputs", "name", "operands", "outputs", "previous")

    def __init__(self, name: str) -> None:
        self.name = name
        self.outputs: list[str] = []
        self.inputs: list[str | None] = []
        self.creator: int | None = None
        self.chain = ""  # the formula as it is where a gradient comes to every output
        self.formula = ""
        self.operands: dict[str, Any] = {}
        self.event: int | None = None
        self.copies: list[Any] = []
        self.previous: Any = None


class Pass:
    """One backward pass: `number` counts the calls of this recording, `inside` is the event that asked for it.

    `wanted` are the leaves whose `.grad` it adds to (None: all, or none where it does not `accumulate`). `uses` counts
    the edges that have come to each leaf, `arrivals` what came to each node that only passes a gradient on, `behind`
    are those that a gradient came to through what an earlier iteration made. `whole`: all its nodes are watched; else
    what each use adds is not told, since it would not be all that is added.
    """

    def __init__(self, number: int, inside: int, accumulate: bool, wanted: list[Any] | None, whole: bool) -> None:
        self.number = number
        self.inside = inside
        self.uses: dict[Any, int] = {}
        self.arrivals: dict[Any, list[tuple[Any, Any]]] = {}
        self.behind: set[Any] = set()
        self.accumulate = accumulate
        self.whole = whole
        self._wanted = wanted

    def adds_to(self, leaf: Any) -> bool:
        """Whether this pass adds to the gradient of this leaf."""
        return self.accumulate and (self._wanted is None or any(leaf.variable is each for each in self._wanted))


class Passes:
    """Watches the backward passes of one recording.

    `earlier` are the numbers of the nodes that earlier iterations made.
    `met` is told of the nodes that are to be shown, before a pass runs; `asked` says of which nodes the gradients are
    wanted, shown or not. `arrived` is told of the gradients that come to a node
    (the node, their copies, the event of the pass), `left` of those that leave it. `known` says what the value of a
    kept copy is called, and whether it still is.
    """

    def __init__(
        self,
        observer: Observer,
        names: Names,
        earlier: range,
        met: Callable[[list[Any]], None],
        asked: Callable[[Any], bool],
        arrived: Callable[[Any, list[Any], int], None],
        left: Callable[[Any, list[Any]], None],
        known: Callable[[Any], tuple[str, bool] | None],
    ) -> None:
        self._observer = observer
        self._names = names
        self._earlier = earlier
        self._met = met
        self._asked = asked
        self._arrived = arrived
        self._left = left
        self._known = known
        self._handles: list[Any] = []
        self._watched: dict[Any, Watched] = {}
        self._pass: Pass | None = None
        self._count = 0

    @contextmanager
    def watching(self, torch: Any) -> Iterator[None]:
        """While this lasts, backward passes of the script's thread are watched; then every hook is removed."""
        autograd = torch.autograd
        engine: Any = getattr(autograd, "_engine_run_backward", None)

        def run(outputs: Any, *arguments: Any, **keywords: Any) -> Any:
            outer = self._pass
            inputs = tuple(arguments[3]) if len(arguments) > 3 else ()
            self._begin(outputs, bool(keywords.get("accumulate_grad")), inputs, torch)
            begun = self._pass if self._pass is not outer else None
            try:
                gradients = engine(outputs, *arguments, **keywords)
                if begun is not None and not begun.accumulate:
                    self._give_back(begun, inputs, gradients, torch)
                return gradients
            finally:
                self._pass = outer

        if engine is not None:  # a warning from a hook or a backward of the script's looks for a caller beyond it
            run.__code__ = run.__code__.replace(co_filename=PASSED_OVER)
            autograd._engine_run_backward = run
        try:
            yield
        finally:
            if engine is not None and autograd._engine_run_backward is run:
                autograd._engine_run_backward = engine
            for handle in self._handles:
                handle.remove()
            self._handles.clear()
            self._watched.clear()

    def _begin(self, outputs: Any, accumulate: bool, inputs: Any, torch: Any) -> None:
        """A pass is about to run: hang hooks on what it can come to."""
        try:
            inside = self._observer.current()
            if inside is None:
                return
            if torch._C._are_functorch_transforms_active() or torch._C._get_tracing_state():
                self._observer.remark(inside, "gradients are taken inside torch.func or a tracer: that cannot be shown")
                return
            if capturing(torch):
                self._observer.remark(inside, "gradients are captured in a CUDA graph: that cannot be shown")
                return
            self._count += 1
            nodes, room = nodes_below(roots_of(outputs, torch)), min(NODES, self._observer.room())
            whole = len(nodes) <= room
            self._pass = Pass(self._count, inside, accumulate, list(inputs) or None, whole)
            for node in self._learn(nodes) if whole else self._first(nodes, room, inside):
                watched = self._watched.get(node)
                if watched is None:
                    self._watch(node)
                elif watched.event is None:  # of a graph that is gone through again; by now more may bear a name
                    self._describe(node, watched)
        except Exception as error:
            self._observer.fault(error)

    def _learn(self, nodes: list[Any]) -> list[Any]:
        self._names.learn(nodes)
        self._met(nodes)
        return nodes

    def _first(self, nodes: list[Any], room: int, inside: int) -> list[Any]:
        """What to watch of a graph that there is no room for: the nodes that the pass comes to first, those whose
        gradients are wanted, and the leaves. Where nothing is written down any more, these only."""
        leaves = [node for node in nodes if is_leaf(node)]
        if not room:
            return leaves
        told = f"the graph is larger than can be shown: of its {len(nodes):,} nodes the first {room:,} are"
        self._observer.remark(inside, f"{told}, and not what each use of a parameter adds to its gradient")
        shown = first_to_run(nodes, room)
        return [*self._learn(list(dict.fromkeys([*shown, *filter(self._asked, nodes)]))), *leaves]

    def _give_back(self, running: Pass, inputs: tuple[Any, ...], gradients: Any, torch: Any) -> None:
        """A pass that adds to no `.grad` is over (`torch.autograd.grad`): the script is given the gradients."""
        observer = self._observer
        try:
            shared = []
            for source, gradient in zip(inputs, gradients, strict=False):
                whole = issubclass(type(source), torch.Tensor)
                edge = torch.autograd.graph.get_gradient_edge(source) if whole else source
                name = self._names.of(edge.node, edge.output_nr)
                if gradient is None or not name:
                    continue
                observer.add(GRADIENT + atom(name), "gradient", "result", observer.keep(gradient), running.inside)
                uses = running.uses.get(edge.node, 0)
                if uses > 1:
                    shared.append(f"{GRADIENT}{atom(name)} is the sum of {uses} uses")
                if is_leaf(edge.node):
                    observer.returned_gradient(edge.node.variable, gradient)
            told = "the gradients are returned, and added to no .grad"
            observer.remark(running.inside, "; ".join([told, *shared]))
        except Exception as error:
            observer.fault(error)

    def _watch(self, node: Any) -> None:
        watched = self._watched[node] = Watched(LEAF if is_leaf(node) else node.name())
        self._describe(node, watched)
        observer = self._observer

        def before(gradients: tuple[Any, ...]) -> None:
            try:
                self._arrive(node, watched, gradients)
            except Exception as error:
                observer.fault(error)

        def after(gradients_in: tuple[Any, ...], gradients_out: tuple[Any, ...]) -> None:
            try:
                self._leave(node, watched, gradients_in)
            except Exception as error:
                observer.fault(error)

        self._handles.append(node.register_prehook(before))
        self._handles.append(node.register_hook(after))

    def _describe(self, node: Any, watched: Watched) -> None:
        """Say what the values at a node are called, and how gradients leave it."""
        of = self._names.of
        if is_leaf(node):
            watched.outputs = [of(node, 0) or "leaf"]
            return
        watched.outputs = [of(node, number) or "" for number in range(len(node._input_metadata))]
        watched.inputs = [of(before, number) for before, number in node.next_functions]
        watched.creator = self._names.creator(node)
        watched.operands = {}
        try:
            watched.chain = watched.formula = self._formula(node, watched)
        except Exception as error:
            self._observer.fault(error)  # its line is missing then; what came and went is recorded all the same

    def _formula(self, node: Any, watched: Watched) -> str:
        """The chain rule at a node. Called before the pass, since what the node saved is gone after it."""

        def recall(tensor: Any, name: str) -> str | None:
            copy = self._observer.keep(tensor)
            if copy is None:
                return None
            known = self._known(copy)
            if known is not None:
                label, current = known
                if not current:
                    watched.operands[label] = copy
                return label
            if tensor.ndim == 0 and name.startswith(tuple(f"{called} of" for called in CALLED.values())):
                return figure(tensor.item())
            watched.operands[name] = copy
            return name

        return formula(node, RULES.get(watched.name), self._names, recall, watched.operands.__setitem__)

    def _arrive(self, node: Any, watched: Watched, gradients: tuple[Any, ...]) -> None:
        observer, running = self._observer, self._pass
        if running is None:
            return
        keep = observer.keep
        watched.copies = copies = [None if gradient is None else keep(gradient) for gradient in gradients]
        self._arrived(node, copies, running.inside)
        if watched.name == LEAF:
            watched.previous = self._gradient_of(node)
            watched.formula = self._sum(node, watched, running)
        elif len(gradients) > 1:
            watched.formula = _with_zeros(watched, node, gradients)
        text = watched.formula.replace("\n", "; ") or watched.name
        watched.event = observer.begin("backward", text, watched.name, running.inside)
        if watched.name == LEAF and node not in running.uses:  # the pass began here, with a gradient of the caller's
            self._contribute(running, node, None, copies[0], watched.outputs[0])

    def _leave(self, node: Any, watched: Watched, gradients: tuple[Any, ...]) -> None:
        observer, event = self._observer, watched.event
        copies = [None if gradient is None else observer.keep(gradient) for gradient in gradients]
        self._left(node, copies)
        after = self._gradient_of(node) if watched.name == LEAF else None
        if watched.name == LEAF and self._pass is not None and self._pass.adds_to(node):
            observer.arrived_gradient(node.variable, after)
        earlier = self._is_earlier(node, copies)
        if event is None:
            return
        watched.event = None
        flows_in: list[Flow] = []
        flows_out: list[Flow] = []

        def flow(into: list[Flow], target: str, label: str, when: When, copy: Any) -> None:
            place = observer.add(label, "gradient", when, copy, event)
            if place is not None:
                into.append(Flow(target, place))

        for name, copy in zip(watched.outputs, watched.copies, strict=False):
            flow(flows_in, name, GRADIENT + atom(name), "operand", copy)
        for target, copy in zip(watched.inputs, copies, strict=False):
            if target is not None:
                flow(flows_out, target, GRADIENT + atom(target), "result", copy)
        if watched.name == LEAF:
            name = f"{watched.outputs[0]}.grad"
            flow(flows_out, name, name, "after", after)
            if watched.previous is not None:
                observer.add(name, "gradient", "before", watched.previous, event)
        elif self._pass is not None:
            self._pass_on(self._pass, node, watched, copies)
        for name, copy in watched.operands.items():
            observer.add(name, "other", "operand", copy, event)
        watched.copies, watched.previous = [], None
        formula = _of_what_left(watched, copies)
        creator = None if earlier else watched.creator  # an event of another record
        observer.tell(event, Backward(watched.name, creator, flows_in, flows_out, formula, earlier))
        observer.end(event)

    def _is_earlier(self, node: Any, copies: list[Any]) -> bool:
        """Whether an earlier iteration made this node, or one that a gradient came to it through: so it is, then, with
        those that it hands gradients to."""
        running = self._pass
        if running is None or is_leaf(node):
            return False
        # A view of a leaf has a new node since the leaf's last update, and moves with it.
        view = node.name() == "AsStridedBackward0" and is_leaf(node.next_functions[0][0])
        if node not in running.behind and (view or node._sequence_nr() not in self._earlier):
            return False
        running.behind.update(
            before
            for (before, _), copy in zip(node.next_functions, copies, strict=False)
            if before is not None and copy is not None
        )
        return True

    def _sum(self, leaf: Any, watched: Watched, running: Pass) -> str:
        """What happens at a leaf, in words: `w.grad = use 1`, or, where it held something before, `w.grad += use 1`."""
        name = f"{watched.outputs[0]}.grad"
        if not running.adds_to(leaf):
            return f"{name} stays as it is"
        uses = running.uses.get(leaf, 0)
        if not running.whole:
            return f"{name} {'=' if watched.previous is None else '+='} what came of all its uses"
        parts = [f"use {use}" for use in range(1, uses + 1)] if uses <= SPELT else [f"{uses} uses"]
        told = f"{name} {'=' if watched.previous is None else '+='} {' + '.join(parts or ['what the caller gave'])}"
        variable = leaf.variable
        if any(look(variable, hooks, torch_module()) for hooks in ("_backward_hooks", "_post_accumulate_grad_hooks")):
            told += f" — as a hook on {watched.outputs[0]} changed it"
        return told

    def _pass_on(self, running: Pass, node: Any, watched: Watched, copies: list[Any]) -> None:
        """Gradients go to the nodes before this one; those that come to a leaf are contributions."""
        for (before, _), copy, name in zip(node.next_functions, copies, watched.inputs, strict=False):
            if before is None or copy is None:
                continue
            if is_leaf(before):
                self._contribute(running, before, node, copy, name or "leaf")
            elif before.name() in PASSING_ON:
                running.arrivals.setdefault(before, []).append((node, copy))

    def _contribute(self, running: Pass, leaf: Any, source: Any, copy: Any, name: str) -> None:
        use = running.uses[leaf] = running.uses.get(leaf, 0) + 1
        if copy is None or not running.whole or not running.adds_to(leaf):
            return
        event = self._contribution(name, use, running.number, copy)
        arrivals = running.arrivals.get(source, [])
        while len(arrivals) == 1 and arrivals[0][0] in running.arrivals:
            source, arrivals = arrivals[0][0], running.arrivals[arrivals[0][0]]
        if len(arrivals) > 1:
            shared = self._names.of(source, 0) or name
            for part, (_, other) in enumerate(arrivals, 1):
                self._observer.end(self._contribution(shared, part, running.number, other))
        self._observer.end(event)

    def _contribution(self, name: str, use: int, number: int, copy: Any) -> int | None:
        event = self._observer.begin("contribution", f"use {use} of {name}")
        if event is not None:
            self._observer.add(GRADIENT + atom(name), "gradient", "result", copy, event)
            self._observer.tell(event, Contribution(name, use, number))
        return event

    def _gradient_of(self, leaf: Any) -> Any:
        """A copy of what a leaf's `.grad` holds now; None where it is empty."""
        held = look(leaf.variable, "grad", torch_module())
        return None if held is None else self._observer.keep(held)


def _with_zeros(watched: Watched, node: Any, gradients: tuple[Any, ...]) -> str:
    """The formula of a node of several outputs, with zeros for those that no gradient came to."""
    formula = watched.chain
    for number, (name, gradient) in enumerate(zip(watched.outputs, gradients, strict=False)):
        if gradient is None:
            zeros = f"zeros({tuple(node._input_metadata[number].shape)})"
            formula = re.sub(re.escape(GRADIENT + atom(name)) + r"(?![\w.\[(])", zeros, formula)
    return formula


def _of_what_left(watched: Watched, copies: list[Any]) -> str:
    """The lines for the gradients that did leave a node: a pass to some tensors only leaves others out."""
    lines = watched.formula.split("\n")
    sources = [place for place, name in enumerate(watched.inputs) if name is not None]
    if len(lines) != len(sources) or all(place < len(copies) and copies[place] is not None for place in sources):
        return watched.formula
    kept = [
        line for line, place in zip(lines, sources, strict=True) if place < len(copies) and copies[place] is not None
    ]
    return "\n".join(kept)
