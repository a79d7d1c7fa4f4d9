"""From what the person typed to what can be launched: a variant's name, a script's path or a module's name, checked."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from stepper.inferior.protocol import Launch
from stepper.session.errors import Misuse
from stepper.session.options import LARGEST_COUNT, LARGEST_MEMORY, LARGEST_SEED, LARGEST_THREADS, Options
from stepper.variants import VARIANTS, Variant, nearest


def launch_of(target: str, options: Options) -> Launch:
    """The launch for a target. Raises Misuse for everything that can be known before a process is started."""
    module = module_of(target)
    variant = None if module is not None or _looks_like_a_path(target) else VARIANTS.get(target)
    settings: dict[str, str] = {}
    if module == "":
        raise Misuse(f"{target}: -m needs a module's name, as package.train")
    if variant is not None:
        script = str(variant.path)
        settings.update(_preset(target, variant, options.preset))
        if options.device is not None and _kind(options.device) not in variant.devices:
            raise Misuse(f"{target}: runs on {' or '.join(variant.devices)} only, not on {options.device}")
    else:
        script = _script(target) if module is None else ""  # where that is, the script's process finds as Python does
        if _is_broken(script or target):
            raise Misuse(
                f"{target}: its path is not UTF-8, which stepper needs; rename it, or link to it by another name"
            )
        if options.preset is not None:
            raise Misuse(f"{target}: has no presets (only variants have); set its values with --set NAME=VALUE")
    if any(_is_broken(text) for text in (*options.arguments, *options.settings, options.loss or "")):
        raise Misuse(f"{target}: what was typed behind it is not UTF-8, which stepper needs")
    for text in options.settings:
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier():
            raise Misuse(f"{target}: --set needs NAME=VALUE, not '{text}'")
        settings[name.strip()] = value.strip()
    if options.device is not None and _kind(options.device) not in ("cpu", "cuda"):
        raise Misuse(f"{target}: unknown device '{options.device}'; use cpu or cuda")
    if options.threads is not None and not 1 <= options.threads <= LARGEST_THREADS:
        raise Misuse(f"{target}: --threads must be from 1 to {LARGEST_THREADS}, not {options.threads}")
    if options.seed is not None and not 0 <= options.seed <= LARGEST_SEED:
        raise Misuse(f"{target}: --seed must be from 0 to {LARGEST_SEED}, not {options.seed}")
    if options.memory < 1:
        raise Misuse(f"{target}: --memory must be at least 1 byte, not {options.memory}")
    if options.memory > LARGEST_MEMORY:
        raise Misuse(f"{target}: --memory must be at most {LARGEST_MEMORY >> 40}T, not {options.memory}")
    if options.loop is not None and options.loop != "none" and not _is_a_line(options.loop.rpartition(":")[2]):
        raise Misuse(f"{target}: --loop needs a line number, FILE:LINE or 'none', not '{options.loop}'")
    return Launch(
        name=target,
        what_if=list(options.what_if),
        script=script,
        kind="variant" if variant is not None else "script" if module is None else "module",
        module=module or "",
        arguments=options.arguments,
        settings=settings,
        seed=options.seed,
        device=options.device,
        threads=options.threads,
        loop=options.loop,
        loss=options.loss,
        memory=options.memory,
    )


def module_of(target: str) -> str | None:
    """The module that a target names, as for `python -m`: `-m package.train`; None for a script or a variant."""
    flag, _, name = target.partition(" ")
    return name.strip() if flag == "-m" else None


def folder_of(target: str, script: str) -> str:
    """The folder from which the files of a target are named: where its modules are found first."""
    return os.path.dirname(os.path.realpath(script)) if module_of(target) is None else os.getcwd()


def _is_broken(text: str) -> bool:
    """Whether a text came from bytes that are no UTF-8."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _is_a_line(text: str) -> bool:
    return text.isdecimal() and len(text) < len(str(LARGEST_COUNT))


def _kind(device: str) -> str:
    return device.partition(":")[0]


def _looks_like_a_path(target: str) -> bool:
    return os.sep in target or target.endswith((".py", ".ipynb"))


def _preset(target: str, variant: Variant, preset: str | None) -> dict[str, str]:
    if preset is None:
        return {}
    if preset not in variant.presets:
        known = ", ".join(variant.presets) or "none"
        raise Misuse(f"{target}: unknown preset '{preset}' (its presets: {known})")
    return {name: str(value) for name, value in variant.presets[preset].items()}


def _beside(path: Path) -> str:
    """The script in the same folder that a misspelt one may be."""
    try:
        there = {each.stem: each for each in path.parent.iterdir() if each.suffix == path.suffix and each.is_file()}
    except OSError:
        return ""
    close = difflib.get_close_matches(path.stem, there, n=1)
    return f"; did you mean {there[close[0]]}?" if close else ""


def _script(target: str) -> str:
    path = Path(target)
    if not path.exists() and not _looks_like_a_path(target):
        close = nearest(target)
        hint = f"did you mean '{close}'? " if close else ""
        raise Misuse(f"{target}: unknown variant and no such file; {hint}'stepper list' shows the variants")
    if not path.exists():
        raise Misuse(f"{target}: no such file{_beside(path)}")
    if path.is_dir():
        raise Misuse(f"{target}: is a directory; name a Python script")
    if path.suffix == ".ipynb":  # its text, of JSON, may be Python's, too
        raise Misuse(f"{target}: is a notebook; jupyter nbconvert --to script makes a Python script of it")
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise Misuse(f"{target}: cannot be read: {error.strerror or error}") from error
    return os.path.join(os.getcwd(), target)  # as Python itself names the file of its `__main__`
