"""The entry of the script's process: read what to run, analyse it, run it as `__main__`, and stay for questions."""

from __future__ import annotations

import builtins
import functools
import gc
import io
import os
import platform
import sys
import threading
from importlib.machinery import BuiltinImporter, SourceFileLoader
from types import ModuleType
from typing import Any

import msgspec

import stepper
from stepper.engines.arrays import numpy_module
from stepper.engines.base import Engine
from stepper.engines.modes import torch_module
from stepper.engines.registry import discover
from stepper.inferior import forking, threads
from stepper.inferior.by_name import Found, become, located, of_file
from stepper.inferior.channel import Channel
from stepper.inferior.control import Control
from stepper.inferior.ending import (
    Left,
    at_head,
    call_excepthook,
    clean_exit,
    exit_code,
    innermost,
    leaving,
    own_traceback,
)
from stepper.inferior.imports import ImportWatch, OwnModules
from stepper.inferior.ours import pass_over
from stepper.inferior.protocol import VERSION, Ended, Hello, Launch, Line, Refused, Started
from stepper.inferior.reading import folder_of, own_modules, script_text
from stepper.inferior.recording.scalars import describe_error
from stepper.inferior.refusal import Refusal
from stepper.inferior.runner import Runner
from stepper.inferior.service import Service
from stepper.inferior.staying import let_go_at_exit
from stepper.inferior.whereabouts import Whereabouts
from stepper.program.errors import PartOfPackage
from stepper.program.program import Program, ProgramError, analyse
from stepper.program.settings import check, convert, places
from stepper.program.source import Source

FRAMES_BENEATH = 5  # `-c`, main, run, _execute, exec
FRAMES_OF_RUNPY = 3  # those that plain Python has beneath a module: _run_module_as_main, _run_code, exec


