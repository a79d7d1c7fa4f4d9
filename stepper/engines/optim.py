"""The engine for `optimizer.step()`: an event for each parameter that a step updates, with the gradient it used, the
optimizer's state before and after, the update, and the rule with this step's numbers."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from stepper.engines import rates
from stepper.engines.arithmetic import SINGLE, Arithmetic, of_group
from stepper.engines.base import Change, Engine, Observer
from stepper.engines.members import groups, own
from stepper.engines.modes import look, of_tensor, torch_module, unnoticed
from stepper.engines.rules import Recomputed, deviation, recompute
from stepper.record import SKIPPED, Around, OptimizerStep, Role, When


class Before:
    """A parameter before a step. `number` is that of its group, `by` the kernels that its step is made of."""

    __slots__ = ("by", "gradient", "group", "name", "number", "parameter", "state", "value")

    def __init__(self, name: str, parameter: Any, group: Mapping[str, Any], value: Any, gradient: Any) -> None:
        self.name = name
        self.parameter = parameter
        self.group = dict(group)  # a scheduler may change the rates before anybody looks
        self.value = value
        self.gradient = gradient
        self.state: dict[str, Any] = {}
        self.number = 0
        self.by = SINGLE


class OptimEngine(Engine):
    """Watches every optimizer's step while an iteration is recorded."""

    name = "optim"
    library = "torch"

    def __init__(self) -> None:
        self._optimizers: dict[int, tuple[Callable[[], Any], str]] = {}
        self._stepped: set[int] = set()  # by id: those that took a step in this recording

    def changes(self, value: Any, method: str) -> Iterable[Change]:
        """`step` changes the parameters, `zero_grad` their gradients."""
        torch = torch_module()
        if torch is None:
            return ()
        if not _is_optimizer(value):
            return rates.changes(value, method, self._known())
        if method not in ("step", "zero_grad"):
            return ()
        attribute = "grad" if method == "zero_grad" else None
        return [Change(each, attribute, path) for path, each, _ in _parameters(value)]

    def remark(self, value: Any, method: str) -> str:
        return rates.remark(value, method)

    def met(self, value: Any, label: str) -> None:
        """An optimizer passed a probe: learn what it is called."""
        if _is_optimizer(value):
            held = self._optimizers.get(id(value))
            if held is None or held[0]() is not value or "." in held[1] or "." not in label:
                self._optimizers[id(value)] = (weakref.ref(value), label)

    def resting(self) -> Iterable[tuple[Any, str]]:
        for name, optimizer in self._known():
            if id(optimizer) not in self._stepped:
                yield from ((parameter, name) for _, parameter, _ in _parameters(optimizer))

    def _known(self) -> list[tuple[str, Any]]:
        """The optimizers that were met and are still there, by name."""
        found = [(name, reference()) for reference, name in self._optimizers.values()]
        return [(name, optimizer) for name, optimizer in found if optimizer is not None]

    @contextmanager
    def recording(self, observer: Observer) -> Iterator[None]:
        optimizers = sys.modules.get("torch.optim.optimizer")
        if optimizers is None:
            yield
            return
        running: list[tuple[Any, list[Before]]] = []
        self._stepped.clear()

        def before(optimizer: Any, arguments: Any, keywords: Any) -> None:
            try:
                observer.contributed(self.name)
                self._stepped.add(id(optimizer))
                running.append((optimizer, list(_before(optimizer, observer))))
            except Exception as error:
                observer.fault(error)

        def after(optimizer: Any, arguments: Any, keywords: Any) -> None:
            try:
                # The gradients are those that a closure left, or that a fused step has put back to their own scale
                late = len(arguments) > 1 or bool(keywords) or own(optimizer).get("grad_scale") is not None
                while running:  # a step that an exception left early never came to its end
                    stepped, parameters = running.pop()
                    if stepped is optimizer:
                        for each in parameters:
                            _after(optimizer, each, late, observer)
                        return
            except Exception as error:
                observer.fault(error)

        handles = [
            optimizers.register_optimizer_step_pre_hook(before),
            optimizers.register_optimizer_step_post_hook(after),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            running.clear()


def _before(optimizer: Any, observer: Observer) -> Iterator[Before]:
    """What a step is about to work on."""
    torch = torch_module()
    forms = _forms(optimizer, torch)
    for path, parameter, group in _parameters(optimizer):
        name = observer.label_of(parameter) or f"optimizer.{path}"
        observer.parameter(name, parameter)
        gradient = look(parameter, "grad", torch)
        if gradient is not None:
            observer.used_gradient(parameter, gradient)
        else:
            observer.passed_over(parameter)
        kept = None if gradient is None else observer.keep(gradient)
        before = Before(name, parameter, group, observer.keep(parameter), kept)
        before.number = int(path.partition(".")[0].removeprefix("group"))
        before.by = forms[before.number]
        before.state = _state(optimizer, parameter, observer)
        yield before


def _forms(optimizer: Any, torch: Any) -> list[Arithmetic]:
    """By which kernels the step of each parameter group is made."""
    return [
        of_group(group, [each for each in group["params"] if look(each, "grad", torch) is not None], torch)
        for group in groups(optimizer)
    ]


def _after(optimizer: Any, before: Before, late: bool, observer: Observer) -> None:
    """The event of one parameter's step. `late`: its gradient is what the step left."""
    torch = torch_module()
    if late:
        gradient = look(before.parameter, "grad", torch)
        before.gradient = None if gradient is None else observer.keep(gradient)
        if gradient is not None:
            observer.used_gradient(before.parameter, gradient)
    value = observer.keep(before.parameter)
    if before.gradient is None or value is None or before.value is None:
        return
    state = _state(optimizer, before.parameter, observer)
    left_out = _left_out(optimizer)
    if left_out:
        observer.used_gradient(before.parameter, None)
    found, apart = (None, None) if left_out else _recomputed(type(optimizer), before, value, torch)
    kind = type(optimizer).__name__
    rule = found.rule if found is not None else ""
    event = observer.begin("optimizer", f"{before.name}: {rule or kind}", kind)
    if event is None:
        return
    if left_out:
        observer.remark(event, f"the {SKIPPED}")
    elif apart and before.group.get("fused"):
        observer.remark(event, "one fused kernel makes this step, and rounds otherwise: near zero that is many ulp")

    def add(label: str, role: Role, when: When, kept: Any) -> int | None:
        return observer.add(label, role, when, kept, event)

    add(f"{before.name}.grad", "gradient", "operand", before.gradient)
    add(before.name, "parameter", "before", before.value)
    add(before.name, "parameter", "after", value)
    names = dict.fromkeys((*before.state, *state))
    around = {
        name: Around(
            add(f"{name} of {before.name}", "other", "before", before.state.get(name)),
            add(f"{name} of {before.name}", "other", "after", state.get(name)),
        )
        for name in names
    }
    terms: dict[str, int] = {}
    for term, (name, divisor) in found.terms.items() if found is not None else ():
        kept = observer.quotient(state[name], divisor) if name in state else None
        place = add(f"{term} of {before.name}", "other", "result", kept)
        if place is not None:
            terms[term] = place
    update = add(f"update of {before.name}", "other", "result", observer.difference(value, before.value))
    step_size = found.step_size if found is not None else None
    observer.tell(event, OptimizerStep(before.name, rule, around, update, apart, step_size, terms, before.number))
    observer.end(event)


def _recomputed(kind: type, before: Before, value: Any, torch: Any) -> tuple[Recomputed | None, int | None]:
    """The step by its rule, and how far that lies from the real one."""
    if kind.__module__.partition(".")[0] != "torch":
        return None, None
    try:
        with unnoticed():
            kept = {name: _tensor(copy) for name, copy in before.state.items()}
            p, g, real = _tensor(before.value), _tensor(before.gradient), _tensor(value)
            if any(each is None for each in (p, g, real, *kept.values())):
                return None, None
            found = recompute(kind.__name__, before.group, p, g, kept, before.by)
            return found, None if found is None else deviation(found.after, real, torch)
    except torch.OutOfMemoryError:
        return None, None


def _left_out(optimizer: Any) -> bool:
    """Whether a fused step, which a scaler of losses has handed its findings, changed nothing."""
    found = own(optimizer).get("found_inf")
    if found is None:
        return False
    with unnoticed():
        return float(found) > 0


def _tensor(copy: Any) -> Any:
    """The tensor behind a kept copy; None where its numbers were never read."""
    return None if copy.gone else getattr(copy.kept, "at_home", None)


def _state(optimizer: Any, parameter: Any, observer: Observer) -> dict[str, Any]:
    """Copies of the tensors that an optimizer keeps for a parameter."""
    torch = torch_module()
    held = of_tensor(own(optimizer).get("state"), parameter)
    if not isinstance(held, dict):
        return {}
    found = {str(name): observer.keep(each) for name, each in held.items() if issubclass(type(each), torch.Tensor)}
    return {name: copy for name, copy in found.items() if copy is not None}


def _is_optimizer(value: Any) -> bool:
    optimizers = sys.modules.get("torch.optim.optimizer")
    return optimizers is not None and issubclass(type(value), optimizers.Optimizer)


def _parameters(optimizer: Any) -> list[tuple[str, Any, Mapping[str, Any]]]:
    return [
        (f"group{number}.{index}", parameter, group)
        for number, group in enumerate(groups(optimizer))
        for index, parameter in enumerate(group["params"])
    ]
