"""Inside a backward pass: an event for each node of the graph that runs, with the gradients that come in and go out.

Every pass, whoever asks for it, goes through one function of torch's Python side. While an iteration is recorded that
function is preceded by ours, which hangs a pair of hooks on each node that the pass can come to. Hooks return None and
keep copies: they change no bit. They go when the recording ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from stepper.engines.base import Observer
from stepper.engines.graph import LEAF, Names, atom, is_leaf, nodes_below, roots_of
from stepper.engines.modes import look, torch_module
from stepper.record import Backward, Flow

GRADIENT = "∂L/∂"


class Watched:
    """One node while the recording lasts. `outputs` and `inputs` are what the values at it are called."""

    __slots__ = ("copies", "creator", "event", "inputs", "name", "outputs", "previous")

    def __init__(self, name: str, outputs: list[str], inputs: list[str | None], creator: int | None) -> None:
        self.name = name
        self.outputs = outputs
        self.inputs = inputs
        self.creator = creator
        self.event: int | None = None
        self.copies: list[Any] = []
        self.previous: Any = None


class Passes:
    """Watches the backward passes of one recording.

    `arrived` is told of the gradients that come to a node (the node, their copies, the event of the pass), `left` of
    those that leave it.
    """

    def __init__(
        self,
        observer: Observer,
        names: Names,
        arrived: Callable[[Any, list[Any], int], None],
        left: Callable[[Any, list[Any]], None],
    ) -> None:
        self._observer = observer
        self._names = names
        self._arrived = arrived
        self._left = left
        self._handles: list[Any] = []
        self._watched: dict[Any, Watched] = {}
        self._inside: int | None = None

    @contextmanager
    def watching(self, torch: Any) -> Iterator[None]:
        """While this lasts, backward passes of the script's thread are watched; then every hook is removed."""
        autograd = torch.autograd
        engine: Any = getattr(autograd, "_engine_run_backward", None)

        def run(outputs: Any, *arguments: Any, **keywords: Any) -> Any:
            outer = self._inside
            self._begin(outputs, torch)
            try:
                return engine(outputs, *arguments, **keywords)
            finally:
                self._inside = outer

        if engine is not None:
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

    def _begin(self, outputs: Any, torch: Any) -> None:
        """A pass is about to run: hang hooks on what it can come to."""
        try:
            inside = self._observer.current()
            if inside is None or torch._C._are_functorch_transforms_active() or torch._C._get_tracing_state():
                return
            self._inside = inside
            nodes = nodes_below(roots_of(outputs, torch))
            self._names.learn(nodes)
            for node in nodes:
                if node not in self._watched:
                    self._watch(node)
        except Exception as error:
            self._observer.fault(error)

    def _watch(self, node: Any) -> None:
        of = self._names.of
        if is_leaf(node):
            watched = Watched(LEAF, [of(node, 0) or "leaf"], [], None)
        else:
            outputs = [of(node, number) or "" for number in range(len(node._input_metadata))]
            inputs = [of(before, number) for before, number in node.next_functions]
            watched = Watched(node.name(), outputs, inputs, self._names.creator(node))
        self._watched[node] = watched
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

    def _arrive(self, node: Any, watched: Watched, gradients: tuple[Any, ...]) -> None:
        observer, inside = self._observer, self._inside
        if inside is None:
            return
        keep = observer.keep
        watched.copies = copies = [None if gradient is None else keep(gradient) for gradient in gradients]
        self._arrived(node, copies, inside)
        watched.event = observer.begin("backward", watched.name, watched.name, inside)
        if is_leaf(node):
            watched.previous = self._gradient_of(node)

    def _leave(self, node: Any, watched: Watched, gradients: tuple[Any, ...]) -> None:
        observer, event = self._observer, watched.event
        copies = [None if gradient is None else observer.keep(gradient) for gradient in gradients]
        self._left(node, copies)
        if event is None:
            return
        watched.event = None
        flows_in: list[Flow] = []
        for name, copy in zip(watched.outputs, watched.copies, strict=False):
            if copy is not None:
                observer.add(GRADIENT + atom(name), "gradient", "operand", copy, event)
                flows_in.append(Flow(name, len(flows_in)))
        flows_out: list[Flow] = []
        for target, copy in zip(watched.inputs, copies, strict=False):
            if copy is not None and target is not None:
                observer.add(GRADIENT + atom(target), "gradient", "result", copy, event)
                flows_out.append(Flow(target, len(flows_in) + len(flows_out)))
        if is_leaf(node):
            name = f"{watched.outputs[0]}.grad"
            after = self._gradient_of(node)
            if after is not None:
                observer.add(name, "gradient", "after", after, event)
                flows_out.append(Flow(name, len(flows_in)))
            if watched.previous is not None:
                observer.add(name, "gradient", "before", watched.previous, event)
        watched.copies, watched.previous = [], None
        observer.tell(event, Backward(watched.name, watched.creator, flows_in, flows_out))
        observer.end(event)

    def _gradient_of(self, leaf: Any) -> Any:
        """A copy of what a leaf's `.grad` holds now; None where it is empty."""
        held = look(leaf.variable, "grad", torch_module())
        return None if held is None else self._observer.keep(held)
