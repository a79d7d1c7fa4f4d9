"""What data flow says of a script: phases of statements, roles of names, and what flows from pass to pass."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import takewhile

from stepper.program.flow.effects import FIELD, GRAD, Definition, Place
from stepper.program.flow.flow import Flow, running_totals, sort
from stepper.program.flow.losses import Losses
from stepper.program.flow.recomputed import stored_anew
from stepper.program.flow.signals import is_gradient
from stepper.program.flow.walk import Walker
from stepper.program.knowledge.models import Models
from stepper.program.knowledge.outer_steps import moved_around
from stepper.program.knowledge.phases import Phases
from stepper.program.knowledge.roles import Roles
from stepper.program.scopes import Scope, Script
from stepper.program.sites import Site
from stepper.program.source import Source
from stepper.program.spine import LoopNode
from stepper.program.syntax import FUNCTIONS
from stepper.program.vocabulary import names_loss
from stepper.record.events import Phase, Role

WAYS_OUT = (ast.Continue, ast.Break, ast.Return)


class Known:
    """The answers of one analysis; `loop` None: the whole script is the pass."""

    def __init__(self, script: Script, losses: Losses, loop: LoopNode | None) -> None:
        self.script = script
        walker = Walker(script, losses)
        run = walker.walk_module() if loop is None else walker.walk_loop(loop)
        flow = sort(run, walker.made_parameters(), stored_anew(script), _indices(walker))
        by_hand = loop is not None and not any(loss.backward for loss in run.losses)
        around = moved_around(script, losses, loop, flow) if loop is not None and by_hand else None
        if around is not None:
            flow.parameters |= around.moved
        losses.aside = _no_losses(flow)
        losses.totals = _totals(flow)
        losses.spare = _spare(script, flow, loop)
        self.uses_backward = any(loss.backward for loss in run.losses)
        self.keeps_data = walker.keeps_data
        body = script.source.tree.body if loop is None else loop.body
        self.marks_gradient = any(mark.kind in ("backward", "gradient") for mark in run.marks)
        models = Models(walker, flow)
        self.criteria = models.criteria
        self._phases = Phases(script, flow, models, body)
        self._roles = Roles(walker, flow)
        if around is not None:  # what is bound there only: `dU`
            self._roles.by_place = Roles(around.walker, around.flow).by_place | self._roles.by_place
        if loop is not None and body:
            self._phases.own[id(loop)] = self._phases.shown[id(loop)] = "forward"
        first = {d.place: d.order for d in reversed(run.definitions)}
        carried = sorted(flow.carried - {GRAD}, key=lambda place: (first[place], place[1]))
        self.flows = tuple(dict.fromkeys(self._label(place) for place in carried))

    def phase(self, statement: ast.AST) -> Phase | None:
        """The phase of a statement; None: that of the caller."""
        return self._phases.own.get(id(statement))

    def call_phase(self, node: ast.AST) -> Phase | None:
        """The phase of calling a function, or of a call of a model inside a loss; None: that of what is around it."""
        return self._phases.called.get(id(node))

    def shown_phase(self, statement: ast.AST) -> Phase | None:
        """The phase of a statement, also where the caller decides: that of the call in the training loop."""
        return self._phases.shown.get(id(statement))

    def role(self, scope: Scope, node: ast.AST) -> Role | None:
        """The role of a name or attribute path used in `scope`."""
        return self._roles.of(scope, node)

    def role_of_name(self, scope: Scope, name: str) -> Role | None:
        """The role of a name bound in `scope`."""
        return self._roles.of_name(scope, name)

    @property
    def keys(self) -> dict[str, Role]:
        """The roles of what lies beside parameters in their dicts, by key."""
        return self._roles.by_key

    def roles(self, sites: Iterable[Site]) -> dict[str, Role]:
        """Roles by label, over all the places that the sites show; where several differ, the most telling one, and
        what the script itself calls so before what its modules do."""
        sites = list(sites)
        found = self._roles_in(site for site in sites if site.file)
        return found | self._roles_in(site for site in sites if not site.file)

    def activations(self, sites: Iterable[Site]) -> frozenset[str]:
        """The labels of what is an activation at one place at least, of whichever file: `x` of a layer's `forward`, in
        a module of a script whose batches are called so."""
        return frozenset(label for label, role in _labelled(sites) if role == "activation")

    def _roles_in(self, sites: Iterable[Site]) -> dict[str, Role]:
        order: tuple[Role, ...] = ("parameter", "loss", "activation", "gradient", "data", "setting", "other")
        found: dict[str, Role] = {}
        for label, role in _labelled(sites):
            if role is not None and (label not in found or order.index(role) < order.index(found[label])):
                found[label] = role
        return found

    def lines(self, home: Source, sites: Iterable[Site]) -> dict[int, Phase]:
        """The phase of each line on which a statement starts, in the file that has the training loop."""
        shown: dict[int, Phase] = {}
        for node in ast.walk(home.tree):
            phase = self.shown_phase(node) if isinstance(node, (ast.stmt, ast.ExceptHandler)) else None
            if phase is not None:
                shown.setdefault(node.lineno, phase)  # type: ignore[attr-defined]
        for site in sites:
            if site.kind == "statement" and site.phase is not None and not site.file:
                shown.setdefault(site.line, site.phase)
        return dict(sorted(shown.items()))

    def _label(self, place: Place) -> str:
        if place[0] != FIELD:
            return place[1]
        for node in self.script.nodes:
            if isinstance(node, ast.Attribute) and node.attr == place[1]:
                return ast.unparse(node)
        return place[1]


def _labelled(sites: Iterable[Site]) -> Iterator[tuple[str, Role | None]]:
    """The names and attributes that sites show, each with its role at that place."""
    for site in sites:
        yield from zip(site.bound, site.bound_roles, strict=True)
        if site.kind in ("operand", "mutated"):
            yield site.label, site.role


def _indices(walker: Walker) -> frozenset[Place]:
    """The names and attributes that elements are picked by: `Q[state, action]`."""
    found: set[Place | None] = set()
    for node in walker.script.nodes:
        if isinstance(node, ast.Subscript):
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            scope = walker.script.scope_around(node)
            found |= {walker.place_of(scope, part) for part in parts}
    return frozenset(place for place in found if place is not None)


def _no_losses(flow: Flow) -> frozenset[str]:
    """The names with loss, cost or error in them that are none: an error on its way back to the parameters, made of
    gradients (`error += delta * w`); where the pass has another loss, any error on that way (`error = loss_prime(y,
    out)`, with what it calls), a total that goes on over the passes (`batch_error += loss`), its mean."""
    named: dict[str, list[Definition]] = {}
    for d in flow.run.definitions:
        if d.kind in ("bind", "change") and d.deps and names_loss(d.place[1]):
            named.setdefault(d.place[1], []).append(d)
    real = {d.place[1] for d in flow.loss_definitions if d.kind == "bind" and names_loss(d.place[1])}
    called = _called_losses(flow)
    if not real and all(called.values()):
        of_gradients = flow.backward & flow.run.downstream(is_gradient)
        return frozenset(name for name, made in named.items() if of_gradients.issuperset(made))
    totals = running_totals(flow.run, flow.carried)
    return frozenset(
        name
        for name, made in named.items()
        if name not in real and all(d in flow.backward or d in totals or d.deps & totals for d in made)
    ) | {name for name, on_its_way_back in called.items() if on_its_way_back}


def _totals(flow: Flow) -> frozenset[int]:
    """The targets of totals that go on over the passes (`loss += l`, and `loss = 0` where they begin anew), where the
    pass has losses of its own, be they called the same."""
    totals = running_totals(flow.run, flow.carried)
    if not any(d.deps for d in flow.loss_definitions - totals):
        return frozenset()
    places = {d.place for d in totals}
    anew = (d for d in flow.run.definitions if d.place in places and d.kind == "bind" and not d.deps)
    targets: list[ast.expr] = [d.node.target for d in totals if isinstance(d.node, ast.AugAssign)]
    targets += [target for d in anew if isinstance(d.node, ast.Assign) for target in d.node.targets]
    return frozenset(map(id, targets))


def _called_losses(flow: Flow) -> dict[str, bool]:
    """What is called with loss, cost or error in its name, and whether all that its values are bound to is on its way
    back to the parameters."""
    made: dict[int, list[Definition]] = {}
    for d in flow.run.definitions:
        if d.kind in ("bind", "change"):
            made.setdefault(id(d.statement), []).append(d)
    found: dict[str, bool] = {}
    for loss in flow.run.losses:
        match loss.node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if names_loss(name):
                bound = made.get(id(loss.statement), []) if loss.statement is not None else []
                back = bool(bound) and flow.backward.issuperset(bound)
                found[name] = found.get(name, True) and back
    return found


def _spare(script: Script, flow: Flow, loop: LoopNode | None) -> dict[int, str]:
    """What binds the name that `.backward()` is called on, by statement, where some passes do not come to that call: it
    stands in an `if` (`if phase == "train": loss.backward()`), or behind a way out of the pass; and what is called a
    loss in the other branch."""
    ends = (*FUNCTIONS, ast.Lambda, ast.ClassDef)
    found: dict[int, str] = {}
    for loss in flow.losses:
        if not loss.backward:
            continue
        around = list(
            takewhile(lambda each: each is not loop and not isinstance(each, ends), script.ancestors(loss.node))
        )
        asking = {id(part) for each in around if isinstance(each, ast.If) for part in ast.walk(each)}
        for other in (part for each in around if isinstance(each, ast.If) for part in _other_branch(each, loss.node)):
            match other:
                case ast.Assign(targets=[ast.Name(id=name)]) if names_loss(name):
                    found[id(other)] = name  # `else: val_loss = …`
        for d in loss.deps:
            match d.node:
                case ast.Assign(targets=[ast.Name(id=name)]) as bound if d.kind == "bind" and not d.alias:
                    asked = bool(asking) and id(bound) not in asking
                    if asked or any(_is_between(each, bound, loss.node) for each in script.nodes):
                        found[id(bound)] = name
    return found


def _other_branch(question: ast.If, node: ast.AST) -> list[ast.AST]:
    """All that stands in the branch of an `if` in which a node is not."""
    branches = [[part for each in branch for part in ast.walk(each)] for branch in (question.body, question.orelse)]
    return branches[1 if any(part is node for part in branches[0]) else 0]


def _is_between(node: ast.AST, first: ast.AST, second: ast.AST) -> bool:
    """Whether a way out of a function or of a pass stands between two nodes."""
    return isinstance(node, WAYS_OUT) and first.lineno < node.lineno < second.lineno  # type: ignore[attr-defined]
