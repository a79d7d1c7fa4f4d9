"""Phases of statements: forward, loss, backward, update, by what they feed.

A statement that feeds nothing (a print) takes the phase of what precedes it, where that does not only zero gradients
ahead of the forward pass. A function has phases of its own where it computes gradients or updates state; else its
statements take the phase of the call.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from stepper.program.flow.effects import GRAD, Definition, closure
from stepper.program.flow.flow import Flow
from stepper.program.knowledge.models import Models
from stepper.program.scopes import Script
from stepper.program.syntax import FUNCTIONS, Function
from stepper.record.events import Phase

_ORDER: tuple[Phase, ...] = ("update", "loss", "forward", "backward")
_ON: tuple[Phase, ...] = ("setup", "between", "forward", "loss", "backward", "update")


class Phases:
    """Phases by statement. `own` holds for every event of the statement, `shown` also where the caller decides;
    `called` has those of calls: of functions, and of models inside a loss."""

    def __init__(self, script: Script, flow: Flow, models: Models, body: Sequence[ast.stmt]) -> None:
        self.script = script
        self.flow = flow
        self.models = models
        self._told = {id(d.statement) for d in flow.measured | flow.metrics if d.statement is not None}
        self._told -= {id(d.statement) for d in flow.updates}
        self._differentiating = {loss.statement for loss in flow.run.losses if loss.differentiated}
        self.direct = self._direct()
        self.own: dict[int, Phase] = {}
        self.shown: dict[int, Phase] = {}
        self._assign(body, "forward", self.own)
        self.called: dict[int, Phase] = {}
        losses = {node for node, phase in self.direct.items() if phase == "loss" and not self._is_pass(node)}
        in_losses = {key for node in losses for key in self._nested(node)}
        for function in flow.run.functions:
            if isinstance(function, FUNCTIONS):
                self._of_function(function, in_losses)
        for function in script.functions:
            if function not in flow.run.functions and _is_generator(function):
                self._fill(function.body, "forward")  # of batches: it was called before the loop
        for cls in script.classes:
            if script.is_a(cls, "Function"):
                for method in script.methods_of([cls], "backward"):
                    self._fill(method.body, "backward")
        self.shown.update(self.own)
        inside: set[int] = set()
        for node in [node for node in script.nodes if self.shown.get(id(node)) == "loss"]:
            if isinstance(node, ast.stmt) and not _blocks(node):
                self.called.update((id(call), "forward") for call in models.calls_in(node))
                inside |= {id(part) for call in models.calls_in(node) for part in ast.walk(call)}
        for function in flow.run.functions:
            if isinstance(function, FUNCTIONS) and models.serves_model(function, inside):
                self.called.setdefault(id(function), "forward")

    def _of_function(self, function: Function, in_losses: set[int]) -> None:
        """A function's statements: its own phases where it computes gradients, updates state, is a model's, or a
        generator (it goes on wherever it is asked to); else they are what its caller does."""
        phases: dict[int, Phase] = {}
        self._assign(function.body, self._begin(function), phases)
        named = {self.direct.get(key) for key in phases} | {self._of(node) for node in function.body}
        whole = bool(named & {"update", "backward"})  # by itself, or by what it calls: `self.backward(x, y, out)`
        if function in self.models.of_losses and not whole:
            self._as_loss(function.body, phases)
            self.called[id(function)] = "loss"
        elif self.models.is_model(function) and not whole and (self._is_forward(function) or id(function) in in_losses):
            self.called[id(function)] = "forward"
        elif not whole and not _is_generator(function):
            self.shown.update(phases)
            return
        self.own.update(phases)

    def _begin(self, function: Function) -> Phase:
        """The phase that a function begins with: forward, where it does not only compute gradients or take steps."""
        phases = [phase for node in function.body if (phase := self._of(node)) is not None]
        return phases[0] if phases and set(phases) <= {"backward", "update"} else "forward"

    def _is_forward(self, function: Function) -> bool:
        """Whether a function is a network's forward pass."""
        cls = self.script.class_of(function)
        return cls is not None and function.name == "forward" and self.script.is_a(cls, "Module")

    def _as_loss(self, body: Sequence[ast.stmt], phases: dict[int, Phase]) -> None:
        """In a function that computes the loss all is loss that comes after the last use of the model."""
        used = [
            place + (not isinstance(node, ast.Return))
            for place, node in enumerate(body)
            if self.models.uses_model(node)
        ]
        for node in body[max(used, default=0) :]:
            for part in ast.walk(node):
                if phases.get(id(part)) == "forward":
                    phases[id(part)] = "loss"

    def _nested(self, node: int) -> list[int]:
        """The functions that run inside a statement."""
        inside = set(self.flow.run.nested.get(node, ()))
        return [id(f) for f in self.flow.run.functions if isinstance(f, FUNCTIONS) and id(f.body[0]) in inside]

    def _is_pass(self, node: int) -> bool:
        """Whether what runs inside a statement computes gradients or takes a step: `loss = train_batch(x, y)`."""
        return bool({"backward", "update"} & {self.direct.get(key) for key in self.flow.run.nested.get(node, ())})

    # ------------------------------------------------------------------------------------------------- by data flow

    def _direct(self) -> dict[int, Phase]:
        """What each statement's own definitions and effects say."""
        found: dict[int, set[Phase]] = {}
        networks: set[int] = set()
        flow = self.flow
        for definition in flow.run.definitions:
            if definition.statement is None or definition.kind == "parameter":
                continue
            if definition.kind == "target" and isinstance(definition.node, (ast.For, ast.AsyncFor, ast.comprehension)):
                continue  # a loop's head has the phase of what it leads to
            if definition.made and definition in flow.backward:
                continue  # `self.grad = 0.0` of an object that is being made, in whatever phase that is
            phase = self._phase_of(definition)
            if phase == "forward" and definition.alias and definition.roots & flow.parameters:
                continue  # `layer = network[i]`, which the way back begins with, too
            if phase == "update" and _is_backward(definition.node):
                networks.add(id(definition.statement))
            elif phase is not None:
                found.setdefault(id(definition.statement), set()).add(phase)
        for loss in flow.losses:
            if loss.statement is not None and not loss.backward and not loss.differentiated:
                found.setdefault(id(loss.statement), set()).add("loss")
        for key in self._returning():
            found.setdefault(key, {"backward"})
        phases: dict[int, Phase] = {}
        for key, options in found.items():
            if options == {"forward", "backward"} and self._is_shared(key):
                continue
            phases[key] = next(phase for phase in _ORDER if phase in options)
        for key in networks:
            if phases.get(key) != "update":
                phases[key] = "backward"
        told = flow.measured | (flow.metrics & flow.living)  # `step = i // 30` is made of nothing that the pass made
        for definition in sorted(told, key=lambda definition: definition.order):
            if definition.statement is not None:
                phases.setdefault(id(definition.statement), "loss" if flow.tells_loss(definition) else "forward")
        self._effects(phases)
        return phases

    def _returning(self) -> set[int]:
        """The statements that return a gradient without a name, divided by the loss that the same function makes:
        `return x.T @ r / (n * loss)`, which a step is made of."""
        run, made = self.flow.run, closure(d for update in self.flow.updates for d in update.deps)
        within = {id(loss.statement) for loss in self.flow.losses if loss.definition in made and not loss.tried}
        calls = [part for d in self.flow.updates | self.flow.backward if within for part in ast.walk(d.node)]
        found: set[int] = set()
        for function in {callee for call in calls for callee in run.entered.get(id(call), ())}:
            inside = [part for part in ast.walk(function) if isinstance(part, ast.stmt)]
            if not within.isdisjoint(map(id, inside)):
                found |= {id(part) for part in inside if isinstance(part, ast.Return) and _computes(part.value)}
        return found

    def _phase_of(self, definition: Definition) -> Phase | None:
        flow = self.flow
        if definition in flow.updates:
            return "update"
        if definition.place == GRAD and definition.kind != "bind" and not definition.deps:
            return None  # a zeroing
        if definition in flow.loss_definitions:
            return "loss"
        if definition in flow.forward:
            return "forward"
        if definition not in flow.backward:
            return None
        if definition.statement in self._differentiating:
            return "backward"  # `gs = torch.autograd.grad(loss, ps)`, whatever goes through them later
        return "update" if definition in flow.derived or definition in flow.picked else "backward"

    def _is_shared(self, key: int) -> bool:
        return any(key in inner for inner in self.flow.run.nested.values())

    def _effects(self, phases: dict[int, Phase]) -> None:
        run = self.flow.run
        order = run.visited
        places: dict[str, list[int]] = {"backward": [], "step": [], "zero": []}
        for kind, node in run.effects:
            places[kind].append(id(node))
        for key in places["backward"]:
            phases.setdefault(key, "backward")
            if phases[key] != "update":
                phases[key] = "backward"
        for key in places["step"]:
            phases[key] = "update"
        updates = [order.get(key, 0) for key, phase in phases.items() if phase == "update"]
        self._zeroing = frozenset(places["zero"])
        for key in places["zero"]:
            if phases.get(key) not in (None, "forward"):
                continue
            behind = updates and order.get(key, 0) > max([*updates, *(order.get(b, 0) for b in places["backward"])])
            phases[key] = "update" if behind else "backward"
        emptied = (d.statement for d in self.flow.backward if d.kind == "change" and _is_emptying(d.node))
        for key in map(id, emptied):
            if updates and phases.get(key) == "backward" and order.get(key, 0) > max(updates):
                phases[key] = "update"  # `grads[k] = np.zeros_like(v)`, behind the step

    # ------------------------------------------------------------------------------------------------- by position

    def _assign(self, body: Sequence[ast.stmt], before: Phase, into: dict[int, Phase]) -> Phase:
        """Give every statement of a body its phase; returns that of the last."""
        for place, node in enumerate(body):
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                into[id(node)] = before
                continue
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue
            phase = self._of(node)
            if phase is None and before == "backward" and self._is_bare_forward(node):
                phase = "forward"
            blocks = list(_blocks(node))
            if blocks:
                into[id(node)] = phase or before
                ends: list[Phase] = []
                for holder, block in blocks:
                    if holder is not None:
                        into[id(holder)] = into[id(node)]
                    last = self._assign(block, into[id(node)], into)
                    if not isinstance(node, ast.If) or not _leaves(block):
                        ends.append(last)
                if before not in ("update", "backward") or not self._only_aside(node):
                    before = _furthest(ends) if isinstance(node, ast.If) and ends else last
            else:
                into[id(node)] = phase or before
                nested = {self.direct.get(key) for key in self.flow.run.nested.get(id(node), ())}
                if "update" in nested:
                    before = "update"  # what comes behind a whole pass
                elif before not in ("update", "backward") or not self._is_aside(node):
                    before = into[id(node)]
            if before == "backward" and self._only_zeroes(node) and self._is_ahead(body[place + 1 :]):
                before = "forward"
        return before

    def _only_zeroes(self, node: ast.stmt) -> bool:
        """Whether a statement does no more than to zero gradients, be it in a loop over the parameters."""
        inside = [child for _, block in _blocks(node) for child in block]
        return all(map(self._only_zeroes, inside)) if inside else id(node) in self._zeroing

    def _is_ahead(self, rest: Sequence[ast.stmt]) -> bool:
        """Whether the forward pass is what comes next: gradients were zeroed at the head of the pass."""
        return next((phase for node in rest if (phase := self._of(node)) is not None), None) == "forward"

    def _is_bare_forward(self, node: ast.stmt) -> bool:
        """Whether a statement only calls a model, behind a zeroing and ahead of the backward pass: the layers keep what
        the loss is made of (`model(image)`, then `loss = sum(layer.loss for layer in losses)`)."""
        run = self.flow.run
        ends = [run.visited.get(id(end), 0) for kind, end in run.effects if kind == "backward"]
        ahead = bool(ends) and run.visited.get(id(node), max(ends)) < min(ends)
        return ahead and isinstance(node, ast.Expr) and self.models.is_call(node.value)

    def _is_aside(self, node: ast.stmt) -> bool:
        """Whether a statement only calls what runs the model, and keeps nothing of it (a sample, a callback), or only
        works out what is told of the loss."""
        return (isinstance(node, ast.Expr) and id(node) not in self.direct) or id(node) in self._told

    def _only_aside(self, node: ast.stmt) -> bool:
        """Whether a statement holds nothing but such: `if step % 200 == 0: print_samples()`."""
        inside = [child for _, block in _blocks(node) for child in block]
        return all(self._only_aside(each) if _blocks(each) else self._is_aside(each) for each in inside)

    def _of(self, node: ast.stmt) -> Phase | None:
        blocks = list(_blocks(node))
        if blocks:
            for _, block in blocks:
                for child in block:
                    phase = self._of(child) if id(child) not in self._told else None
                    if phase is not None:
                        return phase
            return None
        phases = [self.direct[key] for key in self.flow.run.nested.get(id(node), ()) if key in self.direct]
        # A call that makes the whole pass is where it begins: a zeroing in front says nothing else, nor does what the
        # script keeps of the loss that is returned.
        begins = bool({"forward", "loss"} & set(phases))
        own = self.direct.get(id(node))
        if own == "forward" and not begins and "update" in phases:
            return phases[0]  # `params = update(params, grads)`, of which another loss is made behind it
        if own is not None and not (own in ("backward", "loss") and begins and "update" in phases):
            return own
        return "forward" if begins else phases[0] if phases else None

    def _fill(self, body: Sequence[ast.stmt], phase: Phase) -> None:
        for statement in body:
            for node in ast.walk(statement):
                bare = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
                if isinstance(node, (ast.stmt, ast.ExceptHandler)) and not bare:
                    self.own[id(node)] = phase


