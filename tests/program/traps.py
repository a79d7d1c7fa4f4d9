"""Small scripts, one for each trap that probes must not fall into. Each has a training loop marked `# loop`."""

from tests.program.traps_resumed import RESUMED

TRAPS: dict[str, str] = {
    "augmented subscript evaluates its base and index once": """
log = []
def base():
    log.append("base")
    return data
def index():
    log.append("index")
    return 1
data = [1, 2, 3]
for t in range(3):  # loop
    loss = sum(data)
    base()[index()] += t
    base()[index()] = base()[index()] * 2
print(log, data)
""",
    "augmented attribute goes through its owner once": """
class Box:
    reads = 0
    def __init__(self):
        self.value = 1
    @property
    def inner(self):
        Box.reads += 1
        return self
box = Box()
for t in range(3):  # loop
    box.inner.value += t
    loss = box.inner.value
print(Box.reads, box.value)
""",
    "scripts may bind names of builtins": """
iter, input, id, len_, type, print_ = 1, 2, 3, len, 5, print
list = [1, 2]
w = 0.5
for t in range(2):  # loop
    loss = w * input
    w -= 0.1 * id
    print_(iter, input, id, type, list, loss)
del iter
print_(w)
""",
    "locals holds nothing of ours": """
def train():
    w = 1.0
    for t in range(2):  # loop
        loss = w * 2
        w -= 0.1 * loss
        print(sorted(locals()))
    return sorted(locals())
print(train())
print(sorted(name for name in globals() if not name.startswith("__builtins")))
""",
    "global and nonlocal in any block": """
count = 0
def outer():
    total = 0
    def inner(k):
        nonlocal total
        if k:
            global count
            count += k
        total += k
        return total
    return inner
step = outer()
w = 3.0
for t in range(4):  # loop
    loss = w + step(t)
    w -= 0.1 * loss
print(count, w)
""",
    "zero-argument super and private names": """
class Base:
    def __init__(self, w):
        self.__w = w
    def value(self):
        return self.__w
    def update(self, g):
        self.__w -= g
        __hidden = self.__w
        return __hidden
class Derived(Base):
    __scale = 2
    def __init__(self, w):
        super().__init__(w)
        self.__own = w
    def value(self):
        def inner():
            return __class__.__name__, self.__own
        return super().value() * self.__scale + len(inner())
    def loss(self):
        return self.value() ** 2
net = Derived(3.0)
for t in range(3):  # loop
    print(t, net.loss(), net.update(0.1 * net.value()))
print(vars(net))
""",
    "closures made in a pass": """
functions = []
w = 1.0
for t in range(3):  # loop
    def get(k=t):
        return k + t
    functions.append(get)
    functions.append(lambda: t)
    loss = w * 2
    w -= 0.1 * loss
print([f() for f in functions], w)
""",
    **RESUMED,
    "match with captures, guards and stars": """
w = 1.0
for t in range(5):  # loop
    match [t, {"k": t, "m": 1}, *range(t)]:
        case [0, {"k": k, **rest}, *others]:
            print("zero", k, rest, others)
        case [int() as n, {"k": k}] if k > n:
            print("never")
        case [1 | 2 as n, _, *others]:
            print("few", n, others)
        case _:
            print("else")
    loss = w * 2
    w -= 0.1 * loss
""",
    "exceptions, handlers and finally": """
def risky(t):
    try:
        if t == 1:
            raise ValueError("one", t)
        if t == 2:
            return "two"
        return {}[t]
    except KeyError as error:
        print("key", error)
    except ValueError as error:
        print(error.args)
        raise RuntimeError("again") from error
    else:
        print("never")
    finally:
        print("finally", t)
w = 1.0
for t in range(4):  # loop
    try:
        print(risky(t))
    except RuntimeError as error:
        print(type(error.__cause__).__name__, "error" in dir())
    print("error" in dir())
    loss = w
    w -= 0.1 * loss
""",
    "except star": """
w = 1.0
for t in range(3):  # loop
    try:
        raise ExceptionGroup("g", [ValueError(t), TypeError(t)])
    except* ValueError as group:
        print("value", len(group.exceptions))
    except* TypeError as group:
        print("type", group.exceptions[0].args)
    loss = w
    w -= 0.1 * loss
""",
    "with several items and targets": """
import contextlib
class Holder:
    pass
@contextlib.contextmanager
def opened(name):
    print("open", name)
    try:
        yield name, len(name)
    finally:
        print("close", name)
holder = Holder()
w = 1.0
for t in range(2):  # loop
    with opened("a") as (name, size), opened("bb") as holder.value, opened("c"):
        print(name, size, holder.value)
        if t:
            continue
    loss = w
    w -= 0.1 * loss
print(w)
""",
    "walrus, stars, chained comparisons and conditional expressions": """
def f(*args, key=None, **rest):
    return (args, key, rest)
w = 1.0
for t in range(4):  # loop
    if (n := t * 2) > 2 and 0 < n < 100:
        print("n", n)
    first, *middle, last = [t, *range(n), n]
    print(first, middle, last, f(*middle, key=n, **{"x": t}) if t else None, not t, -t, +t, ~t)
    total = sum((y := x) for x in range(3))
    a = b = [t] * 2
    a[0], b[-1] = n, (a[1], y)
    loss = w * total
    w -= 0.1 * loss
print(a, b, w)
""",
    "f-strings": """
w = 1.0
width = 8
for t in range(3):  # loop
    loss = w * 2
    w -= 0.1 * loss
    print(f"{t=} {loss:{width}.{t + 1}f} {w!r:>10} {{}} {'a' if t else 'b'} {[x for x in range(t)]}")
    print(f'''{
        loss
    :.2f}''')
""",
    "delete": """
w = 1.0
for t in range(2):  # loop
    store = {"a": [1, 2, 3], "b": 2}
    del store["a"][0], store["b"]
    name = 3
    del name
    print(store, "name" in dir())
    loss = w
    w -= 0.1 * loss
""",
    "early break, continue, else": """
w = 10.0
for epoch in range(3):
    for t in range(10):  # loop
        loss = w * 2
        if t == 2 and epoch == 0:
            continue
        if t > 4 - epoch:
            break
        w -= 0.1 * loss
    else:
        print("else")
    print(epoch, t, w)
""",
    "while with else": """
w = 8.0
while w > 1:  # loop
    loss = w * 2
    w -= 0.1 * loss
    if w < 0.5:
        break
else:
    print("done", w)
""",
    "docstrings, annotations, defaults, decorators": """
'''Module docstring.'''
from __future__ import annotations
import functools
calls = []
def note(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        calls.append(function.__name__)
        return function(*args, **kwargs)
    return inner
@note
def f(a, /, b: int = len("abc"), *args: str, c=[], **kw) -> float:
    '''The docstring.'''
    c.append(a)
    d: int = a + b
    e: float
    return d + len(c)
w: float = 1.0
for t in range(3):  # loop
    loss: float = f(t) * w
    w -= 0.01 * loss
print(f.__doc__, f.__annotations__, __doc__, __annotations__, calls, f.__defaults__)
""",
    "class bodies with conditions": """
flag = True
class Net:
    '''A net.'''
    size = 3
    sizes = [i for i in range(size)]
    if flag:
        def loss(self):
            return self.w ** 2
    else:
        loss = None
    class Inner:
        def get(self):
            return __class__.__qualname__
    def __init__(self):
        self.w = 2.0
    @property
    def scale(self):
        return self.w * 2
    @scale.setter
    def scale(self, value):
        self.w = value / 2
    make = classmethod(lambda cls: cls())
    @staticmethod
    def constant():
        return 0.1
net = Net.make()
for t in range(3):  # loop
    error = net.loss()
    net.scale -= Net.constant() * error
    print(net.w, net.Inner().get(), Net.sizes)
""",
    "an exception leaves from deep inside": """
def inner(x):
    return 1 / (x -
                2)
def outer(x):
    return [inner(x)][0] + inner(x)
w = 1.0
for t in range(5):  # loop
    loss = outer(t) * w
    w -= 0.1 * loss
""",
    "an unbound name in an augmented assignment": """
def step():
    loss = 1.0
    for t in range(2):  # loop
        loss = loss * 2
        later -= loss
        later = 1
step()
""",
    "a wrong type in a method chain over several lines": """
w = 1.0
for t in range(3):  # loop
    loss = w * 2
    text = (
        "abc"
        .upper()
        .lower()
        .replace(1,
                 t)
    )
    w -= loss
""",
    "the stack as the script sees it": """
import sys, traceback, warnings
def where():
    frame = sys._getframe(1)
    return frame.f_lineno, frame.f_code.co_name
class Net:
    def forward(self, x):
        return where(), x
w = 1.0
for t in range(3):  # loop
    loss = w * 2
    print(where(), Net().forward(
        t), [where() for _ in range(1)])
    w -= 0.1 * loss
print(where())
""",
    "operators of the script's own objects": """
class V:
    def __init__(self, x):
        self.x = x
        self.data = [x]
    def __repr__(self):
        return f"V({self.x})"
    def __add__(self, other):
        return V(self.x + getattr(other, "x", other))
    __radd__ = __add__
    def __mul__(self, other):
        return V(self.x * getattr(other, "x", other))
    __rmul__ = __mul__
    def __isub__(self, other):
        self.x -= getattr(other, "x", other)
        return self
    def __getitem__(self, key):
        return V(self.x + len(str(key)))
    def __setitem__(self, key, value):
        self.x += value.x if isinstance(value, V) else value
    def __bool__(self):
        return self.x > 0
    def __lt__(self, other):
        return V(-1)
    def __contains__(self, key):
        return key == 3
w = V(3.0)
same = w
for t in range(3):  # loop
    loss = (w * 2 + t)[1:2, None, ...]
    w -= 0.1 * loss
    w[0] = t
    w[1] += loss
    print(w.x, same is w, bool(w < 1), 3 in w, w and 1, w or 2)
""",
    "type checks and identity see the script's own values": """
import math
w = [1.0]
alias = w
for t in range(2):  # loop
    w += [t]
    loss = math.fsum(w)
    alias.append(loss)
    w.sort()
    w[:] = [min(x, 5) for x in w]
    print(w is alias, type(w) is list, id(w) == id(alias), w)
""",
    "exec, eval and globals": """
w = 1.0
for t in range(2):  # loop
    exec("k = t * 2")
    loss = eval("w * k") + 1
    globals()["extra"] = loss
    w -= 0.1 * extra
print(k, w)
""",
    "main guard and a function on the way": """
import sys
def batch():
    yield from ((i, i * 2) for i in range(3))
def train(w, history=None):
    '''Trains.'''
    global runs
    runs = 1
    history = history if history is not None else []
    for epoch in range(2):
        for x, y in batch():  # loop
            error = w * x - y
            w -= 0.1 * error * x
            history.append(round(w, 6))
        print(epoch, history[-1])
    return w
def main():
    try:
        print(train(0.5))
    finally:
        print("end", runs)
if __name__ == "__main__":
    main()
    sys.exit(3)
""",
    "a loop in a method of a class on the way": """
class Trainer:
    limit = 2
    def __init__(self):
        self.__w = 1.0
    def fit(self, data):
        for epoch in range(self.limit):
            with open("/dev/null") as handle:
                for x in data:  # loop
                    loss = (self.__w * x) ** 2
                    self.__w -= 0.01 * 2 * self.__w * x * x
            print(epoch, self.__w, handle.closed)
        return self
Trainer().fit([1, 2])
""",
}
