"""Gradients that are computed and read nowhere."""

import ast

import pytest

from stepper.program.unread import unread

UPDATED = """
for t in range(3):
    dw = x.T @ d
    db = d.sum(0)
    w -= dw
"""


def lines(source: str) -> list[int]:
    tree = ast.parse(source)
    found = unread(tree)
    return [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assign) and id(node) in found]


def test_a_gradient_that_no_line_reads_is_found() -> None:
    assert lines(UPDATED) == [4]


@pytest.mark.parametrize(
    "more",
    [
        "    b -= db\n",
        "    print(db)\n",
        "    db *= 0.1\n",
        "    step(locals())\n",
        "    grads = locals()['db']\n",
        "del db\n",
    ],
)
def test_what_is_read_somehow_is_not(more: str) -> None:
    assert lines(UPDATED + more) == []


@pytest.mark.parametrize(
    "line",
    ["db = 0", "db = dw", "total = d.sum(0)", "g = x @ x", "dx, db = back(d)", "self.db = d.sum(0)"],
)
def test_nor_is_what_may_be_left_aside(line: str) -> None:
    assert lines(UPDATED.replace("db = d.sum(0)", line)) == []