def _is_backward(node: ast.AST) -> bool:
    """Whether a change is made by a method of that name, not seen into: it leaves gradients, whatever else it does."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "backward"


def _computes(node: ast.expr | None) -> bool:
    """Whether an expression makes something of what there is."""
    return isinstance(node, ast.BinOp | ast.UnaryOp | ast.Call)


def _is_emptying(node: ast.AST) -> bool:
    """Whether a statement puts an array of zeros in the place of another."""
    match node:
        case ast.Assign(targets=[ast.Subscript()], value=ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name))):
            return name in ("zeros", "zeros_like", "new_zeros")
    return False


def _leaves(block: Sequence[ast.stmt]) -> bool:
    """Whether nothing comes behind a branch: `else: raise ValueError`."""
    return isinstance(block[-1], (ast.Raise, ast.Return, ast.Continue, ast.Break))


def _furthest(ends: Sequence[Phase]) -> Phase:
    """Of the phases that branches end in the one furthest on: what comes behind is behind each of them."""
    return max(ends, key=_ON.index)


def _is_generator(function: Function) -> bool:
    return any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(function))


def _blocks(node: ast.stmt) -> list[tuple[ast.AST | None, list[ast.stmt]]]:
    """The blocks of a compound statement, each with the clause (handler, pattern) that heads it, if any."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return []
    found: list[tuple[ast.AST | None, list[ast.stmt]]] = []
    for field in ("body", "handlers", "cases", "orelse", "finalbody"):
        parts = getattr(node, field, None) or []
        if field == "handlers":
            found += [(part, part.body) for part in parts]
        elif field == "cases":
            found += [(part.pattern, part.body) for part in parts]
        elif parts:
            found.append((None, parts))
    return found
