"""Whether a recording leaves hooks behind: those that torch keeps globally, and those on the nodes of a graph."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from stepper.engines.backward import Passes
from stepper.inferior.runner import Runner

MODULE_HOOKS = (
    "_global_forward_hooks",
    "_global_forward_pre_hooks",
    "_global_backward_hooks",
    "_global_backward_pre_hooks",
    "_global_buffer_registration_hooks",
    "_global_parameter_registration_hooks",
)
OPTIMIZER_HOOKS = ("_global_optimizer_pre_hooks", "_global_optimizer_post_hooks")


def global_hooks() -> dict[str, int]:
    """How many hooks there are for all modules and optimizers; and whether torch's own function runs the passes."""
    modules: Any = torch.nn.modules.module
    optimizers: Any = sys.modules["torch.optim.optimizer"]
    found = {name: len(getattr(modules, name)) for name in MODULE_HOOKS}
    found |= {name: len(getattr(optimizers, name)) for name in OPTIMIZER_HOOKS}
    autograd: Any = torch.autograd
    found["passes of torch's own"] = autograd._engine_run_backward.__module__ == "torch.autograd.graph"
    found["function modes"] = torch._C._len_torch_function_stack()
    found["dispatch modes"] = torch._C._len_torch_dispatch_stack()
    found["threads of backward"] = torch._C._is_multithreading_enabled()
    return found


def hooks_on(node: Any) -> tuple[int, int]:
    """How many hooks hang behind and before a node of a graph."""
    after, before = node.register_hook(lambda *_: None), node.register_prehook(lambda *_: None)
    counts = (len(after.hooks_dict_ref()) - 1, len(before.hooks_dict_ref()) - 1)
    after.remove()
    before.remove()
    return counts


@contextmanager
def nothing_left_behind() -> Iterator[list[int]]:
    """While this lasts, every record's end is checked for hooks that it leaves. Yields the number of nodes checked, by
    record."""
    watch, begin, end = Passes._watch, Runner._begin_record, Runner._end_record
    nodes: list[tuple[Any, tuple[int, int]]] = []
    before: dict[str, int] = {}
    checked: list[int] = []

    def watched(self: Passes, node: Any) -> None:
        nodes.append((node, hooks_on(node)))
        watch(self, node)

    def begun(self: Runner, iteration: int | None) -> None:
        before.clear()
        before.update(global_hooks())
        begin(self, iteration)

    def ended(self: Runner, error: str | None, unfinished: bool = False) -> None:
        end(self, error, unfinished)
        assert global_hooks() == before
        assert [node for node, counts in nodes if hooks_on(node) != counts] == []
        checked.append(len(nodes))
        nodes.clear()

    Passes._watch, Runner._begin_record, Runner._end_record = watched, begun, ended  # type: ignore[method-assign]
    try:
        yield checked
    finally:
        Passes._watch, Runner._begin_record, Runner._end_record = watch, begin, end  # type: ignore[method-assign]
