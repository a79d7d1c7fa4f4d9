"""The training loop is found as the contract defines it."""

from pathlib import Path

import pytest

from stepper.program.knowledge.loops import EMPTY, NOT_FOUND
from stepper.program.program import Program, ProgramError, analyse

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.txt"))
VARIANTS = sorted((Path(__file__).parents[2] / "stepper" / "variants" / "scripts").glob("*.py"))


def line_of(source: str, mark: str = "# <-- loop") -> int:
    return next(number for number, line in enumerate(source.split("\n"), 1) if mark in line)


def loop_line(program: Program) -> int:
    assert program.loop is not None
    return program.loop.line


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_the_marked_loop_is_the_training_loop(path: Path) -> None:
    source = path.read_text()
    assert loop_line(analyse(source, path.name)) == line_of(source)


@pytest.mark.parametrize(
    "written",
    [
        "for name, other in layer.names():",
        "for name, other in zip(['W', 'b'], ['dW', 'db']):",
        "for name, other in layer.pairs.items():",
        "for name, other in vars(layer)['pairs']:",
    ],
)
@pytest.mark.parametrize("step", ["setattr(layer, name, getattr(layer, name) + v)", "vars(layer)[name] += v"])
def test_a_loop_over_names_of_attributes_is_no_training_loop(written: str, step: str) -> None:
    source = next(path for path in CORPUS if path.stem == "attributes_in_pairs").read_text()
    source = source.replace('for name, other in (("W", "dW"), ("b", "db")):', written)
    source = source.replace("setattr(layer, name, getattr(layer, name) + v)", step)
    assert loop_line(analyse(source, "s.py")) == line_of(source)


@pytest.mark.parametrize("path", VARIANTS, ids=lambda path: path.stem)
def test_the_loop_of_a_variant_is_the_one_that_prints_the_loss(path: Path) -> None:
    source = path.read_text()
    program = analyse(source, path.name)
    assert program.loop is not None
    printed = line_of(source, "print(")
    assert program.loop.line < printed <= program.loop.end_line
    assert program.loop.text.startswith("for ")


@pytest.mark.parametrize(
    "source",
    [
        "x = 1\n",
        "for i in range(3):\n    print(i)\n",
        "names = []\nfor i in range(3):\n    names.append(i)\n",
        "def f():\n    return 1\n",
    ],
)
def test_a_script_without_a_training_loop_is_refused(source: str) -> None:
    with pytest.raises(ProgramError) as refused:
        analyse(source, "s.py")
    assert str(refused.value) == NOT_FOUND


@pytest.mark.parametrize("source", ["", "\n\n", "# nothing yet\n"])
def test_of_an_empty_file_it_is_said_that_it_is(source: str) -> None:
    with pytest.raises(ProgramError) as refused:
        analyse(source, "s.py")
    assert str(refused.value) == EMPTY


def test_a_loop_within_the_only_pass_of_a_script_is_no_training_loop() -> None:
    source = """\
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(4, 2)
    def forward(self, x):
        return self.fc(x.view(-1, self.features(x)))
    def features(self, x):
        count = 1
        for size in x.size()[1:]:
            count *= size
        return count
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
loss = net(torch.ones(3, 2, 2)).sum()
loss.backward()
optimizer.step()
"""
    with pytest.raises(ProgramError) as refused:
        analyse(source, "s.py")
    assert str(refused.value) == NOT_FOUND


def test_a_loop_that_adds_up_a_gradient_by_hand_beside_the_only_pass_is_no_training_loop() -> None:
    source = """\
import torch
table = torch.randn(5, 2, requires_grad=True)
picked = torch.tensor([1, 3, 1])
rows = table[picked]
rows.retain_grad()
loss = rows.pow(2).sum()
loss.backward()
dtable = torch.zeros_like(table)
for k in range(3):
    dtable[picked[k]] += rows.grad[k]
print((dtable - table.grad).abs().max())
"""
    with pytest.raises(ProgramError) as refused:
        analyse(source, "s.py")
    assert str(refused.value) == NOT_FOUND


LIBRARYS = """\
import torch
from engines import Engine
net = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
kept = []
engine = Engine(kept.append)
{before}
def learn(engine=None):
    losses, total = [], 0.0
    for reward in kept[::-1]:
        total = reward + 0.9 * total
        losses.append(total * net(torch.ones(2)))
    torch.cat(losses).sum().backward()
    optimizer.step()
{after}
engine.run(range(10))
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '@engine.on("end")\ndef finish():\n    learn()'),
        ('@engine.on("end")', ""),
        ("", 'engine.add("end", learn)'),
    ],
)
def test_a_loop_in_what_a_librarys_loop_calls_is_no_training_loop(before: str, after: str) -> None:
    with pytest.raises(ProgramError) as refused:
        analyse(LIBRARYS.format(before=before, after=after), "s.py")
    assert str(refused.value) == NOT_FOUND


def test_a_counting_loop_is_taken_where_there_is_no_better() -> None:
    assert loop_line(analyse("total = 0\nfor i in range(10):\n    total += i\n", "s.py")) == 2


TRAINER = """import torch
class Trainer:
    def training_step(self, model, batch):
        model.train()
        loss = model(batch).square().mean()
        loss.backward()
        return loss.detach()
    def train(self, model, data):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for epoch in range(3):
            for batch in data:
                total = self.training_step(model, batch)
                optimizer.step()
                optimizer.zero_grad()
