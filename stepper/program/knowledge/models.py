"""Which calls are a model's and which the loss's: in `loss = criterion(net(x), y)` one is forward, the other is not.

A function belongs to a model when it uses parameters or layers that are no argument of its own; to the loss when what
it returns is the loss, or when it is called one. Knows the data flow of one pass.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property

from stepper.program.flow.effects import FIELD, Place
from stepper.program.flow.flow import Flow
from stepper.program.flow.walk import Walker
from stepper.program.syntax import FUNCTIONS, Function
from stepper.program.vocabulary import names_criterion, names_loss


class Models:
    """The functions of models and losses among those that a pass follows, and the calls of models inside a loss."""

    def __init__(self, walker: Walker, flow: Flow) -> None:
        self._walker = walker
        self._script = walker.script
        self._flow = flow
        self._functions = [f for f in flow.run.functions if isinstance(f, FUNCTIONS)]
        self._losses = {id(d.node) for d in flow.loss_definitions}
        self._direct = self._stateful()
        self._using = self._calling(self._direct)
        self.of_losses = self._loss_functions()

    def is_model(self, function: Function) -> bool:
        """Whether a function uses parameters or layers, and is not called a loss."""
        return id(function) in self._using and not self._is_called_loss(function)

    @cached_property
    def criteria(self) -> frozenset[str]:
        """The names of the script's classes whose objects, when they are called, compute the loss."""
        classes = (self._script.class_of(f) for f in self.of_losses if f.name in ("forward", "__call__"))
        return frozenset(cls.name for cls in classes if cls is not None)

    def calls_in(self, node: ast.AST) -> Iterator[ast.Call]:
        """The calls of models in a statement or expression that computes a loss, the outermost ones."""
        direct: set[int] = set()
        if isinstance(node, (ast.Return, ast.Expr)) or id(node) in self._losses:
            direct = {id(call) for part in ast.iter_child_nodes(node) for call in _direct(part)}
        waiting = [node]
        while waiting:
            part = waiting.pop()
            if isinstance(part, ast.Call) and self._is_models(part, id(part) in direct):
                yield part
            elif not isinstance(part, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
                waiting += ast.iter_child_nodes(part)

    def is_call(self, node: ast.expr) -> bool:
        """Whether an expression is the call of a library's model."""
        return isinstance(node, ast.Call) and self._is_models(node, False)

    def serves_model(self, function: Function, calls: set[int]) -> bool:
        """Whether a function is only called in the arguments of these calls of models: `encoder(augment(x))`."""
        sites = {call for call, entered in self._flow.run.entered.items() if function in entered}
        return bool(sites) and sites <= calls

    def uses_model(self, node: ast.AST) -> bool:
        """Whether a statement calls a model, or hands one on to be called (`map(model, inputs)`)."""
        if any(self.calls_in(node)):
            return True
        calls = (part for part in ast.walk(node) if isinstance(part, ast.Call))
        return any(isinstance(given, ast.Name) and self._is_layer(given) for call in calls for given in call.args)

    # ------------------------------------------------------------------------------------------------- inner work

    def _is_models(self, call: ast.Call, is_value: bool) -> bool:
        entered = [f for f in self._flow.run.entered.get(id(call), ()) if isinstance(f, FUNCTIONS)]
        if entered:
            return (all if is_value else any)(self.is_model(f) for f in entered)
        if is_value or not isinstance(call.func, (ast.Name, ast.Attribute, ast.Subscript)):
            return False
        return self._is_layer(call.func)

    def _is_layer(self, node: ast.expr) -> bool:
        """Whether a name or attribute holds something that is called and is no criterion: a library's model."""
        if isinstance(node, ast.Subscript):
            node = node.value
        place = self._walker.place_of(self._script.scope_around(node), node)
        if place is None or place not in self._flow.run.called:
            return False
        return not names_criterion(place[1]) and not any(map(names_criterion, self._makers(place)))

    def _makers(self, place: Place) -> list[str]:
        """The last names of what makes the objects that a place holds: `MSELoss` of `nn.MSELoss()`."""
        calls = [call.func for _, call in self._walker.constructions.get(place[1], [])]
        return [getattr(f, "attr", getattr(f, "id", "")) for f in calls]

    def _stateful(self) -> set[int]:
        """The functions that themselves read a parameter, or a layer that an object keeps."""
        layers = {place for place in self._walker.constructed() if self._is_torch_layer(place)}
        arrays = self._flow.parameters - self._flow.run.called  # a model is called
        return {
            id(function)
            for function in self._functions
            if any(
                d.place in arrays | layers if d.kind == "start" else bool(d.roots & arrays)
                for d in self._flow.run.reads.get(id(function), ())
            )
        }

    def _calling(self, functions: set[int]) -> set[int]:
        """These, and the functions that call them, by however many others."""
        found = set(functions)
        entered = self._flow.run.entered
        calls = {
            id(function): {id(other) for part in ast.walk(function) for other in entered.get(id(part), ())}
            for function in self._functions
        }
        while more := {key for key, inner in calls.items() if key not in found and inner & found}:
            found |= more
        return found

    def _is_torch_layer(self, place: Place) -> bool:
        """Whether an attribute holds a layer or parameter of torch's: `self.fc = nn.Linear(3, 4)`."""
        made = self._walker.constructions.get(place[1], [])
        names = [self._script.dotted(call.func) for _, call in made]
        return (
            place[0] == FIELD
            and bool(names)
            and all(name.startswith("torch.nn.") and not names_loss(name) for name in names)
        )

    def _is_called_loss(self, function: Function) -> bool:
        cls = self._script.class_of(function)
        return names_loss(function.name) or (
            cls is not None and names_loss(cls.name) and function.name in ("forward", "__call__")
        )

    def _loss_functions(self) -> set[Function]:
        """The functions whose value is the loss, and what those return in turn."""
        found: set[Function] = set()
        waiting = list(self._loss_values())
        while waiting:
            for call in _direct(waiting.pop()):
                for function in self._flow.run.entered.get(id(call), ()):
                    if isinstance(function, FUNCTIONS) and function not in found and self._may_be_loss(function):
                        found.add(function)
                        waiting += _returned(function)
        return found

    def _may_be_loss(self, function: Function) -> bool:
        """Whether a function whose value is the loss does no more than that: `objective(model, x, y)`, that calls the
        model; and not a model that returns its loss beside what it makes."""
        return not self.is_model(function) or (
            id(function) not in self._direct and function.name not in ("forward", "__call__")
        )

    def _loss_values(self) -> Iterable[ast.expr]:
        """The expressions whose values are losses."""
        for definition in self._flow.loss_definitions:
            match definition.node:
                case ast.Assign(value=value) | ast.AugAssign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                    yield value
        for loss in self._flow.losses:
            if isinstance(loss.node, ast.Call):
                yield self._walker.loss_rules.backward_of(loss.node) or loss.node


def _direct(node: ast.AST) -> Iterator[ast.Call]:
    """The calls whose own value, up to a sum or a scale, is that of the expression: not `net(x)` of `net(x).mean()`."""
    match node:
        case ast.Call():
            yield node
        case ast.BinOp(left=left, right=right):
            yield from _direct(left)
            yield from _direct(right)
        case ast.UnaryOp(operand=value) | ast.Await(value=value):
            yield from _direct(value)
        case ast.IfExp(body=body, orelse=orelse):
            yield from _direct(body)
            yield from _direct(orelse)


def _returned(function: Function) -> Iterator[ast.expr]:
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            yield node.value
