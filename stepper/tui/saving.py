"""Saving: what can be saved of what is on the screen, and writing it. The session makes the contents."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from stepper.record import Value
from stepper.tui.scene import Scene
from stepper.tui.screens.export import Offer, Order

if TYPE_CHECKING:
    from stepper.session import Session


def offers(scene: Scene, value: Value | None) -> list[Offer]:
    """What there is to save now: `value` is what the viewer shows."""
    name = scene.target.removeprefix("-m ").rsplit("/", 1)[-1].removesuffix(".py")
    target = re.sub(r"\W+", "-", name).strip("-") or "script"
    place = "setup" if scene.iteration is None else str(scene.iteration)
    found: list[Offer] = []
    if value is not None and value.copy is not None:
        label = re.sub(r"\W+", "-", value.label).strip("-") or "tensor"
        found.append(Offer("tensor", f"The tensor {value.label} (.npy)", f"{target}-{place}-{label}.npy"))
    if scene.record is not None:
        which = "the setup" if scene.iteration is None else f"iteration {scene.iteration}"
        found.append(Offer("record", f"The record of {which} (JSON)", f"{target}-{place}.json"))
    if scene.done:
        found.append(Offer("losses", "The loss of every iteration so far (CSV)", f"{target}-losses.csv"))
    found.append(Offer("screen", "The screen (SVG)", f"{target}-{place}.svg"))
    return found


async def save(order: Order, session: Session, iteration: int | None, value: Value | None, screen: str) -> str:
    """Write it; answers where it went. Raises Unsaved, or LookupError where the values are no longer there."""
    # imported here: most people save nothing
    from stepper.session.files import losses_csv, npy, record_json
    from stepper.session.paths import write

    if order.kind == "tensor":
        if value is None or value.copy is None:
            raise LookupError("its values were not kept")
        data = npy(await session.array(iteration, value.copy))
    elif order.kind == "record":
        await session.counted(iteration)
        data = record_json(session)
    elif order.kind == "losses":
        data = losses_csv(session.losses)
    else:
        data = screen.encode()
    await asyncio.to_thread(write, order.path, data)
    return f"Saved to {order.path.resolve()}"
