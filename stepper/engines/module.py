"""The engine for `model(x)`: an event for each call of an `nn.Module`, with what went in and came out, the parameters
and buffers it used, and what it changed of those.

Global module hooks only: hooks on a single module switch fused kernels off.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import msgspec

from stepper.engines.base import Change, Engine, GateSeen, Held, Observer
from stepper.engines.evaluation import depends_on_mode
from stepper.engines.graph import saved
from stepper.engines.members import ELEMENTS, modules, own, parameters
from stepper.engines.modes import capturing, look, maker, torch_module, unnoticed
from stepper.engines.names import Names, is_place
from stepper.engines.openings import LAYERS, opening_of_layer
from stepper.record import ModuleCall, Role

COMPILED = (
    "the script compiles something (torch.compile): layers are not looked into, no hook may be compiled with them"
)
TENSORS = 16  # inputs or outputs of one call that are shown


class Call:
    """A call of a module that is under way. `buffers` are copies of what its own buffers held before it, `h` of what an
    activation is handed (it may overwrite it)."""

    __slots__ = ("buffers", "detail", "event", "h", "module")

    def __init__(self, module: Any, detail: ModuleCall, event: int | None) -> None:
        self.module = module
        self.detail = detail
        self.event = event
        self.buffers: dict[str, Any] = {}
        self.h: Any = None


class ModuleEngine(Engine):
    """Watches every module's call while an iteration is recorded."""

    name = "module"
    library = "torch"

    def __init__(self) -> None:
        self._names = Names()
        self._calls: list[Call] = []
        self._counts: dict[int, tuple[Any, int]] = {}
        self._apart: Observer | None = None  # to be told, at the first model, that no layers are watched

    def met(self, value: Any, label: str) -> None:
        """A model passed a probe: learn what its layers are called."""
        torch = torch_module()
        if torch is None:
            return
        if self._apart is not None and issubclass(type(value), torch.nn.Module):
            inside = self._apart.current()
            self._apart.remark(inside, COMPILED)
            self._apart = self._apart if inside is None else None
        if type(value) in (list, tuple):
            for index, each in enumerate(value[:ELEMENTS]):
                self._meet(each, f"{label}.{index}", label, torch, in_list=True)
        else:
            self._meet(value, label, label, torch, in_list=False)

    def _meet(self, value: Any, label: str, holder: str, torch: Any, *, in_list: bool) -> None:
        if issubclass(type(value), torch.nn.Module) and "_modules" in own(value):
            for path, module in modules(value):
                self._names.give(module, f"{label}.{path}" if path else label, holder, in_list=in_list)

    def holds(self, value: Any) -> tuple[Held, Held] | None:
        """The layers of a module, and what else it keeps in attributes: a list of models, say."""
        torch = torch_module()
        if torch is None or not issubclass(type(value), torch.nn.Module):
            return None
        kept = own(value)
        layers = kept.get("_modules")
        others = [(name, each) for name, each in kept.items() if name not in _internals(torch)]
        return list(layers.items()) if isinstance(layers, dict) else [], others

    def changes(self, value: Any, method: str) -> Iterable[Change]:
        """`model.zero_grad()` lets go of the gradients of all its parameters."""
        torch = torch_module() if method == "zero_grad" else None
        if torch is None or not issubclass(type(value), torch.nn.Module):
            return ()
        return [Change(each, "grad", path) for path, each in parameters(value)]

    def peek(self, value: Any, attribute: str) -> tuple[bool, Any]:
        """A module keeps parameters, buffers and layers in dicts of its own."""
        torch = torch_module()
        if torch is None or not issubclass(type(value), torch.nn.Module):
            return False, None
        kept = own(value)
        for store in ("_parameters", "_buffers", "_modules"):
            held = kept.get(store, {})
            if attribute in held:
                return True, held[attribute]
        return True, kept.get(attribute)

    @contextmanager
    def recording(self, observer: Observer) -> Iterator[None]:
        torch = torch_module()
        if torch is None:
            yield
            return
        if _compiles():
            self._apart = observer
            try:
                yield
            finally:
                self._apart = None
            return

        def before(module: Any, inputs: tuple[Any, ...]) -> None:
            try:
                self._enter(module, inputs, observer, torch)
            except Exception as error:
                observer.fault(error)

        def after(module: Any, inputs: tuple[Any, ...], keywords: dict[str, Any], output: Any) -> None:
            try:
                self._leave(module, inputs, keywords, output, observer, torch)
            except Exception as error:
                observer.fault(error)

        self._names = Names()
        hooks = torch.nn.modules.module
        handles = [
            hooks.register_module_forward_pre_hook(before),
            hooks.register_module_forward_hook(after, with_kwargs=True),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            self._calls.clear()
            self._counts.clear()

    def _enter(self, module: Any, inputs: tuple[Any, ...], observer: Observer, torch: Any) -> None:
        name = self._names.get(module)
        if name is None:  # nobody knows where it lies: told from others of its class by a number
            self._names.give(module, type(module).__name__)
            name = self._names.get(module) or type(module).__name__
        self._names.settle(module)
        held = self._counts.get(id(module))
        number = held[1] + 1 if held is not None else 1
        self._counts[id(module)] = (module, number)  # held, so that its id is nobody else's
        text = name if number == 1 else f"{name}, call {number}"
        detail = ModuleCall(name, number, bool(own(module).get("training", True)))
        call = Call(module, detail, observer.begin("module", text, type(module).__name__))
        self._calls.append(call)
        observer.contributed(self.name)
        if call.event is None:
            return
        observer.tell(call.event, detail)
        given = _tensors(inputs, torch)
        if type(module).__name__ in LAYERS and len(given) == 1:
            call.h = observer.keep(given[0])
        for index, value in enumerate(given):
            _read(value, f"input {index} of {name}", observer, call.event)
        for path, parameter in own(module).get("_parameters", {}).items():
            if parameter is not None:
                label = observer.label_of(parameter)
                label = f"{name}.{path}" if label is None or is_place(label) else label
                observer.add(label, "parameter", "operand", observer.keep(parameter), call.event, value=parameter)
        for path, buffer in own(module).get("_buffers", {}).items():
            if buffer is not None:
                call.buffers[path] = observer.keep(buffer)

    def _leave(
        self,
        module: Any,
        inputs: tuple[Any, ...],
        keywords: dict[str, Any],
        output: Any,
        observer: Observer,
        torch: Any,
    ) -> None:
        while self._calls:  # a call that an exception left early never came to its end
            call = self._calls.pop()
            if call.module is not module:
                continue
            if call.event is None:
                return
            name = call.detail.path
            for key, given in keywords.items():  # what is handed over by keyword is told to this hook only
                for value in _tensors(given, torch):
                    _read(value, f"{key} of {name}", observer, call.event)
            found = _tensors(output, torch)
            if not call.detail.training and depends_on_mode(module, torch):
                trained = any(look(value, "requires_grad", torch) for value in found)
                observer.tell(call.event, msgspec.structs.replace(call.detail, unlike_training=trained))
            for index, value in enumerate(found):
                role: Role = "activation" if look(value, "ndim", torch) else "loss"
                observer.note(name if len(found) == 1 else f"{name}[{index}]", role, "result", value, call.event)
            for path, before in call.buffers.items():
                after = observer.keep(own(module)["_buffers"].get(path))
                if after is before:
                    observer.add(f"{name}.{path}", "other", "operand", before, call.event)
                else:
                    observer.add(f"{name}.{path}", "other", "before", before, call.event)
                    observer.add(f"{name}.{path}", "other", "after", after, call.event)
            if call.h is not None and len(found) == 1 and not look(found[0], "requires_grad", torch):
                _gate(call, _tensors(inputs, torch)[0], found[0], observer)
            if (
                issubclass(type(module), torch.nn.modules.dropout._DropoutNd)
                and len(found) == 1
                and call.detail.training
            ):
                mask = _mask(module, _tensors(inputs, torch), found[0], torch)
                observer.note(f"mask of {name}", "other", "result", mask, call.event)
                off = not torch.is_grad_enabled()
                observer.tell(call.event, msgspec.structs.replace(call.detail, unlike_evaluation=off))
                if mask is None and own(module).get("p"):
                    observer.remark(call.event, "what it dropped is not kept by torch, and cannot be told")
            observer.end(call.event)
            return


def _read(value: Any, otherwise: str, observer: Observer, event: int) -> None:
    """A tensor was handed to a module."""
    role = observer.role_of(value)
    role = role if role in ("data", "setting", "parameter") else "activation"
    observer.note(observer.label_of(value) or otherwise, role, "operand", value, event)


def _gate(call: Call, h: Any, output: Any, observer: Observer) -> None:
    """An activation ran without a graph (`no_grad`): it is a gate all the same, that no gradient comes to."""
    opening = opening_of_layer(call.module)
    if opening is None or call.event is None:
        return
    gate = GateSeen(observer.label_of(h) or f"input of {call.detail.path}", opening.op, call.event, call.h, "h <= 0")
    gate.out = observer.keep(output)
    if opening.share is not None:
        gate.soft, gate.share = opening.soft, lambda kept: opening.at(kept.at_home)
    observer.gate(gate)


def _mask(module: Any, inputs: list[Any], output: Any, torch: Any) -> Any:
    """What a dropout multiplied its input with: as autograd kept it, else worked out; None where neither can be."""
    node = maker(output, torch)
    kind = node.name() if node is not None else ""
    factor = saved(node, "other") if kind == "MulBackward0" else None
    if factor is not None:
        return factor
    p, inplace = own(module).get("p", 0), own(module).get("inplace")
    passed = saved(node, "result1") if kind == "NativeDropoutBackward0" else None  # the form that runs on a GPU
    if passed is not None and p < 1:
        with unnoticed():
            return passed.to(output.dtype) / (1 - p)
    if (
        capturing(torch)
        or inplace
        or not inputs
        or not 0 < p < 1
        or any(_is_wrapped(each, torch) for each in (*inputs, output))
    ):
        return None
    with unnoticed():
        # an entry that was zero before tells nothing of the mask, and the mask nothing of it
        mask = ((output != 0) | (inputs[0] == 0)).to(output.dtype) / (1 - p)
        return mask if torch.equal(inputs[0] * mask, output) else None


def _is_wrapped(tensors: list[Any], torch: Any) -> bool:
    """Whether one of these is no plain tensor: working with it could be noticed."""
    wrapped = torch._C._functorch.is_functorch_wrapped_tensor
    return any(type(each) is not torch.Tensor or wrapped(each) for each in tensors)


def _compiles() -> bool:
    """Whether the script has compiled anything: the compiler would trace our hooks, and make other code with them."""
    frames = sys.modules.get("torch._dynamo.eval_frame")
    # `torch.compiler.disable`, which every optimizer's step is wrapped in, is entered there as a backend that is None
    return any(backend is not None for backend in getattr(frames, "cached_backends", {}).values())


@cache
def _internals(torch: Any) -> frozenset[str]:
    """The attributes that every module has: its hooks, its parameters and layers."""
    return frozenset(vars(torch.nn.Module()))


def _tensors(value: Any, torch: Any) -> list[Any]:
    """The tensors in what goes into or comes out of a module: alone, or in exact tuples, lists and dicts."""
    if issubclass(type(value), torch.Tensor):
        return [value]
    if type(value) in (tuple, list):
        return [tensor for item in value[:TENSORS] for tensor in _tensors(item, torch)][:TENSORS]
    if type(value) is dict:
        return [tensor for item in list(value.values())[:TENSORS] for tensor in _tensors(item, torch)][:TENSORS]
    return []
