"""Compiles the loops in `stepper/engines/_native.c` when stepper is installed, where there is a C compiler.

Without one, or where it fails, stepper works all the same, a little slower: everything there has a twin in Python.
An editable installation has its modules compiled to bytecode, too, which pip does for all other installations only.
"""

from __future__ import annotations

import compileall
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path("stepper/engines/_native.c")
# No fused multiply-add: the same figures whatever the processor
FLAGS = ("-O3", "-ffp-contract=off", "-fPIC", "-Wno-psabi")


class NativeBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the compiled module beside its source, and into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            # Where Python is told to write none by itself, each start of a script would compile all of them anew
            compileall.compile_dir(Path(self.root) / "stepper", quiet=2)
        target = SOURCE.with_name(f"_native{sysconfig.get_config_var('EXT_SUFFIX')}")
        if not self._compiled(Path(self.root) / target):
            return
        if version != "editable":
            build_data["artifacts"].append(str(target))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def _compiled(self, target: Path) -> bool:
        linker = shlex.split(sysconfig.get_config_var("LDSHARED") or "")
        if not linker or sys.platform == "win32":
            return False
        include = [f"-I{sysconfig.get_path(name)}" for name in ("include", "platinclude")]
        fresh = target.with_suffix(f"{target.suffix}.new")  # another process may have the old one loaded
        command = [*linker, *FLAGS, *include, str(Path(self.root) / SOURCE), "-o", str(fresh), "-lm"]
        try:
            subprocess.run(command, check=True, capture_output=True)
            fresh.replace(target)
        except (OSError, subprocess.CalledProcessError) as error:
            told = getattr(error, "stderr", b"").decode(errors="replace").strip().splitlines()
            reason = told[-1] if told else str(error)
            self.app.display_warning(f"stepper goes without its compiled loops, a little slower: {reason}")
            return False
        return True
