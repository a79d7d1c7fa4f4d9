"""Such traps of functions that are left in their midst and come back to."""

RESUMED: dict[str, str] = {
    "generators and early closing": """
def numbers(n):
    try:
        for i in range(n):
            got = yield i
            if got:
                print("got", got)
    finally:
        print("closed", n)
    return n
def delegate(n):
    result = yield from numbers(n)
    print("result", result)
w = 1.0
for t in range(3):  # loop
    g = numbers(5)
    next(g)
    print(g.send("x"))
    g.close()
    loss = sum(delegate(t)) * w
    w -= 0.1 * loss
print(w)
""",
    "generators that go on from pass to pass": """
import contextlib
@contextlib.contextmanager
def noted(name):
    print("in", name)
    try:
        yield [name]
    except KeyError as error:
        print("caught", error)
    else:
        print("well", name)
    finally:
        print("out", name)
class Numbers:
    __private = 3
    def __init__(self, n):
        self.n = n
    def __iter__(self):
        'Docs.'
        global seen
        seen = 0
        place = [0]
        for place[0] in range(self.n):
            seen += self.__private
            if place[0] % 4 == 3:
                yield place[0] + 0.5
            elif place[0] % 4 == 2:
                continue
            else:
                with noted(str(place[0])) as names, noted("b"):
                    match (place[0], names):
                        case (0, _):
                            yield 0
                        case (n, [str(text)]) if n < 5 and text:
                            yield n
                            raise KeyError(n)
                        case _:
                            yield -1
        while (last := (yield self.n)) is None and seen < 40:
            seen += 10
        else:
            print("else", last)
        yield from (x for x in range(2))
def received():
    got, met = None, []
    while True:
        try:
            got = yield len(met)
            met.append(got)
        except ValueError as error:
            print("thrown", error)
            met.clear()
        def inner(k=got):
            return (k, lambda: (yield))
        assert inner()[0] is got
def chained(n):
    result = yield from Numbers(n)
    try:
        yield 7 if result is None else result
    finally:
        print("closed", result)
numbers, sums = chained(6), received()
empty = (lambda: (yield))()
next(sums)
w = 1.0
for t in range(20):  # loop
    x = next(numbers, -2)
    y = sums.throw(ValueError(t)) if t % 6 == 5 else sums.send(t % 3)
    loss = (w - 0.1 * x) ** 2 + y
    w -= 0.1 * loss
    print(t, x, y, seen)
numbers.close()
sums.close()
numbers.close()
sums.close()
print(w)
next(numbers)
""",
    "async functions, comprehensions and context managers": """
import asyncio
class Manager:
    async def __aenter__(self):
        return 5
    async def __aexit__(self, *args):
        print("exit", args[0])
async def items(n):
    for i in range(n):
        yield i
async def work(w):
    async with Manager() as m:
        total = 0
        async for i in items(3):
            total += i * w
        values = [i async for i in items(2)]
        await asyncio.sleep(0)
        return total + m + sum(values)
w = 1.0
for t in range(2):  # loop
    loss = asyncio.run(work(w))
    w -= 0.01 * loss
print(w)
""",
}
