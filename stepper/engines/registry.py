"""Which engines there are: the built-in ones, and those that other packages name in an entry-point group."""

from __future__ import annotations

from collections.abc import Container, Iterable
from importlib.metadata import EntryPoint, entry_points

from stepper.engines.base import Engine

GROUP = "stepper.engines"


def builtin_engines() -> list[Engine]:
    """The engines of this package, in the order in which they are asked and named."""
    from stepper.engines.autograd import AutogradEngine
    from stepper.engines.module import ModuleEngine
    from stepper.engines.numpy import NumpyEngine
    from stepper.engines.optim import OptimEngine
    from stepper.engines.python import PythonEngine
    from stepper.engines.torch import TorchEngine

    return [PythonEngine(), NumpyEngine(), TorchEngine(), AutogradEngine(), ModuleEngine(), OptimEngine()]


def discover() -> tuple[list[Engine], list[str]]:
    """Every engine that can be used, the built-in ones first, and one line about each plugin that cannot."""
    engines = builtin_engines()
    names = {engine.name for engine in engines}
    broken: list[str] = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            engine = _load(point)
        except (Exception, SystemExit) as error:
            broken.append(f"engine {point.name} ({point.value}) is left out: {type(error).__name__}: {_line(error)}")
            continue
        if engine.name in names:
            broken.append(f"engine {point.name} ({point.value}) is left out: there is an engine {engine.name} already")
            continue
        names.add(engine.name)
        engines.append(engine)
    return engines, broken


def active(engines: Iterable[Engine], imported: Container[str]) -> list[Engine]:
    """Those of `engines` whose library is among the imported ones, and those that need none."""
    return [engine for engine in engines if engine.library is None or engine.library in imported]


def _load(point: EntryPoint) -> Engine:
    kind = point.load()
    if not (isinstance(kind, type) and issubclass(kind, Engine)):
        raise TypeError("it names something that is no subclass of stepper.engines.base.Engine")
    engine = kind()
    if not engine.name:
        raise TypeError("the engine has no name")
    return engine


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