Trainer().train(model, data)
"""


def test_the_loops_around_are_known_also_through_a_function() -> None:
    source = (Path(__file__).parent / "corpus" / "main_and_train.txt").read_text()
    program = analyse(source, "s.py")
    assert program.loop is not None
    assert [program.sites[site].text for site in program.loop.enclosing] == ["for epoch in range(1, 14 + 1)"]
    assert program.sites[program.loop.site].kind == "loop"


def test_what_a_pass_calls_by_a_name_of_the_loops_own_function_leads_to_no_loop() -> None:
    program = analyse(TRAINER, "s.py")
    assert program.loop is not None
    assert [program.sites[site].text for site in program.loop.enclosing] == ["for epoch in range(3)"]
    step = range(line_of(TRAINER, "def training_step"), line_of(TRAINER, "def train("))
    inside = [site for site in program.sites if site.line in step]
    assert inside and {site.spine for site in inside} == {False}
    assert {site.spine for site in program.sites if site.text == "Trainer().train(model, data)"} == {True}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = (\n", "syntax error in s.py:1: '(' was never closed"),
        ("x = 1\nreturn x\n", "syntax error in s.py:2: 'return' outside function"),
        ("x = 1\0\n", "not Python: the file has null bytes"),
    ],
)
def test_what_is_not_python_is_refused_in_one_line(source: str, message: str) -> None:
    with pytest.raises(ProgramError) as refused:
        analyse(source, "s.py")
    assert str(refused.value) == message


COMPILED = """\
import torch

@torch.jit.script
def twice(x):
    for i in range(1):
        x = x * 2
    return x

w = torch.randn(3, requires_grad=True)
for step in range(3):
    loss = twice(w).sum()
    loss.backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
        w.grad = None
"""


def test_a_loop_in_a_compiled_function_is_no_candidate() -> None:
    assert loop_line(analyse(COMPILED, "s.py")) == line_of(COMPILED, "for step")


TWO = """
w, v = 0.0, 0.0


def pretrain(w):
    for t in range(3):  # <-- loop
        loss = (w - 1.0) ** 2
        w -= 0.1 * 2 * (w - 1.0)
    return w


def unused(w):
    for t in range(4):
        loss = (w - 3.0) ** 2
        w -= 0.1 * 2 * (w - 3.0)


w = pretrain(w)
for t in range(9):
    total = w + t
for t in range(5):  # <-- other
    loss = (v - w) ** 2
    v -= 0.1 * 2 * (v - w)
"""


def test_the_other_loops_that_train_are_known_unless_one_is_named() -> None:
    program = analyse(TWO, "two.py")
    assert [(head.line, head.text) for head in program.loops] == [
        (line_of(TWO), "for t in range(3)"),
        (line_of(TWO, "# <-- other"), "for t in range(5)"),
    ]
    assert not analyse(TWO, "two.py", loop=str(line_of(TWO))).loops
    (head,) = analyse(TWO, "two.py", loop=str(line_of(TWO) + 1)).loops
    assert head.within == head.line + 1 == line_of(TWO) + 1


HOOKED = """
import torch
net = torch.nn.Linear(3, 1)
optimizers = {{p: torch.optim.SGD([p], lr=0.1) for p in net.parameters()}}
def step_of(p):
    def step(_):
        optimizers[p].step()
    return step
for p in net.parameters():
    p.register_post_accumulate_grad_hook({hook})
for x in batches:  # <-- loop
    net(x).square().mean().backward()
"""


@pytest.mark.parametrize("hook", ["step_of(p)", "lambda q: optimizers[q].step()", "hook=step_of(p)"])
def test_a_hook_that_takes_the_step_may_be_written_there_or_made_by_a_call(hook: str) -> None:
    text = HOOKED.format(hook=hook)
    assert loop_line(analyse(text, "s.py")) == line_of(text)


FOLDS = """
def train(rows, rate):
    w = [0.0 for _ in range(len(rows[0]))]
    for row in rows:  # <-- loop
        error = row[-1] - predict(w, row)
        for i in range(len(row) - 1):
            w[i] = w[i] + rate * error * row[i]
    return w

