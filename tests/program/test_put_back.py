"""What is changed for a while only, and put back, is told from what is changed for good."""

import ast
from pathlib import Path

import pytest

from stepper.program.flow.put_back import put_back
from stepper.program.program import analyse


def changed_for_a_while(body: str) -> set[int]:
    """The lines, counted from 1, of the statements that are put back in a loop with this body."""
    tree = ast.parse("for i in order:\n" + "".join(f"    {line}\n" for line in body.strip().split("\n")))
    found = put_back(ast.walk(tree))
    return {node.lineno - 1 for node in ast.walk(tree) if isinstance(node, ast.stmt) and id(node) in found}


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("old = w[i]\nw[i] = old + h\nup = f(w)\nw[i] = old - h\ndown = f(w)\nw[i] = old", {2, 4, 6}),
        ("old, k = w.data[i].item(), 1\nwith no_grad():\n    w.data[i] = old + h\nup = f(w)\nw.data[i] = old", {3, 5}),
        ("w[i] += h\nup = f(w)\nw[i] -= 2 * h\ndown = f(w)\nw[i] += h", {1, 3, 5}),
    ],
)
def test_an_element_that_gets_what_it_was_is_put_back(body: str, lines: set[int]) -> None:
    assert changed_for_a_while(body) == lines


@pytest.mark.parametrize(
    "body",
    [
        "old = w[i]\nw[i] += h\nif f(w) > best:\n    w[i] = old",  # only where it was no better
        "old = w[i]\nw[i] = old + h\ni = i + 1\nw[i] = old",  # another element
        "old = w[i]\nw[i] = w[j]\nw[j] = old",  # two change places
        "w[i] += h\nold = w[i]\nw[i] = old - h\nw[i] = old",  # read behind a change
        "w[i] += h\nw[i] -= g\nw[i] += h",
        "w[i] += h\nh = g(w)\nw[i] -= h",  # another number by then
        "w[i] += h\ni = pick()\nw[i] -= h",  # another element
        "w[i] += h[0]\nh[0] = g(w)\nw[i] -= h[0]",
        "w[i] += 0.5 * w[i]\nw[i] -= 0.5 * w[i]",
        "w[i] += gauss(0, 1)\nw[i] -= gauss(0, 1)",
        "old = w[i]\nw[i] = old - h\nold = f(w)\nw[i] = old",  # what is kept is another by then
    ],
)
def test_what_is_changed_for_good_is_not_put_back(body: str) -> None:
    assert changed_for_a_while(body) == set()


def test_a_gradient_check_that_the_training_loop_calls_is_neither_the_training_loop_nor_its_loss() -> None:
    source = (Path(__file__).parent / "corpus" / "min_char_rnn.txt").read_text()
    check = """\
def check(inputs, targets, h):
  delta = 1e-5
  _, dWxh, dWhh, dWhy, dbh, dby, _ = lossFun(inputs, targets, h)
  for param, dparam in zip([Wxh, Whh, Why, bh, by], [dWxh, dWhh, dWhy, dbh, dby]):
    for i in range(5):
      at = int(uniform(0, param.size))
      old = param.flat[at]
      param.flat[at] = old + delta
      up, _, _, _, _, _, _ = lossFun(inputs, targets, h)
      param.flat[at] = old - delta
      down, _, _, _, _, _, _ = lossFun(inputs, targets, h)
      param.flat[at] = old
      numerical = (up - down) / (2 * delta)
      error = abs(dparam.flat[at] - numerical)
      print(error)
def sample("""
    without = phases(source)
    source = source.replace("def sample(", check).replace(
        "  loss, dWxh", "  check(inputs, targets, hprev)\n  loss, dWxh"
    )
    program = analyse(source, "script.py")
    assert program.loop is not None
    assert program.loop.text.startswith("while True")
    assert without.items() <= phases(source).items()


def phases(source: str) -> dict[str, str | None]:
    """The phase of each statement of the network's own function."""
    function = source[source.index("def lossFun") : source.index("  return loss")]
    lines = [line.strip() for line in function.split("\n")[1:]]
    sites = analyse(source, "script.py").sites
    return {site.text: site.phase for site in sites if site.kind == "statement" and site.text in lines}
