"""Random small scripts with a loop of three passes, for comparing probed code with plain code.

A script is made from one number: hypothesis draws it, and a failure names it.
"""

from __future__ import annotations

import random

PRELUDE = """\
log = []
xs = [3, 1, 2]
alias = xs
table = {"a": 1, "b": [4, 5]}
w = 7
k = 2
text = "t"
class Base:
    def __init__(self, value):
        self.value = value
        self.__hidden = value
    def hidden(self):
        return self.__hidden
    def __repr__(self):
        return f"Base({self.value})"
class Thing(Base):
    def __init__(self, value):
        super().__init__(value)
        self.items = [value]
    def bump(self, by=1):
        self.value += by
        self.items.append(by)
        return self
    def hidden(self):
        return super().hidden() + 1
thing = Thing(2)
other = thing
def count(n):
    for i in range(n):
        if i > 3:
            return i
        yield i
def note(value, *rest, key=0, **more):
    log.append((value, rest, key))
    return value
def counter(start):
    total = start
    def add(n):
        nonlocal total
        global k
        total += n
        k = (k + 1) % 5
        return total
    return add
add = counter(1)
"""

LEAVES = """\
w
k
step
1
-2
3
xs[0]
xs[-1]
thing.value
other.items[0]
table['a']
len(xs)
""".splitlines()
EXPRESSIONS = """\
({a} + {b})
({a} - {b})
({a} * {b} % 101)
({a} % ({b} or 1))
({a} // ({b} or 3))
({a} & {b})
(-{a})
note({a}, {b}, key={c})
note(*[{a}, {b}], **{{'extra': {c}}})
({a} if {b} < {c} else {a})
({a} and {b})
(v := {a})
sum([q * k for q in xs])
max(*xs, {a})
add({a})
thing.bump({a}).value
other.hidden()
(lambda z: z + 1)({a})
len(f'{{w!r:>{{3}}}} {{ {a} }}')
len(f'{{k=}}')
sum(count({a} % 6))
int(0 < {a} <= {b})
xs[{a} % len(xs)]
len(xs[{a} % 3 :])
(not {a})
({a} or {b})
{{'x': {a}}}['x']
({a}, {b})[1]
max(q for q in xs)
({a} | {b})
""".splitlines()
SIMPLE = """\
w = {a} % 997
k = {a} % 7
w += {a} % 89
w -= {a} % 97
w *= 2
w %= 1009
w //= ({a} or 2)
xs[{a} % len(xs)] = {b}
alias[{a} % len(xs)] += {b} % 71
xs.append({a})
xs.sort()
xs[:] = xs[:5]
thing.value -= {a} % 53
other.value = w = {a} % 991
note({a})
print(step, {a}, xs, thing)
c, *d = [{a}, *xs]
w, k = k, {a} % 13
table['b'][{a} % 2] = {b}
table['c'] = {a}; del table['c']
loss = {a}
loss: int = {a}
assert {a} != 1001, 'assertion'
add = counter(w)
thing = Thing(k)
pass
thing.bump({a})
""".splitlines()


