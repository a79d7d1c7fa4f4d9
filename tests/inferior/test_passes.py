"""How many passes there will be, told without running or consuming anything."""

import textwrap
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from stepper.inferior.lengths import passes_over
from stepper.inferior.passes import PassCount
from tests.inferior.running import run


class Counted:
    """An iterable of a user's own, whose length must not be asked for."""

    def __len__(self) -> int:
        raise AssertionError("asked for its length")

    def __iter__(self) -> Iterator[int]:
        raise AssertionError("walked")


@pytest.mark.parametrize(
    ("iterable", "length"),
    [
        (range(7), 7),
        (range(9, 0, -2), 5),
        ([1, 2, 3], 3),
        ({"a": 1}, 1),
        (iter([1, 2, 3]), 3),
        (enumerate([1, 2, 3]), 3),
        (zip(range(4), [1, 2], strict=False), 2),
        (enumerate(zip("abc", range(9), strict=False)), 3),
        (reversed([1, 2]), 2),
        ((each for each in range(3)), None),
        (Counted(), None),
        (map(str, [1, 2]), None),
    ],
)
def test_the_length_of_what_is_walked(iterable: Any, length: int | None) -> None:
    assert passes_over(iterable) == length


def test_looking_consumes_nothing() -> None:
    walked = enumerate(iter([5, 6]))
    assert passes_over(walked) == 2
    assert list(walked) == [(0, 5), (1, 6)]


LOADERS = """
    import torch
    from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

    class Told(Dataset):
        def __init__(self):
            self.x = torch.ones(8, 2)
        def __len__(self):
            "Of all."
            return len(self.x) - self.x.size(1)
        def __getitem__(self, i):
            return self.x[i]

    class Counted(Told):
        asked = 0
        def __len__(self):
            Counted.asked += 1
            return 8

    class Short(IterableDataset):
        def __len__(self):
            return 2
        def __iter__(self):
            return iter(torch.ones(8, 2))

    w = torch.zeros(2, requires_grad=True)
    for x in DATA:
        loss = (x @ w - 1).pow(2).mean()
        loss.backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
"""


@pytest.mark.parametrize(
    ("data", "total"),
    [
        ("DataLoader(Told(), 2)", 3),
        ("enumerate(DataLoader(Subset(Told(), range(5)), 2, shuffle=True))", 3),
        ("DataLoader(Counted(), 2)", None),
        ("DataLoader(Short(), 2)", None),
    ],
)
@pytest.mark.filterwarnings("error")  # torch warns of a length that was asked for, and is too small
def test_a_data_set_is_asked_for_its_length_where_that_does_nothing_else(data: str, total: int | None) -> None:
    text = LOADERS.replace("DATA", data).replace("for x in enumerate", "for _, x in enumerate")
    ran = run(text)
    plain: dict[str, Any] = {}
    exec(textwrap.dedent(text), plain)
    assert ran.error is None and ran.names["Counted"].asked == plain["Counted"].asked
    assert ran.runner._count.total == total


def test_arrays_count_their_rows() -> None:
    import numpy

    assert passes_over(numpy.zeros((3, 2))) == 3
    assert passes_over(numpy.array(1.0)) is None


def test_loops_around_multiply() -> None:
    count = PassCount(2, (1,))
    count.entered(1, lambda: 5, lambda: 0)
    count.entered(2, lambda: 4, lambda: 0)
    assert count.total == 20


def test_a_length_that_is_known_is_asked_for_once_and_again_where_all_loops_are_entered_again() -> None:
    count = PassCount(2, (1,))
    asked = []

    def four() -> int:
        asked.append(4)
        return 4

    for begun in (0, 8):
        count.entered(1, lambda: 2, partial(int, begun))
        for epoch in range(2):
            count.entered(2, four, partial(int, begun + 4 * epoch))
        assert count.total == begun + 8
    assert len(asked) == 2


def test_a_loop_entered_again_goes_on_counting() -> None:
    count = PassCount(1, ())
    count.entered(1, lambda: 4, lambda: 0)
    assert count.total == 4
    count.entered(1, lambda: 3, lambda: 4)
    assert count.total == 7


def test_a_length_unknown_anywhere_leaves_the_total_unknown() -> None:
    count = PassCount(2, (1,))
    count.entered(1, lambda: None, lambda: 0)
    count.entered(2, lambda: 4, lambda: 0)
    assert count.total is None


def test_more_passes_than_can_be_told_are_no_number() -> None:
    assert passes_over(range(10**30)) is None and passes_over(iter(range(10**30))) is None
    count = PassCount(2, (1,))
    count.entered(1, lambda: 10**12, lambda: 0)
    count.entered(2, lambda: 10**12, lambda: 0)
    assert count.total is None


def test_what_the_next_batch_is_made_by_is_no_part_of_the_last_statement() -> None:
    ran = run(
        """
        import torch
        class Scale(torch.nn.Module):
            def forward(self, x):
                return x * 2
        scale = Scale()
        class Points(torch.utils.data.Dataset):
            def __len__(self):
                return 4
            def __getitem__(self, i):
                x = scale(torch.tensor([float(i)]))
                return x
        def train(batches):
            for x in batches:
                loss = model(x).pow(2).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                if loss.item() < 0:
                    break
        model = torch.nn.Linear(1, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        train(torch.utils.data.DataLoader(Points(), 2))
        """
    )
    events = ran.record(0).events
    last = ran.event("if loss.item() < 0")
    assert last.phase == "update" and not [each for each in events if each.parent == last.id]
    fetched = [each for each in events if each.text in ("x = scale(torch.tensor([float(i)]))", "return x")]
    assert len(fetched) == 4 and {each.phase for each in fetched} == {"between"}
    assert {events[each.parent].parent for each in fetched if each.parent is not None} == {None}
    assert [each.id > last.id for each in fetched] == [True] * 4


def test_nor_is_it_of_a_continue_unless_something_of_the_body_follows() -> None:
    ran = run(
        """
        def made(i):
            return float(i)
        w, closed = 3.0, []
        for x in map(made, range(8)):
            loss = (w * x - 1.0) ** 2
            w -= 0.01 * 2 * x * (w * x - 1.0)
            if x < 2:
                continue
            try:
                if x < 5:
                    continue
                closed.append(0)
            except ValueError:
                continue
            finally:
                closed.append(x)
        """
    )
    for iteration in range(7):
        (call,) = ran.events(iteration, "call")
        ends = [each for each in ran.events(iteration) if each.text in ("continue", "closed.append(x)")]
        if iteration in (2, 3, 4):
            assert [(each.text, each.phase) for each in ends] == [
                ("continue", "update"),
                ("closed.append(x)", "update"),
            ]
        else:
            assert (call.phase, call.parent) == ("between", None)
