"""Notices when the script imports a library that an engine belongs to, and acts right when that import ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class _Loader(Loader):
    """Stands in for a module's own loader for the length of its import."""

    def __init__(self, loader: Any, then: Callable[[], None]) -> None:
        self._loader = loader
        self._then = then

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self._loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._then()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


class ImportWatch(MetaPathFinder):
    """A finder that finds nothing itself, and calls `imported(library)` when a watched library has been imported."""

    def __init__(self, libraries: Sequence[str], imported: Callable[[str], None]) -> None:
        self._waiting = set(libraries)
        self._imported = imported

    def install(self) -> None:
        """Watch from now on; what is imported already is reported at once."""
        for library in sorted(self._waiting & set(sys.modules)):
            self._waiting.discard(library)
            self._imported(library)
        if self._waiting:
            sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._waiting:
            return None
        self._waiting.discard(fullname)
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, lambda: self._imported(fullname))
                return spec
        return None
