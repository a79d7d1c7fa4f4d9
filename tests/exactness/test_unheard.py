"""A script that counts what it is asked hears the same whether it is recorded or not."""

import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.inferior.running import run
from tests.session.checks import opened

COUNTING = """
    import collections
    said = []
    heard = collections.Counter()
    put = []
    def replace(place, *names):
        for name in names:
            put.append((place, name, name in vars(place), getattr(place, name)))
            setattr(place, name, counting(name, getattr(place, name)))
    def counting(name, real):
        def read(self):
            heard[name] += 1
            return real.__get__(self)
        def write(self, value):
            real.__set__(self, value)
        def called(*given, **named):
            heard[name] += 1
            return real(*given, **named)
        return property(read, write) if type(real).__name__ == "getset_descriptor" else called
    def put_back():
        for place, name, held, real in put:
            setattr(place, name, real) if held else delattr(place, name)
"""

TRAINING = """
    torch.manual_seed(0)
    x = torch.randn(8, 4)
    for t in range(3):
        h = model(x)
        part = h.detach()[::2].to(torch.bfloat16)
        loss = torch.nn.functional.relu(h + 1).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        said.append((t, loss.item(), sorted(heard.items())))
"""

MODEL = """
    torch.manual_seed(1)
    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 1))
"""

OPTIMIZER = """
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
"""

