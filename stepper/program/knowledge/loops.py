"""Which loop is the training loop: the innermost one that computes a loss or a gradient and updates lasting state.

Each loop is walked symbolically (`walk`), the script's own functions followed. State is what a pass changes and the
next one starts from; what the pass of the loop around it resets is not state, nor is what a loop's own target picks
(a loop over parameters), nor, where there is a better loop, a counter or running total that only feeds itself.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from stepper.program.errors import ProgramError
from stepper.program.flow.effects import GRAD, Definition, Mark, Pass, closure
from stepper.program.flow.flow import of_later_runs
from stepper.program.flow.losses import Losses
from stepper.program.flow.signals import signals, takes_step
from stepper.program.flow.walk import Walker
from stepper.program.opaque import opaque
from stepper.program.scopes import Script
from stepper.program.source import Source
from stepper.program.spine import LOOPS, LoopNode
from stepper.record.events import LoopHead

NOT_FOUND = (
    "no training loop found: looked for a loop that computes a loss or a gradient and updates what it carries from "
    "pass to pass; name one with --loop LINE, or, also where the loop is inside an installed library, take the whole "
    "script as one iteration with --loop none"
)


EMPTY = "there is nothing in it to run: no training loop, and no other statement either"


@dataclass(frozen=True)
class Choice:
    """The training loop, None for `--loop none`; where nobody has named one, also the other loops that train: of loops
    that are `unmarked`, those that carry something, too."""

    loop: LoopNode | None
    others: tuple[LoopNode, ...] = ()
    unmarked: bool = False


FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
_LONGER = frozenset({"append", "cat", "concat", "concatenate", "hstack", "roll", "vstack"})
BACKWARD, GRADIENT, LOSS, FEEDBACK, TOTAL, COUNTER = 6, 5, 3, 2, 1, 0


@dataclass
class Studied:
    """A loop, its pass, and the changes of state in it (ids of nodes) that count at the level asked for."""

    node: LoopNode
    run: Pass
    state: list[Definition]
    feedback: list[Definition]

    @property
    def key(self) -> int:
        return id(self.node)

    def own(self, definitions: list[Definition]) -> set[int]:
        """The nodes that change state which this loop's own target does not pick."""
        return {id(d.node) for d in definitions if self.key not in d.selected}

    def level(self) -> int:
        """How sure it is that this is a training loop."""
        marks = {mark.kind for mark in self.run.marks}
        steady = self.own(self.feedback)
        if "backward" in marks and steady:
            return BACKWARD
        if "gradient" in marks and steady:
            return GRADIENT + int(self._feeds_loss()) - 1
        if "loss" in marks and steady:
            return LOSS
        if steady:
            return FEEDBACK
        return TOTAL if marks else COUNTER

    def only_draws(self) -> bool:
        """Whether a loop that computes no gradient only makes a sequence longer by what it makes of it: it draws from a
        model (`text.append(sample(forward(text)))`)."""
        own = [d for d in self.feedback if self.key not in d.selected]
        return self.level() <= LOSS and all(_makes_longer(d.node) for d in own)

    def trains_beside(self, level: int) -> bool:
        """Whether this trains, too, beside a loop of that level."""
        if level == BACKWARD and not self._takes_steps():
            return False
        return level <= LOSS or not self.only_draws()

    def _takes_steps(self) -> bool:
        """Whether a pass runs backward, or goes on from what it carries by what is called a gradient: not one that goes
        through layers of a flow, the way back (`z = layer.backward(z)`)."""
        marked = any(mark.kind in ("backward", "step") for mark in self.run.marks)
        return marked or any(takes_step(d, self.run) for d in self.feedback)

    def renews_gradients(self) -> bool | None:
        """Whether a pass makes gradients of what the pass before it changed; None where nothing is called a gradient
        or an error."""
        made = {d for d in self.run.definitions if signals(d)}
        changed = {d.place for d in self.feedback if not signals(d)}
        return bool(closure(made) & {self.run.start[place] for place in changed}) if made else None

    def _feeds_loss(self) -> bool:
        starts = {self.run.start[d.place] for d in self.feedback if d.place in self.run.start}
        found = closure(d for loss in self.run.losses for d in loss.deps)
        return bool(starts & found) or not self.run.losses


