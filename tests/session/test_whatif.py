"""What if: a statement carried out before an iteration, which is then another run: the one whose script says so."""

from __future__ import annotations

from pathlib import Path

import pytest

import stepper
from stepper.cli import main
from stepper.session.errors import Misuse
from stepper.session.whatif import what_if
from tests.plain import run_plain

SCRIPT = """
import torch
torch.manual_seed(0)
x, y = torch.randn(8, 3), torch.randn(8, 1)


def train():
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    factor = 1.0

    def scaled(loss):
        return factor * loss

    for t in range(9):
        # here
        loss = scaled((net(x) - y).pow(2).mean())
        print(t, loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


train()
"""
STATEMENTS = {
    "a local, of which there is a closure": "factor = 3.0",
    "a parameter, in place": "net[0].weight[1] = 0",
    "the step size": "for group in optimizer.param_groups: group['lr'] *= 0.5",
    "a global of a function's": "x = x + torch.rand(x.shape)",
    "an attribute, by way of a name of its own": "layer = net[2]; layer.bias = torch.nn.Parameter(layer.bias + 1)",
}


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    return path


def in_the_script(script: Path, statement: str) -> list[float]:
    """The losses of plain Python where the statement stands in the script itself."""
    lines = ["        if t == 4:", "            with torch.no_grad():", f"                {statement}"]
    head = "def train():\n" + ("    global x\n" if statement.startswith("x ") else "")
    text = SCRIPT.replace("        # here", "\n".join(lines)).replace("def train():\n", head)
    plain = script.with_name("plain.py")
    plain.write_text(text)
    return run_plain(plain).losses


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_it_is_the_run_of_a_script_that_says_so(script: Path, statement: str) -> None:
    plain = in_the_script(script, statement)
    with stepper.open(script, what_if={4: statement}) as run:
        assert run.iteration(6).loss == plain[6]  # from iteration 0 at full speed
        assert run.losses == plain[:7]
        assert run.iteration(4).loss == plain[4], "a replay carries it out, too"
    with stepper.open(script, what_if={4: statement}) as run:
        assert [run.iteration(t).loss for t in range(9)] == plain, "and a run of which all is recorded"


def test_several_at_once_and_before_the_first_iteration(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = ["--what-if", "0: factor = 2.0", "--what-if", "2: factor = 0.0", "--what-if", "77: factor = 1.0"]
    assert main(["run", str(script), *both]) == 0
    captured = capsys.readouterr()
    losses = [float(line.split()[1]) for line in captured.out.splitlines()]
    assert losses[2:] == [0.0] * 7 and losses[0] == 2 * in_the_script(script, "pass")[0]
    assert captured.err == f"{script}: --what-if 77: factor = 1.0 was not come to: there were 9 iterations\n"
    assert main(["trace", str(script), "--iteration", "2", *both]) == 0
    assert "what if, before iteration 2: factor = 0.0" in capsys.readouterr().out


def test_what_a_forked_process_trains_is_another_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = """
import os

def train(w):
    for i in range(4):
        loss = w * w
        w = w - 0.1 * loss
    return w

if (child := os.fork()) == 0:
    os._exit(round(100 * train(1.0)))
train(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) / 100)
"""
    path = tmp_path / "forks.py"
    path.write_text(text)
    assert main(["run", str(path), "--what-if", "2: w = 0.0"]) == 0
    w = 1.0
    for _ in range(4):
        w -= 0.1 * w * w
    losses = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines()]
    assert losses[0] == (round(100 * w) / 100) ** 2 and losses[2:] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("facto = 2.0", "NameError: the script has no name 'facto' there that could be set; did you mean factor?"),
        (
            "net.trainin = 2",
            "AttributeError: net has no attribute 'trainin' that could be set; did you mean training or train?",
        ),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("net[0].weight[9] = 0", "IndexError: index 9 is out of bounds for dimension 0 with size 4"),
    ],
)
def test_what_cannot_be_carried_out_ends_the_run_in_one_line(
    script: Path, statement: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(script), "--what-if", f"3: {statement}"]) == 2
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 3
    assert captured.err == f"{script}: --what-if 3: {statement}: {said}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lr = 0.1", "needs ITERATION: STATEMENT, as '100: lr = 0.1', not 'lr = 0.1'"),
        ("3: lr = ", "lr = is not a Python statement: invalid syntax"),
        ("3: break", "break cannot be carried out by itself: 'break' outside loop"),
        ("3: del lr", "would delete a name"),
        ("3:", "--what-if 3 has no statement"),
        (f"{10**20}: x = 1", "too large"),
    ],
)
def test_what_is_no_statement_is_refused_before_anything_runs(text: str, said: str) -> None:
    with pytest.raises(Misuse) as error:
        what_if("numpy", text)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_notebook_is_told_the_same() -> None:
    with pytest.raises(Misuse, match="the iteration is negative"):
        stepper.open("numpy", what_if={-1: "learning_rate = 1"})
    with pytest.raises(Misuse, match="is not a Python statement"):
        stepper.open("numpy", what_if={1: "learning_rate ="})