def evaluate(folds, algorithm, *arguments):
    scores = []
    for fold in folds:
        others = {copied}
        others.remove(fold)
        tested = []
        for row in fold:
            unlabelled = list(row)
            tested.append(unlabelled)
            unlabelled[-1] = None
        scores.append(error_of(algorithm(sum(others, []), *arguments), tested))
    return scores

evaluate(read(), train, 0.1)
"""


@pytest.mark.parametrize("copied", ["list(folds)", "sorted(folds)"])
def test_what_is_done_to_a_new_list_of_the_data_is_not_done_to_the_data(copied: str) -> None:
    text = FOLDS.format(copied=copied)
    assert loop_line(analyse(text, "s.py")) == line_of(text)


CLOSED_FORM = """
import numpy as np
rng = np.random.default_rng(0)
s, seen = 0, []
for _ in range(60):
    s = rng.choice(2, p=CHAIN[s])
    seen.append(rng.normal(3.0 * s))
y = np.array(seen)
mu = np.array([-0.5, 0.5])
for t in range(15):  # <-- loop
    near = np.exp(-0.5 * (y[:, None] - mu) ** 2)
    near /= near.sum(1, keepdims=True)
    mu = (near * y[:, None]).sum(0) / near.sum(0)
state = 0
for _ in range(5):
    state = rng.choice(2, p=CHAIN[state])
    print(state, mu[state])
"""


def test_where_nothing_marks_a_loss_a_loop_that_makes_the_data_is_not_taken_and_the_others_are_known() -> None:
    program = analyse(CLOSED_FORM, "em.py")
    assert loop_line(program) == line_of(CLOSED_FORM)
    assert len(program.loops) == 3 and all(head.unmarked for head in program.loops)


def test_a_loop_that_draws_samples_from_what_another_trains_is_none_of_training() -> None:
    source = """
import torch
from torch import nn
class Model(nn.Module):
    def forward(self, idx, targets=None):
        logits = self.table(idx)
        loss = None if targets is None else nn.functional.cross_entropy(logits, targets)
        return logits, loss
    def generate(self, idx, length):
        for _ in range(length):
            logits, loss = self(idx)
            idx = torch.cat((idx, torch.multinomial(logits[:, -1], 1)), 1)
        return idx
model = Model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for t in range(5):
    logits, loss = model(x, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(model.generate(x, 9))
"""
    assert [head.text for head in analyse(source, "s.py").loops] == ["for t in range(5)"]


@pytest.mark.parametrize(
    "grown",
    ["text.append(p.argmax())", "text = text[1:] + [int(p.argmax())]", "text = np.append(text[1:], p.argmax())"],
)
def test_a_loop_that_makes_a_text_longer_by_hand_is_none_of_training_and_one_that_takes_steps_is(grown: str) -> None:
    source = f"""
import numpy as np
def forward(x, y):
    p = np.exp(table[x].sum(0))
    loss = None if y is None else -np.log(p[y] / p.sum())
    return p, loss
for t in range(5):
    p, loss = forward(x, y)
    grad = p / p.sum()
    grad[y] -= 1
    table[x] -= 0.1 * grad
for t in range(5):
    p, loss = forward(x, y)
    table[x] -= 0.1 * (p / p.sum() - one_hot)
def generate(text):
    for i in range(9):
        p, loss = forward(text, None)
        {grown}
    return text
print(generate([0]))
"""
    assert [head.line for head in analyse(source, "s.py").loops] == [7, 12]


@pytest.mark.parametrize("made", ["torch.Generator()", "torch.Generator().manual_seed(1)"])
def test_a_random_generator_called_g_is_no_gradient(made: str) -> None:
    source = f"""
import torch
g = {made}
model = torch.nn.Linear(3, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for t in range(5):
    loss = model(torch.randn(4, 3, generator=g)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
context = torch.zeros(3)
while context.sum() < 9:
    drawn = torch.multinomial(torch.softmax(model(context), 0), 1, generator=g)
    context = torch.cat((context[1:], drawn))
"""
    assert [head.text for head in analyse(source, "s.py").loops] == ["for t in range(5)"]


def test_the_way_back_through_a_flow_trains_nothing_beside_a_loop_that_runs_backward() -> None:
    source = """
import torch
class Coupling(torch.nn.Module):
    def backward(self, z):
        return (z - self.shift(z)) * torch.exp(-self.scale(z)), -self.scale(z).sum(1)
class Flow(torch.nn.Module):
    def backward(self, z):
        zs = [z]
        for layer in self.layers[::-1]:
            z, det = layer.backward(z)
            zs.append(z)
        return zs
for t in range(3):
    grad_w = x.T @ (x @ w - y)
    w -= 0.1 * grad_w
flow = Flow()
optimizer = torch.optim.SGD(flow.parameters(), lr=0.1)
for t in range(5):
    loss = -flow(x).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(flow.backward(z))
"""
    assert [head.text for head in analyse(source, "s.py").loops] == ["for t in range(5)", "for t in range(3)"]