def study_loop(walker: Walker, node: LoopNode) -> Studied:
    """Walk a loop and sort the changes in it."""
    run = walker.walk_loop(node)
    carried = run.carried()
    carried.discard(GRAD)
    feedback = run.feedback(carried)
    if any(mark.kind == "backward" for mark in run.marks):
        # A gradient that `.backward()` wrote closes the circle, whatever the object that is stepped.
        feedback |= {d.place for d in run.definitions if d.place in carried and d.own and _uses_grad(d)}
        feedback -= _written_losses(run)
    state = [d for d in run.definitions if d.place in carried and d.changes]
    return Studied(node, run, state, [d for d in state if d.place in feedback])


def _makes_longer(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr=("append" | "extend" | "insert"))):
            return True
        case ast.Assign(value=ast.Call(func=func)):
            return ast.unparse(func).rpartition(".")[2] in _LONGER
        case (
            ast.Assign(value=ast.BinOp(op=ast.Add(), right=ast.List())) | ast.AugAssign(op=ast.Add(), value=ast.List())
        ):
            return True
    return False


def _uses_grad(definition: Definition) -> bool:
    """Whether a change is made of gradients directly, not by way of other things they have changed."""
    seen: set[Definition] = set()
    waiting = list(definition.deps)
    while waiting:
        d = waiting.pop()
        if d.place == GRAD:
            return True
        if d not in seen and d.kind != "change":
            seen.add(d)
            waiting += d.deps | d.own
    return False


def _written_losses(run: Pass) -> set[tuple[int, str]]:
    """Running totals of losses also depend on gradients, by way of the parameters; they are not parameters. What a
    function called `loss` computes its value from may be: the parameters behind a step."""
    return {loss.definition.place for loss in run.losses if loss.definition is not None and not loss.backward}


def choose(script: Script, losses: Losses, wanted: str | None) -> Choice:
    """The training loop, and the others. Raises ProgramError where there is none."""
    closed = opaque(script)

    def is_open(node: ast.AST) -> bool:
        inside = script.scope_around(node).is_class
        return not inside and not any(id(ancestor) in closed for ancestor in script.ancestors(node))

    def loops_in(tree: ast.AST) -> list[LoopNode]:
        return [node for node in ast.walk(tree) if isinstance(node, LOOPS) and is_open(node)]

    loops = loops_in(script.source.tree)
    if wanted is not None:
        file, _, line = wanted.strip().rpartition(":")
        return Choice(_wanted(loops_in(_called(script, file).tree) if file else loops, line, file))
    if not loops and not script.modules:
        raise ProgramError(NOT_FOUND if script.source.tree.body else EMPTY)
    walker = Walker(script, losses)
    whole = walker.walk_module()
    reachable = set(whole.inner)
    further = (node for scope in script.modules.values() for node in loops_in(scope.node))
    loops += [node for node in further if id(node) in reachable]
    studied = {id(node): study_loop(walker, node) for node in loops}
    around: dict[int, set[int]] = {key: set() for key in studied}
    for loop in studied.values():
        # A function that gets no probes is followed all the same, but a loop in it is no candidate.
        for inner in loop.run.inner.keys() & around.keys():
            if inner != loop.key:
                around[inner].add(loop.key)
    tests: list[tuple[Callable[[Studied], bool], Callable[[Studied], list[Definition]]]] = [
        (lambda s: s.level() >= LOSS, lambda s: s.feedback),
        (lambda s: s.level() >= FEEDBACK, lambda s: s.feedback),
        (lambda s: s.level() >= TOTAL, lambda s: s.state),
        (lambda s: True, lambda s: [d for d in s.state if d.kind == "bind"]),
    ]
    # Where a gradient is computed in no loop at all, a loop that computes none, or adds up a part of one by hand, is a
    # part of that one pass.
    once = any(mark.kind == "backward" and not mark.loops & studied.keys() for mark in whole.marks)
    once = once or _left_to_others(script, losses, [whole, *(each.run for each in studied.values())])
    for test, state in tests:
        found = [
            each
            for each in _candidates(studied, around, test, state)
            if (each.run.marks and each.level() > TOTAL) or not once
        ]
        if found:
            rank = {s.key: (s.key in reachable, s.level(), not _only_collects(s, script)) for s in found}
            best = max(found, key=lambda s: (rank[s.key], -s.node.lineno))
            like = [s for s in found if s is not best and rank[s.key][0] == rank[best.key][0]]
            # Beside one that runs backward, a loop that only calls what makes a loss (to draw samples) trains nothing.
            least = LOSS + 1 if best.level() == BACKWARD else min(LOSS, max(best.level(), FEEDBACK))
            others = [s.node for s in like if s.level() >= least and s.trains_beside(best.level())]
            return Choice(best.node, tuple(others), best.level() == FEEDBACK)
    raise ProgramError(NOT_FOUND)


