"""Scripts of the person's own as they are remembered: by path; a module by its file's, and the name it was run by."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from stepper.session.target import module_of

RUN_AS = " -m "


class Recent(NamedTuple):
    """A script that was opened before: what is remembered of it, the target that it is now, and its file."""

    entry: str
    target: str
    path: str


def entry_of(target: str, script: str) -> str:
    """What is to be remembered of an open target: `/home/me/train.py`, `/home/me/lab/train.py -m lab.train`."""
    module = module_of(target)
    return plain(script) if module is None else f"{plain(script)}{RUN_AS}{module}"


def plain(path: str) -> str:
    """The path of a file from the root, however it was typed: without `.`, `..` and doubled slashes."""
    short = os.path.abspath(path)
    try:
        return short if os.path.samefile(short, path) else os.path.realpath(path)
    except OSError:
        return short  # there is no such file


def tidied(entry: str) -> str:
    """What is remembered of a script, as it is written down now; earlier versions kept paths as they were typed."""
    path, run_as, module = entry.rpartition(RUN_AS)
    return f"{plain(path)}{run_as}{module}" if run_as else plain(entry)


def there(entry: str) -> Recent | None:
    """What a remembered script is as a target; None where its file is gone, or its module's name leads elsewhere from
    here."""
    path, run_as, module = entry.rpartition(RUN_AS)
    if not run_as:
        return Recent(entry, entry, entry) if os.path.isfile(entry) else None
    if not os.path.isfile(path):
        return None
    parts = module.split(".")
    for tail in (parts, [*parts, "__main__"]):
        end = f"{os.sep}{os.path.join(*tail)}.py"
        if path.endswith(end) and path.removesuffix(end) in (os.getcwd(), *sys.path[1:]):
            return Recent(entry, f"-m {module}", path)
    return None
