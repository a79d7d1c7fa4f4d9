"""When a loop's count of iterations, known at its first entry, is all there will be."""

from __future__ import annotations

import pytest

from stepper.session.findings.extent import cannot_grow, only

SURE = {
    "at the top": "for step in range(3):  # loop\n    pass\n",
    "epochs over the same data": "data = [1, 2]\nfor e in range(2):\n    for x in data:  # loop\n        w = x\n",
    "in a function called once": "def train():\n    for s in range(3):  # loop\n        pass\ntrain()\n",
    "in a method called once": (
        "class T:\n    def fit(self):\n        for s in range(3):  # loop\n            pass\nif 1:\n    T().fit()\n"
    ),
    "under with and try": "try:\n    with y:\n        for s in x:  # loop\n            pass\nfinally:\n    pass\n",
}
UNSURE = {
    "a triangle": "for i in range(4):\n    for j in range(i):  # loop\n        pass\n",
    "data made anew": "for e in range(4):\n    data = make(e)\n    for j in data:  # loop\n        pass\n",
    "while": "while True:  # loop\n    pass\n",
    "in a while": "while w:\n    for s in range(3):  # loop\n        pass\n",
    "in a function called twice": "def t():\n    for s in range(3):  # loop\n        pass\nt()\nt()\n",
    "in a function called in a loop": "def t():\n    for s in range(3):  # loop\n        pass\nfor k in x:\n    t()\n",
    "in a function that calls itself": "def t():\n    for s in range(3):  # loop\n        t()\n",
    "in a function handed on": "def t():\n    for s in range(3):  # loop\n        pass\nrun(t)\n",
    "in a decorated function": "@twice\ndef t():\n    for s in range(3):  # loop\n        pass\nt()\n",
}


def line_of(source: str) -> int:
    return next(number for number, line in enumerate(source.splitlines(), 1) if "# loop" in line)


@pytest.mark.parametrize("source", SURE.values(), ids=SURE)
def test_the_count_cannot_grow(source: str) -> None:
    assert cannot_grow(source, line_of(source))


@pytest.mark.parametrize("source", UNSURE.values(), ids=UNSURE)
def test_the_count_may_grow(source: str) -> None:
    assert not cannot_grow(source, line_of(source))


def test_where_there_is_no_loop_nothing_is_known() -> None:
    assert not cannot_grow("x = 1\n", 1)


def test_how_many_there_are_is_said_of_one_too() -> None:
    assert only(1) == "there is only 1 iteration, 0" and only(3) == "there are only 3 iterations, 0 to 2"