def _only_collects(loop: Studied, script: Script) -> bool:
    """Whether a loop without a loss carries something only to make others of it, which are read behind it: it makes
    the data."""
    if loop.level() > FEEDBACK:
        return False
    fed = {d.place[1] for d in loop.feedback}
    behind = {
        node.id
        for node in ast.walk(script.scope_around(loop.node).node)
        if isinstance(node, ast.Name)
        and isinstance(node.ctx, ast.Load)
        and node.lineno > (loop.node.end_lineno or loop.node.lineno)
    }
    return not fed & behind and bool({d.place[1] for d in loop.state} & behind)


def _left_to_others(script: Script, losses: Losses, passes: list[Pass]) -> bool:
    """Whether a backward pass stands in a function that is handed to a library, whose loop calls it (`@trainer.on`)."""
    met = {id(mark.node) for run in passes for mark in run.marks}
    nodes = [node for source in script.sources for node in ast.walk(source.tree)]
    calls = [node for node in nodes if id(node) not in met and losses.backward_of(node) is not None]
    used = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return any(
        isinstance(around, FUNCTIONS) and (bool(around.decorator_list) or around.name in used)
        for call in calls
        for around in script.ancestors(call)
    )


def _candidates(
    studied: dict[int, Studied],
    around: dict[int, set[int]],
    test: Callable[[Studied], bool],
    state: Callable[[Studied], list[Definition]],
) -> list[Studied]:
    """The innermost loops that pass the test and change state which outlives the candidate's pass around them."""
    found: dict[int, Studied] = {}
    for key in sorted(studied, key=lambda key: len(around[key])):
        loop = studied[key]
        own = loop.own(state(loop))
        if not own or not test(loop):
            continue
        outer = [found[other] for other in around[key] if other in found]
        nearest = [o for o in outer if not any(o.key in around[p.key] for p in outer if p is not o)]
        if not nearest or any(_outlives(loop, own, o, state) for o in nearest):
            found[key] = loop
    return [
        loop
        for loop in found.values()
        if not any(loop.key in around[other.key] for other in found.values() if other is not loop)
    ]


def _outlives(loop: Studied, own: set[int], outer: Studied, state: Callable[[Studied], list[Definition]]) -> bool:
    # A loop that runs backward by itself may train what the one around it picks: one layer or model after another.
    whole = loop.level() == BACKWARD and not _only_samples(outer, loop)
    inside = {id(d.node) for d in state(outer) if loop.key in d.loops and (whole or outer.key not in d.selected)}
    if LOSS < outer.level() < BACKWARD:
        # Beside steps by gradients, a hidden state or the gradients themselves, that a pass carries on, are no state.
        # What a forward pass keeps of itself is none either, where that is run again to evaluate the model.
        changed = set(state(outer))
        steps = {id(d.node) for d in changed - of_later_runs(changed, outer.run) if takes_step(d, outer.run)}
        inside = inside & steps if steps else inside
    if not inside & own and not _crosses(loop, outer, own, inside):
        return False
    # A loop without a backward pass of its own, in a pass that has one elsewhere, is a part of that pass.
    return whole or not (_steps_outside(outer, loop) or _given_gradients(outer, loop))