class Writer:
    """Writes one script."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def expression(self, depth: int = 2) -> str:
        if not depth or self.random.random() < 0.25:
            return self.random.choice(LEAVES)
        form = self.random.choice(EXPRESSIONS)
        # Before Python 3.12 an f-string cannot hold its own quotes.
        parts = [self.expression(0 if "f'" in form else depth - 1).replace("table['a']", "k") for _ in range(3)]
        return form.format(a=parts[0], b=parts[1], c=parts[2])

    def simple(self) -> str:
        return self.random.choice(SIMPLE).format(a=self.expression(), b=self.expression(1))

    def block(self, depth: int = 2, loop: bool = True, function: bool = False) -> list[str]:
        lines = [line for _ in range(self.random.randint(1, 3)) for line in self.statement(depth, loop, function)]
        if function and self.random.random() < 0.4:
            lines.append(f"return {self.expression(1)}")
        return lines

    def inside(self, depth: int, loop: bool, function: bool) -> list[str]:
        return ["    " + line for line in self.block(depth - 1, loop, function)]

    def statement(self, depth: int, loop: bool, function: bool) -> list[str]:
        kinds = ["simple", "simple"]
        if depth:
            kinds += ["branch", "repeat", "budget", "attempt", "context", "match", "function", "class"]
        kind = self.random.choice(kinds)
        if kind == "simple":
            return [self.simple()]
        if kind == "class":
            return [
                "class Local(Base):",
                f"    shared = {self.expression(1)}",
                "    def get(self):",
                "        global w, k, xs, alias, table, thing, add",
                *("    " + line for line in self.inside(depth, False, True)),
                "        return self.value + super().hidden()",
                "print(Local(k).get(), Local.shared)",
            ]
        lines: list[str] = getattr(self, "_" + kind)(depth, loop, function)
        return lines

    def _branch(self, depth: int, loop: bool, function: bool) -> list[str]:
        lines = [f"if {self.expression(1)} > 2:", *self.inside(depth, loop, function)]
        lines += [f"elif {self.expression(1)}:", *self.inside(depth, loop, function)]
        if loop and self.random.random() < 0.5:
            lines += ["else:", f"    {self.random.choice(['break', 'continue'])}"]
        return lines

    def _repeat(self, depth: int, loop: bool, function: bool) -> list[str]:
        lines = [
            f"for i, thing.last in enumerate(count({self.expression(1)} % 4)):",
            *self.inside(depth, True, function),
        ]
        return [*lines, "else:", *self.inside(depth, loop, function)]

    def _budget(self, depth: int, loop: bool, function: bool) -> list[str]:
        name = f"budget{depth}"
        lines = [f"{name} = 2", f"while {name} > 0:", f"    {name} -= 1", *self.inside(depth, True, function)]
        return lines

    def _attempt(self, depth: int, loop: bool, function: bool) -> list[str]:
        raising = ["raise KeyError(w)", "xs[99]", "1 / (w - w)", "undefined_name", "undefined_name += 1", "pass"]
        lines = ["try:", *self.inside(depth, loop, function), "    " + self.random.choice(raising)]
        lines += ["except KeyError as error:", *self.inside(depth, loop, function), "    print(error.args)"]
        lines += ["except (IndexError, ZeroDivisionError, NameError) as error:", "    print(error)"]
        if self.random.random() < 0.5:
            lines += ["else:", *self.inside(depth, loop, function)]
        return [*lines, "finally:", *self.inside(depth, False, False)]

    def _context(self, depth: int, loop: bool, function: bool) -> list[str]:
        lines = ["with memoryview(b'abc') as view, memoryview(b'de'):", *self.inside(depth, loop, function)]
        return lines

    def _match(self, depth: int, loop: bool, function: bool) -> list[str]:
        lines = [f"match [{self.expression(1)}, *xs]:", "    case [1, *rest]:"]
        lines += ["    " + line for line in self.inside(depth, loop, function)]
        lines += ["    case [int() as head, second, *_] if head > 2:", "        print(head, second)"]
        lines += ["    case other_case:", *("    " + line for line in self.inside(depth, loop, function))]
        return lines

    def _function(self, depth: int, loop: bool, function: bool) -> list[str]:
        name = self.random.choice(["helper", "worker"])
        lines = [
            f"def {name}(p, q={self.expression(1)}):",
            "    'doc'",
            "    global w, k, xs, alias, table, thing, add",
        ]
        lines += ["    step = p", *self.inside(depth, False, True), "    return p + q"]
        return [*lines, f"{name}({self.expression(1)})"]


def script(seed: int) -> str:
    """A script whose loop of three passes is `for step in range(3):`."""
    writer = Writer(seed)
    body = ["    " + line for line in writer.block(2)]
    ending = writer.random.choice(["pass", "pass", "pass", "raise ValueError(w)", "xs[100]", "del missing"])
    lines = ["step = 0", writer.simple(), "for step in range(3):", *body, writer.simple(), ending]
    return PRELUDE + "\n".join([*lines, "print(w, k, xs, table, log[-3:])"]) + "\n"
