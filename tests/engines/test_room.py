"""How much of a GPU's memory copies may take: told by what the device says of itself."""

from types import SimpleNamespace
from typing import Any

import torch

from stepper.engines.room import SHARE, SPARE, STEP, Room

TOTAL = 64 * STEP
PLACE = torch.device("cuda", 0)


class Copy:
    """A tensor as far as its memory goes."""

    device = PLACE

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes


def library(free: int, looks: list[int]) -> Any:
    """A `torch` whose one device has so much free memory; `looks` counts how often it was asked."""

    def mem_get_info(place: Any) -> tuple[int, int]:
        looks.append(free)
        return free, TOTAL

    cuda = SimpleNamespace(mem_get_info=mem_get_info, memory_reserved=lambda _: 0, memory_allocated=lambda _: 0)
    return SimpleNamespace(cuda=cuda)


def test_copies_take_their_share_and_no_more() -> None:
    room, looks, held = Room(), list[int](), []
    torch_like = library(TOTAL, looks)
    while room.has(one := Copy(STEP // 4), torch_like):
        room.took(one)
        held.append(one)
    assert sum(each.nbytes for each in held) == TOTAL // SHARE
    assert len(looks) <= len(held)
    assert room.has(Copy(1000), torch_like)  # too small to be asked after
    held.clear()
    assert room.has(Copy(STEP // 4), torch_like)


def test_what_the_script_may_need_is_left_free() -> None:
    room, looks = Room(), list[int]()
    assert not room.has(Copy(STEP // 4), library(TOTAL // SPARE, looks))
    assert room.has(Copy(STEP // 4), library(TOTAL // SPARE + STEP, looks))


def test_the_host_is_not_asked() -> None:
    assert Room().has(torch.zeros(1 << 20), None)
