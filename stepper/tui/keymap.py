"""Which keys an action has: those of the table, unless the person's configuration gives it others."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from textual.keys import KEY_NAME_REPLACEMENTS

from stepper.tui.action import WORDS, Action, key_name
from stepper.tui.actions import ACTIONS

NAMES = {action.name: action for action in ACTIONS}
MODIFIERS = frozenset({"ctrl", "alt", "shift", "super", "meta", "hyper"})


class Keymap:
    """The keys of every action. `changed` are those that are not the table's."""

    def __init__(self, changed: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.changed = dict(changed or {})

    def keys(self, action: Action) -> tuple[str, ...]:
        """The keys of an action, as Textual names them."""
        return self.changed.get(action.name, action.keys)

    def shown(self, action: Action | str) -> str:
        """The first of them, as it is written on the screen."""
        return key_name(self.keys(NAMES[action] if isinstance(action, str) else action)[0])

    @property
    def for_textual(self) -> dict[str, str]:
        """What `App.set_keymap` takes: keys by the id of the binding."""
        return {name: ",".join(keys) for name, keys in self.changed.items()}


def keymap_of(found: Mapping[str, object]) -> tuple[Keymap, list[str]]:
    """From the table `[keys]` of the configuration: a key, or a list of keys, by an action's name.

    What is wrong in it is left out and told, a line for each: a name or a key that there is not, and a key that would
    have two meanings.
    """
    changed: dict[str, tuple[str, ...]] = {}
    mistakes: list[str] = []
    for name, given in _flat(found).items():
        try:
            changed[name] = _keys(name, given)
        except ValueError as error:
            mistakes.append(str(error))
    while (clash := _clash(Keymap(changed))) is not None:
        key, one, other = clash
        mistakes.append(f"[keys] gives {key_name(key)} to both {one} and {other}")
        # the later one of the person's own gives way, and has the table's keys again
        del changed[other if other in changed else one]
    return Keymap(changed), mistakes


def _clash(keymap: Keymap) -> tuple[str, str, str] | None:
    """A key with two meanings, and the two."""
    for panel in sorted({action.panel for action in ACTIONS}):
        taken: dict[str, str] = {}
        for action in ACTIONS:
            if action.panel not in ("", panel):
                continue
            for key in keymap.keys(action):
                other = taken.setdefault(key, action.name)
                if other != action.name:
                    return (key, other, action.name)
    return None


def _flat(found: Mapping[str, object], path: str = "") -> dict[str, object]:
    """`step.next` may be written as it is, which TOML reads as tables in tables, or in quotes."""
    flat: dict[str, object] = {}
    for name, value in found.items():
        flat |= _flat(value, f"{path}{name}.") if isinstance(value, dict) else {path + name: value}
    return flat


def _keys(name: str, given: object) -> tuple[str, ...]:
    if name not in NAMES:
        import difflib  # only to complain with: opening the app need not wait for it

        near = difflib.get_close_matches(name, NAMES, n=1)
        raise ValueError(f"[keys] has no action {name}" + (f"; did you mean {near[0]}?" if near else ""))
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise ValueError(f"[keys] {name} must be a key, or a list of keys")
    return tuple(_key(name, text) for text in texts)


def _key(name: str, text: str) -> str:
    *modifiers, base = [*text[:-1].split("+"), text[-1]] if text.endswith("+") else text.split("+")
    modifiers = [modifier.lower() for modifier in modifiers if modifier]
    known = len(base) == 1 or base.lower() in WORDS
    if not set(modifiers) <= MODIFIERS or not known:
        raise ValueError(f"[keys] {name}: there is no key {text}")
    return "+".join([*modifiers, _named(base) if len(base) == 1 else base.lower()])


def _named(character: str) -> str:
    """Textual's name of a character's key: `a`, `A`, `question_mark`, `tilde`."""
    if character.isalnum():
        return character
    name = unicodedata.name(character, character).lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)
