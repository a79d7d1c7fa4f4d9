"""The script's imports: the end of a library's, that an engine belongs to, is noticed; the script's own modules are
given their code with probes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

from stepper.inferior.reading import decoded
from stepper.program.errors import ProgramError
from stepper.program.modules import Module


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
        spec = found_by_others(self, fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, lambda: self._imported(fullname))
        return spec


class _WithProbes(SourceFileLoader):
    """Loads a module from code that was made before; all else is as for any. Where its text is not `settled`, only
    while the file still says the same: the script may have written it just now. `loaded` takes note of it."""

    def __init__(self, name: str, module: Module, settled: bool, loaded: list[str]) -> None:
        super().__init__(name, module.path)
        self._module = module
        self._settled = settled
        self._loaded = loaded

    def get_code(self, fullname: str) -> CodeType | None:
        settled, self._settled = self._settled, False  # once: it may be written anew, and reloaded
        try:
            same = settled or decoded(self.get_data(self.path)) == self._module.source
        except ProgramError:
            same = False
        if not same:
            return super().get_code(fullname)
        self._loaded.append(self.path)
        return self._module.code


class OwnModules(MetaPathFinder):
    """Gives the script's own modules their code, where the import system finds the very files that it was made of.

    `settled` are the paths whose texts an earlier process ran; `loaded` those that have got their code.
    """

    def __init__(self, modules: Sequence[Module], settled: Collection[str] = ()) -> None:
        self._modules = {module.name: module for module in modules}
        self._settled = settled
        self.loaded: list[str] = []

    def install(self) -> None:
        """From now on."""
        if self._modules:
            sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        module = self._modules.get(fullname)
        if module is None:
            return None
        spec = found_by_others(self, fullname, path, target)
        if spec is not None and spec.origin == module.path and type(spec.loader) is SourceFileLoader:
            settled = module.path in self._settled and module.path not in self.loaded
            spec.loader = _WithProbes(fullname, module, settled, self.loaded)
        return spec


def found_by_others(
    finder: MetaPathFinder, fullname: str, path: Sequence[str] | None, target: ModuleType | None
) -> ModuleSpec | None:
    """What the import system finds without this finder."""
    for other in sys.meta_path:
        spec = other.find_spec(fullname, path, target) if other is not finder else None
        if spec is not None:
            return spec
    return None