SCRIPTS = {
    "methods of tensors": (
        "import torch",
        COUNTING,
        MODEL,
        OPTIMIZER,
        """
        replace(torch.Tensor, "numel", "shape", "detach", "stride", "dtype", "is_cpu", "device", "data_ptr", "clone")
        replace(torch.Tensor, "layout", "requires_grad", "grad_fn", "grad", "is_contiguous", "dim", "to", "numpy")
        replace(torch.Tensor, "__eq__", "__ne__", "__hash__", "__getitem__", "__sub__", "view", "contiguous", "item")
        replace(torch.Tensor, "is_neg", "is_conj", "_base", "nbytes", "as_strided", "_backward_hooks", "output_nr")
        replace(torch.nn.Parameter, "ndim", "cpu")
        """,
        TRAINING,
        "put_back()",
    ),
    "functions": (
        "import torch",
        COUNTING,
        MODEL,
        OPTIMIZER,
        """
        replace(torch, "equal", "stack", "cat", "empty", "frombuffer", "is_grad_enabled", "view_as_real", "where")
        replace(torch.nn.functional, "relu")
        replace(torch.nn.Module, "named_parameters", "parameters", "named_modules", "__getattr__")
        replace(torch.optim.Optimizer, "zero_grad")
        """,
        TRAINING,
        "put_back()",
    ),
    "a class of tensors": (
        "import torch",
        COUNTING,
        """
        class Own(torch.Tensor):
            @classmethod
            def __torch_function__(cls, function, types, given=(), named=None):
                heard[function.__name__] += 1
                return super().__torch_function__(function, types, given, named or {})
            def __getattribute__(self, name):
                heard["attribute"] += 1
                return super().__getattribute__(name)
            @property
            def shape(self):
                heard["shape"] += 1
                return super().shape
            def __eq__(self, other):
                heard["=="] += 1
                return super().__eq__(other)
            def __hash__(self):
                heard["hash"] += 1
                return id(self)
        torch.manual_seed(0)
        x = torch.randn(8, 4).as_subclass(Own)
        w = torch.randn(4, 5).as_subclass(Own).requires_grad_()
        optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9)
        for t in range(3):
            loss = (x.mm(w).clamp(min=0) - 1).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            said.append((t, loss.item(), sorted(heard.items())))
        """,
    ),
    "a class of models and one of optimizers": (
        "import torch",
        COUNTING,
        MODEL,
        """
        class Model(torch.nn.Sequential):
            def named_parameters(self, *given, **named):
                heard["named_parameters"] += 1
                return super().named_parameters(*given, **named)
            def __getattr__(self, name):
                heard[name] += 1
                return super().__getattr__(name)
            def __eq__(self, other):
                heard["=="] += 1
                return self is other
            def __hash__(self):
                heard["hash"] += 1
                return 7
            @property
            def training(self):
                heard["training"] += 1
                return True
            @training.setter
            def training(self, mode):
                pass
        class Optimizer(torch.optim.SGD):
            @property
            def state(self):
                heard["state"] += 1
                return self.__dict__["kept"]
            @state.setter
            def state(self, kept):
                self.__dict__["kept"] = kept
            @property
            def param_groups(self):
                heard["param_groups"] += 1
                return self.__dict__["groups"]
            @param_groups.setter
            def param_groups(self, groups):
                self.__dict__["groups"] = groups
            def __getattribute__(self, name):
                heard["attribute"] += 1
                return super().__getattribute__(name)
        model = Model(*model)
        optimizer = Optimizer(model.parameters(), lr=0.1, momentum=0.9)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
        """,
        TRAINING,
    ),
    "modes": (
        "import torch",
        COUNTING,
        MODEL,
        OPTIMIZER,
        """
        from torch.overrides import TorchFunctionMode
        from torch.utils._python_dispatch import TorchDispatchMode
        class Functions(TorchFunctionMode):
            def __torch_function__(self, function, types, given=(), named=None):
                heard[str(function)] += 1
                return function(*given, **(named or {}))
        class Operations(TorchDispatchMode):
            def __torch_dispatch__(self, function, types, given=(), named=None):
                heard[str(function)] += 1
                return function(*given, **(named or {}))
        def packed(value):
            heard["packed"] += 1
            return value
        modes = [Functions(), Operations(), torch.autograd.graph.saved_tensors_hooks(packed, lambda value: value)]
        for mode in modes:
            mode.__enter__()
        """,
        TRAINING,
        """
        for mode in reversed(modes):
            mode.__exit__(None, None, None)
        """,
    ),
    "a class of arrays": (
        "import numpy as np",
        COUNTING,
        """
        class Own(np.ndarray):
            def __array_finalize__(self, other):
                heard["finalize"] += 1
            def __getattribute__(self, name):
                heard["attribute"] += 1
                return super().__getattribute__(name)
            def __array_ufunc__(self, function, method, *given, **named):
                heard[function.__name__] += 1
                named = {key: tuple(np.asarray(each) for each in value) for key, value in named.items()}
                return getattr(function, method)(*(np.asarray(each) for each in given), **named).view(Own)
            def __getitem__(self, index):
                heard["[]"] += 1
                return super().__getitem__(index)
            def __len__(self):
                heard["len"] += 1
                return super().__len__()
        rng = np.random.default_rng(0)
        x, w = rng.normal(size=(8, 4)).view(Own), rng.normal(size=(4, 5)).view(Own)
        for t in range(3):
            h = x @ w
            out = np.maximum(h, 0)
            loss = float(np.asarray(out).sum())
            g = np.ones_like(out)
            g[h < 0] = 0
            w -= 0.01 * (x.T @ g)
            said.append((t, loss, sorted(heard.items())))
        """,
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_that_counts_what_it_is_asked_counts_the_same(name: str) -> None:
    source = "\n".join(map(textwrap.dedent, SCRIPTS[name]))
    plain: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, "script.py", "exec"), plain)
    ran = run(source)
    assert ran.error is None
    assert ran.names["said"] == plain["said"] and len(plain["said"]) == 3
    assert all(loss for _, loss, _ in plain["said"])
    assert all(ran.record(number).gates and not ran.record(number).faults for number in range(3))


def test_what_a_script_puts_in_the_place_of_numpys_functions_hears_its_own_calls_only(tmp_path: Path) -> None:
    text = """
import numpy as np
heard = []
def counted(name, function):
    def call(*given, **named):
        heard.append(name)
        return function(*given, **named)
    return call
for name in ("copyto", "frombuffer", "empty", "where", "isfinite", "subtract"):
    setattr(np, name, counted(name, getattr(np, name)))
x, w = np.ones((100, 100)), np.full((100, 100), 0.5)
for t in range(2):
    h = x * w
    out = np.maximum(h, 0)
    loss = out.sum() + len(heard)
    w -= 0.1 * x * np.where(h > 0, 1.0, 0.0)
"""
    with opened(tmp_path, text) as run:
        for number, loss in enumerate((5000.0, 4001.0)):
            found = run.iteration(number)
            assert found.loss == pytest.approx(loss) and not found.record.faults
            assert found["w"].array.shape == (100, 100) and found.gates