class Inferior:
    """One process's worth of a session."""

    def __init__(self, channel: Channel, launch: Launch, whereabouts: Whereabouts | None = None) -> None:
        self.channel = channel
        self.launch = launch
        self.whereabouts = Whereabouts() if whereabouts is None else whereabouts
        self.control = Control()
        if (run := launch.run) is not None:
            self.control.run(run.until, run.record_from, run.record_last)
        self.settings: dict[str, bool | int | float | str | None] = {}
        self.random_states: dict[str, bytes] = dict(launch.random_states)
        self.engines: list[Engine] = []
        self._available, self._broken = discover()
        self._module: Found | None = None

    def run(self) -> int:
        """Everything, in order. Returns the process's exit code."""
        try:
            self._find()
            program, code_settings = self._program()
        except ProgramError as error:
            self.channel.send(Refused(str(error)))
            return 2
        except Exception as error:  # whatever a script looks like, its person gets one line and no traceback of ours
            self.channel.send(Refused(f"cannot be analysed, which is a fault of stepper's ({describe_error(error)})"))
            return 2
        loop = program.loop
        texts = {program.path: program.source} | {module.path: module.source for module in program.modules}
        self.channel.send(
            Hello(
                protocol=VERSION,
                versions={"stepper": stepper.__version__, "python": platform.python_version()},
                source=texts.pop(program.home),
                loop=(loop.line, loop.end_line) if loop is not None else None,
                lines=[Line(number, phase) for number, phase in sorted(program.lines.items())],
                settings=program.settings,
                home=program.home,
                modules=texts,
                script=self.launch.script,
                module=self.launch.module,
                loops=list(program.loops),
            )
        )
        for message in self._broken:
            print(message, file=sys.stderr)
        numpy = next(engine for engine in self._available if engine.name == "numpy")
        runner = Runner(
            program,
            self.engines,
            numpy,
            self.channel,
            self.control,
            self._started,
            self.launch.memory,
            self.launch.record_setup,
            self.launch.count_later,
            self.launch.what_if,
        )
        runner.losses.asked = self.launch.loss or ""
        runner.recorder.whereabouts, runner.recorder.halt = self.whereabouts.cells, self.launch.halt
        runner.losses.whereabouts = self.whereabouts
        os.register_at_fork(after_in_child=runner.forked)
        forking.install()
        builtins.__stepper_setting__ = self._setting(code_settings)  # type: ignore[attr-defined]
        threads.begin(Service(self.channel, self.control, runner).run)
        main = self._main_module(program)
        self._activate_always()
        libraries = [engine.library for engine in self._available if engine.library is not None]
        ImportWatch(libraries, self._imported).install()
        self._own_modules = OwnModules(program.modules, self.launch.texts)
        self._own_modules.install()
        let_go_at_exit(lambda: self._own_modules.loaded)
        runner.install(self.launch.stops)
        self._watch_exit(program, runner)
        return self._execute(program, runner, main)

    # --------------------------------------------------------------------------------------------------- beginning

    def _find(self) -> None:
        """Find the file of a module that was named. Raises ProgramError."""
        launch = self.launch
        if launch.module:
            found = Found(launch.module, launch.script) if launch.script else located(launch.module)
            self._module = found
            self.launch = msgspec.structs.replace(launch, script=found.path, module=found.name)

    def _program(self) -> tuple[Program, dict[str, str]]:
        """The analysed script, and the texts of the settings to override. Raises ProgramError."""
        launch = self.launch
        source = script_text(launch.script, launch.texts)
        overrides = dict(launch.settings)
        if launch.device is not None:
            if _binds(source, launch.script, "device"):
                overrides["device"] = launch.device
            elif launch.device != "cpu":
                raise ProgramError(
                    f"has no top-level `device = …` that --device {launch.device} could set; it runs where it says"
                )
        program = self._analysed(source, list(overrides))
        for name, text in overrides.items():
            if name in program.settings:
                check(text, program.settings[name], name)
        return program, overrides

    def _analysed(self, source: str, settings: list[str]) -> Program:
        """The script with its own modules; without them where they are too much for us, which is said."""
        launch = self.launch
        analysed = functools.partial(
            analyse,
            source,
            launch.script,
            loop=launch.loop,
            loss=launch.loss,
            settings=settings,
            package=launch.module.rpartition(".")[0],
        )
        try:
            return analysed(find=own_modules(launch.script, source, launch.texts, self._module))
        except PartOfPackage as error:
            name, folder = of_file(launch.script, error.levels)
            where = "" if folder == os.path.realpath(os.getcwd()) else f" (from {folder})"
            raise ProgramError(f"{error}: -m {name}{where}") from error
        except ProgramError:
            raise
        except Exception as error:
            self._broken.append(f"stepper: calls into other files are not looked into ({describe_error(error)})")
            return analysed()

    def _main_module(self, program: Program) -> ModuleType:
        """A fresh `__main__`, as Python itself would make it for this file, and before it has found a module."""
        module = ModuleType("__main__")
        module.__dict__["__builtins__"] = builtins
        module.__annotations__ = {}
        if self._module is None:
            module.__file__ = program.path
            module.__dict__["__cached__"] = None
            module.__loader__ = SourceFileLoader("__main__", program.path)
        else:
            module.__loader__ = BuiltinImporter
        sys.modules["__main__"] = module
        typed = {"script": self.launch.name, "module": "-m"}.get(self.launch.kind, program.path)
        sys.argv = [typed, *self.launch.arguments]
        sys.path[:1] = [] if sys.flags.safe_path else [folder_of(program.path, self._module)]
        return module

    def _setting(self, texts: dict[str, str]) -> object:
        def setting(name: str, value: object) -> object:
            try:
                converted = convert(texts[name], value, name)
            except ProgramError as error:
                raise Refusal(str(error)) from None
            self.settings[name] = _told(converted)
            return converted

        return setting

    # --------------------------------------------------------------------------------------------------- libraries

    def _activate_always(self) -> None:
        for engine in self._available:
            if engine.library is None:
                self._activate(engine)

    def _imported(self, library: str) -> None:
        """The import of a library has just ended: its engines become active, its generators get their state."""
        torch = torch_module()
        if library == "numpy":
            numpy_module()  # before the script puts anything in the place of its functions
        if library == "torch" and torch is None:
            return  # a module of the script's own, that bears its name
        for engine in self._available:
            if engine.library == library:
                self._activate(engine)
        if library == "torch":
            if self.launch.threads is not None:
                torch.set_num_threads(self.launch.threads)
            if (self.launch.device or "").startswith("cuda") and not torch.cuda.is_available():
                raise Refusal("CUDA is not available on this machine; leave --device out, or say --device cpu")

    def _activate(self, engine: Engine) -> None:
        order = [each.name for each in self._available]
        self.engines.append(engine)
        self.engines.sort(key=lambda each: order.index(each.name))
        if self.launch.seed is not None:
            engine.seed(self.launch.seed)
        elif engine.name in self.random_states:
            engine.set_random_state(self.random_states[engine.name])
        else:
            state = engine.random_state()
            if state is not None:
                self.random_states[engine.name] = state

    def _started(self) -> None:
        """The setup is over: say what the run is made of."""
        versions = {"stepper": stepper.__version__, "python": platform.python_version()}
        threads = self.launch.threads or _cpu_count()
        for library in ("numpy", "torch"):
            module = sys.modules.get(library)
            if module is not None and hasattr(module, "__version__"):
                versions[library] = str(module.__version__)
        torch = torch_module()
        if torch is not None:
            threads = torch.get_num_threads()
        device = self.settings.get("device", self.launch.device or _device(torch))
        self.channel.send(
            Started(
                engines=[engine.name for engine in self.engines],
                device=str(device),
                threads=threads,
                settings=self.settings,
                versions=versions,
                random_states=self.random_states,
                loaded=self._own_modules.loaded,
            )
        )

    # --------------------------------------------------------------------------------------------------- execution

    def _execute(self, program: Program, runner: Runner, main: ModuleType) -> int:
        error: BaseException | None = None
        process = os.getpid()
        # A script may go exactly as deep as under plain Python, whatever frames of ours lie beneath it.
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + FRAMES_BENEATH)
        _write_by_line()
        _set_aside()
        pass_over(sys._getframe())
        try:
            if self._module is not None:
                become(main, self._module)
                if sys.getrecursionlimit() == limit + FRAMES_BENEATH:
                    sys.setrecursionlimit(limit + FRAMES_BENEATH - FRAMES_OF_RUNPY)
            exec(program.code, main.__dict__)
        except Refusal as refusal:
            self.channel.send(Refused(str(refusal)))
            self.control.wait_for_quit()
            return 2
        except BaseException as raised:
            if self.control.over:
                return 0
            error = raised
        self._flush()
        if os.getpid() != process:
            runner.end_copy("" if error is None or clean_exit(error) else describe_error(error))
            return _leave_forked(error)
        self._tell_end(error, program, runner)
        self.control.wait_for_quit()
        return exit_code(error)

    def _tell_end(self, error: BaseException | None, program: Program, runner: Runner) -> None:
        """The script is over, by itself or by what it raised: finish the record and say how it ended."""
        told = error if error is not None and not clean_exit(error) else None
        message = describe_error(told) if told is not None else None
        iterations = runner.finish(told, message, at_head=told is not None and at_head(told, program))
        text = own_traceback(told) if told is not None else None
        if isinstance(told, SystemExit):
            text = leaving(told, innermost(told, program), iterations, runner.failed_in)
        elif told is not None:
            call_excepthook(told)
            self._flush()
        if runner.begun == 0 and iterations == 0:
            self._started()
        self.channel.send(Ended(iterations, exit_code(error), text, runner.failed_in, isinstance(told, SystemExit)))

    def _watch_exit(self, program: Program, runner: Runner) -> None:
        """`os._exit` ends a process at once: let it be told first. A forked process, or a thread, leaves by itself."""
        process, thread, leave = os.getpid(), threading.get_ident(), os._exit

        @functools.wraps(leave)
        def _exit(status: int) -> None:
            if type(status) is int and (os.getpid(), threading.get_ident()) == (process, thread):
                self._tell_end(Left(status).at(sys._getframe(1)), program, runner)
                self.control.wait_for_quit()
            leave(status)

        os._exit = _exit  # type: ignore[assignment]

    def _flush(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (AttributeError, OSError, ValueError):
                continue  # the script closed or replaced it


def _leave_forked(error: BaseException | None) -> int:
    """The exit code of a process that the script forked, and that came to the script's end: it is nobody's run."""
    if isinstance(error, SystemExit):
        if error.code is not None and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
    elif error is not None:
        if sys.excepthook is sys.__excepthook__:
            print(own_traceback(error), end="", file=sys.stderr)
        else:
            call_excepthook(error)
    return exit_code(error)


def _device(torch: Any) -> str:
    """Where a script runs that nobody has told where to: what it calls its `device`, else what it has started."""
    named = sys.modules["__main__"].__dict__.get("device")
    if type(named) is str or (torch is not None and type(named) is torch.device):
        return str(named)[:80]
    return "cuda" if torch is not None and torch.cuda.is_initialized() else "cpu"


def _told(value: object) -> bool | int | float | str:
    """A setting's value as it can be told to the debugger: other types, and integers of more than 64 bits, as text."""
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return str(value)
    return value if isinstance(value, bool | int | float | str) else str(value)


def _write_by_line() -> None:
    """Where Python was told not to buffer (`-u`), let a print be one write to the output's file instead of four.

    Nobody reads that file between the parts of a line, and what the parts cost is more than the rest of a small loop.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.write_through:
        sys.stdout.reconfigure(write_through=False, line_buffering=True)


def _set_aside() -> None:
    """Leave the script a collector of cycles that has seen nothing yet, as plain Python would.

    Whatever of ours the collector still had to look at would bring its next full pass, some 60 ms with torch loaded,
    to another moment: into the training loop, where plain Python has it before.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # of nothing: it forgets how much there was
    gc.enable()


def _binds(source: str, path: str, name: str) -> bool:
    """Whether the script has a top-level assignment of `name`. Raises ProgramError where it cannot be parsed."""
    text = Source(source, path)
    try:
        places(text, [name])
    except ProgramError:
        return False
    return True


def _cpu_count() -> int:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main(descriptor: int, whereabouts: int) -> None:
    """Run what the debugger at the other end of the socket asks for."""
    threading.current_thread().name = "MainThread"
    gc.disable()  # until the script begins: what is loaded and worked out up to there stays
    channel = Channel(descriptor)
    launch = channel.launch()
    code = Inferior(channel, launch, Whereabouts(whereabouts)).run()
    sys.exit(code)