def _crosses(loop: Studied, outer: Studied, own: set[int], inside: set[int]) -> bool:
    """Whether each of two loops picks rows of one factor, and a pass of the inner one moves a row of both: `P[i]`,
    which it goes on with, and `Q[j]`, which the pass around it does."""
    row = {id(d.node) for d in outer.feedback if loop.key in d.loops and outer.key in d.selected}
    picked = {id(d.node) for d in outer.feedback if loop.key in d.selected}
    return bool(row & own) and bool(picked & inside)


def _only_samples(outer: Studied, inner: Studied) -> bool:
    """Whether the inner loop only takes gradients that it is given (`torch.autograd.grad`), in a pass that runs
    backward and steps an optimizer elsewhere: it moves samples (Langevin's), for the model that is trained."""
    own = {id(mark.node) for mark in inner.run.marks if mark.kind == "step" or _runs_backward(mark)}
    around = [mark for mark in outer.run.marks if inner.key not in mark.loops]
    return not own and any(mark.kind == "step" for mark in around) and any(map(_runs_backward, around))


def _runs_backward(mark: Mark) -> bool:
    return mark.kind == "backward" and isinstance(mark.node, ast.Call) and _callee(mark.node) == "backward"


def _callee(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _steps_outside(outer: Studied, inner: Studied) -> bool:
    """Whether the backward pass is elsewhere: the inner loop evaluates the model, batch by batch, say."""
    kinds = {mark.kind for mark in outer.run.marks if inner.key not in mark.loops}
    if outer.level() == BACKWARD and "backward" in kinds:
        return True
    return outer.level() > LOSS >= inner.level() and "gradient" in kinds


def _given_gradients(outer: Studied, inner: Studied) -> bool:
    """Whether the inner loop is an optimizer's, over the parameters: the pass around it makes the gradients anew."""
    return inner.renews_gradients() is False and outer.renews_gradients() is True


def _called(script: Script, file: str) -> Source:
    """The one file of the script's own whose path ends so. Raises ProgramError."""
    # A module may import the script back, by its name: that is the same file once more.
    called = {source.path: source for source in reversed(script.sources) if f"/{source.path}".endswith(f"/{file}")}
    found = list(called.values())
    if len(found) != 1:
        raise ProgramError(f"--loop: {'several' if found else 'none'} of the script's own files are called {file}")
    return found[0]


def _wanted(loops: list[LoopNode], wanted: str, file: str) -> LoopNode | None:
    if wanted == "none" and not file:
        return None
    lines = [str(line) for line in sorted({node.lineno for node in loops})]
    known = f"its loops are at lines {', '.join(lines)}" if lines else "it has no loops"
    known = f"its loop is at line {lines[0]}" if len(lines) == 1 else known
    if not wanted.isdigit():
        raise ProgramError(f"--loop takes a line number, FILE:LINE or none, not {wanted!r}; {known}")
    line = int(wanted)
    heads = [node for node in loops if node.lineno == line]
    if heads:
        return heads[0]
    inside = [node for node in loops if node.lineno <= line <= (node.end_lineno or node.lineno)]
    if inside:
        return max(inside, key=lambda node: node.lineno)
    raise ProgramError(f"no loop at line {line}{f' of {file}' if file else ''}; {known}")


def heads_of(script: Script, choice: Choice, wanted: str | None) -> tuple[LoopHead, ...]:
    """Where the loops begin, and how; the one that was taken first. Of a loop that was `wanted`, where that named it by
    another line; else nothing."""
    line = 0 if wanted is None or choice.loop is None else int(wanted.rpartition(":")[2])
    if wanted is not None and (choice.loop is None or line == choice.loop.lineno):
        return ()
    nodes = [node for node in (choice.loop, *choice.others) if node is not None]
    sources = [script.source_of(node) for node in nodes]
    return tuple(
        LoopHead(source.path, node.lineno, source.of(node), choice.unmarked, line)
        for source, node in zip(sources, nodes, strict=True)
    )
