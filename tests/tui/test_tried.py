"""Where Textual has not got the parts that the app stands on, it is drawn as Textual draws."""

from __future__ import annotations

import ast
import gc
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FunctionType

import pyte
import pytest
import textual._context
from textual._compositor import CompositorUpdate
from textual.app import App

import stepper.tui
from stepper.tui import tried
from stepper.tui.drawn import OF_COMPOSITORS, OF_SCREENS, OF_WIDGETS, DrawnScreen
from tests.tui.screen import app_of, ready, settled
from tests.tui.standin import Standin

PARTS = (*OF_COMPOSITORS, *OF_SCREENS, *OF_WIDGETS)
OTHERS = ("_batch_count", "_check_bindings", "_driver")
Change = Callable[[pytest.MonkeyPatch], None]


def renamed(code: CodeType, names: dict[str, str]) -> CodeType:
    """Code that uses other names."""
    inner = (renamed(each, names) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_names=tuple(names.get(each, each) for each in code.co_names), co_consts=tuple(inner))


def rename(*parts: str) -> Change:
    """Let all of Textual call some of its parts otherwise."""

    def change(monkeypatch: pytest.MonkeyPatch) -> None:
        names = {part: f"{part}_by_another_name" for part in parts}
        gc.unfreeze()  # what was loaded before the tests is set aside, and not listed
        for each in gc.get_objects():  # other tests' among them, which may run code of their own when asked for a class
            if type(each) is FunctionType and str(each.__module__).startswith("textual"):
                code = renamed(each.__code__, names)
                if code != each.__code__:
                    monkeypatch.setattr(each, "__code__", code)
            elif issubclass(type(each), type) and str(each.__module__).startswith("textual"):
                for name in names.keys() & vars(each).keys():
                    monkeypatch.setattr(each, names[name], vars(each)[name], raising=False)
                    monkeypatch.delattr(each, name)

    return change


def is_other_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tried, "VERSIONS", "8.1.")


def has_no_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "stepper.tui.painting")
    monkeypatch.delattr(textual._context, "visible_screen_stack")


async def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a terminal shows that is sent all that the app sends."""
    app = app_of(Standin())
    terminal = pyte.Screen(120, 40)
    stream = pyte.Stream(terminal)

    def display(app: App[None], _: object, update: object) -> None:
        if isinstance(update, CompositorUpdate):
            stream.feed(update.render_segments(app.console))

    monkeypatch.setattr(App, "_display", display)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for key in ("n", "2", "down", "n"):
            await pilot.press(key)
            await settled(pilot)
        return list(terminal.display)


@pytest.mark.parametrize("change", [*map(rename, PARTS), is_other_version, has_no_module], ids=[*PARTS, "", ""])
def test_a_screen_is_painted_our_way_only_where_all_parts_are_there(
    change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert DrawnScreen().ours
    change(monkeypatch)
    assert not DrawnScreen().ours


@pytest.mark.parametrize("change", [rename(*PARTS, *OTHERS), rename("_batch_count"), is_other_version])
async def test_the_same_is_drawn_by_a_textual_with_other_parts(change: Change) -> None:
    with pytest.MonkeyPatch.context() as patched:
        usual = await drawn(patched)
    with pytest.MonkeyPatch.context() as patched:
        change(patched)
        assert await drawn(patched) == usual


def test_nothing_else_is_used_that_textual_keeps_to_itself() -> None:
    defined: set[str] = set()
    used: set[str] = set()
    for module in Path(stepper.tui.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and re.match("_[a-z]", node.attr):
                own = isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"
                (defined if own else used).add(node.attr)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                defined.add(node.name)
            elif isinstance(node, ast.AnnAssign | ast.Assign):
                targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
                defined |= {target.id for target in targets if isinstance(target, ast.Name)}
    assert used - defined <= {*PARTS, *OTHERS}
