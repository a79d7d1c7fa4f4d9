"""The process that scripts' processes are forked from: stepper's own code and the libraries are loaded in it.

A forked process is as one that has just begun: the libraries are taken out of `sys.modules`, and come back as they are
when the script imports them, so that stepper notices the import and seeds the generators as ever. What an interpreter
reads when it starts cannot be made up for (the environment, the seed of hashes): see `client`. Nothing is loaded here
that stepper or these libraries would not load. At the end the libraries are not torn down:
with torch that takes three times as long as a small script.
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import gc
import importlib
import json
import os
import select
import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import stepper.inferior.main  # noqa: F401 (loaded here, so that it need not be in each of them)
from stepper.engines.registry import builtin_engines
from stepper.inferior.pages import gather

STATUS = struct.Struct("=i")  # a process's number when it has begun; its wait status when it is over
MOST = 1 << 16  # bytes of a request
FREE = 256  # descriptors from here on are nobody's
OURS = ("tests", "tests.ready", "tests.ready.server")
# In the order in which they load each other: each with those of them that its import brings
NUMPY = (("numpy", ()), ("numpy.random", ()))
TORCH = (*NUMPY, ("torch", ("numpy",)), ("torch._dynamo", ("numpy.random",)))  # its compiler comes with an optimizer


class GivenBack(MetaPathFinder, Loader):
    """Finds a library that was loaded and taken out of `sys.modules`. Its import puts all back that it had loaded; that
    of one of those modules, before it, that module alone."""

    def __init__(self, library: str, needs: Sequence[str]) -> None:
        before = {*sys.modules, *sys.stdlib_module_names, "__mp_main__"}
        self._library = library
        self._needs = needs
        importlib.import_module(library)
        self._modules = {
            name: module
            for name, module in sys.modules.items()
            if name not in before and name.partition(".")[0] not in sys.stdlib_module_names
        }
        self._held: list[tuple[ModuleType, str, ModuleType]] = []  # by modules that had been there before
        self._own = {name: (module.__spec__, module.__loader__) for name, module in self._modules.items()}
        self._itself = self  # nobody collects a cycle that is frozen, nor what it holds

    def take_out(self) -> None:
        """From now on it is as if it had never been imported."""
        for name, module in self._modules.items():
            del sys.modules[name]
            package, _, attribute = name.rpartition(".")
            holder = sys.modules.get(package) if package not in self._modules else None
            if holder is not None and vars(holder).get(attribute) is module:
                delattr(holder, attribute)
                self._held.append((holder, attribute, module))
        sys.modules.pop("__mp_main__", None)  # by which `multiprocessing` calls our own main module
        sys.meta_path.insert(0, self)

    def leave(self) -> None:
        """The interpreter, which is about to end, forgets the library as it stands."""
        for name, module in self._modules.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        module = self._modules.get(fullname)
        if module is None:
            return None
        return ModuleSpec(fullname, self, origin=module.__file__, is_package=hasattr(module, "__path__"))

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        module.__spec__, module.__loader__ = self._own[name]
        if name != self._library:
            return
        for each in self._needs:
            importlib.import_module(each)
        for other in self._modules.keys() - sys.modules.keys():
            sys.modules[other] = self._modules[other]
        for holder, attribute, held in self._held:
            setattr(holder, attribute, held)
        if name == "numpy.random":
            module.seed()  # each process draws numbers of its own


def serve(descriptor: int, libraries: str) -> tuple[int, int]:
    """With these libraries ready (`NUMPY`, `TORCH`), fork a process for each request until nobody asks any more.

    Returns in each of those, with what its `main` is given: the descriptors of its socket and of its whereabouts.
    """
    gc.disable()  # as `main` does until the script begins
    builtin_engines()  # their modules are loaded when first they are asked for
    given: list[GivenBack] = []

    def leave() -> None:
        for library in given:
            library.leave()

    atexit.register(leave)  # before all that the libraries register, so that it is called last
    given += [GivenBack(name, needs) for name, needs in globals()[libraries]]
    for library in given[::-1]:
        library.take_out()
    libc = ctypes.CDLL(None)  # what is asked for last is called first: before all that the libraries asked for
    libc.on_exit(libc._exit, None)
    libc.on_exit(libc.fcloseall, None)
    gc.collect()
    gc.freeze()
    gather()
    asked = socket.socket(fileno=descriptor)
    running: dict[int, tuple[int, int]] = {}  # a process's number and where its end is told, by its descriptor
    while True:
        for heard in select.select([descriptor, *running], [], [])[0]:
            if heard != descriptor:
                process, status = running.pop(heard)
                ended = os.waitpid(process, 0)[1]
                with suppress(BrokenPipeError):  # nobody waits for it any more
                    os.write(status, STATUS.pack(ended))
                os.close(status)
                os.close(heard)
                continue
            request, received, _, _ = socket.recv_fds(asked, MOST, 16)
            if not request:
                os._exit(0)
            process = os.fork()
            if process == 0:
                asked.detach()
                return _begun(json.loads(request), received)
            status, *given_on = received
            running[os.pidfd_open(process)] = process, status
            for each in given_on:
                os.close(each)


def _begun(request: dict[str, object], received: list[int]) -> tuple[int, int]:
    """In the process that was forked: it tells its number, and has the descriptors and the surroundings asked for."""
    status, *given = (fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, FREE) for each in received)
    os.closerange(3, FREE)
    os.setsid()
    wanted = request["descriptors"]
    assert isinstance(wanted, list)
    for each, number in zip(given, wanted, strict=True):
        os.dup2(each, number, inheritable=True)
        os.close(each)
    os.write(status, STATUS.pack(os.getpid()))
    os.close(status)
    os.chdir(str(request["folder"]))
    os.environ["PYTHONHASHSEED"] = str(request["PYTHONHASHSEED"])
    for name in OURS:
        del sys.modules[name]
    return wanted[3], wanted[4]
