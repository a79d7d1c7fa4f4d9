"""The role of what an expression makes, where nothing but its place in the pass is known of it: by what it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stepper.engines.base import Engine
from stepper.inferior.recording.drafts import Draft, Happening, is_list
from stepper.inferior.spelling.made_anew import is_made_anew
from stepper.program.vocabulary import FINDS_PLACE
from stepper.record import Role, is_path

_GIVEN = frozenset(("data", "setting", "other"))
_OUTSIDE = frozenset(("numpy", "python"))
"""The engines of what hangs in no graph of autograd's."""
_CASTS = frozenset(("float", "double", "half", "int", "long", "to", "type", "cpu", "detach"))
_COUNTING = _CASTS | {"sum", "mean", "add", "sub", "mul", "truediv", "div"}
"""What makes of true and false how many, or which part, of them are true."""
_KEEPING = _COUNTING | {"neg", "pow", "view", "reshape", "squeeze", "unsqueeze", "getitem"}
"""What has no parameters of its own."""


def role_of_made(
    role: Role,
    operands: Iterable[Draft],
    text: str,
    operation: str,
    by_label: Mapping[str, Role],
    engine: Engine,
    value: Any,
) -> Role:
    """The role of a value, where its phase alone would give it `role`, in a script that calls `.backward()`.

    `operands` is what the expression of this `text` reads, `operation` what it does with that, and `by_label` says
    what the script's data flow knows of its labels.
    """
    arrays = [draft for draft in operands if draft.copy is not None and draft.when == "operand"]
    read = {by_label.get(each.label, "other") if each.role == "other" else each.role for each in arrays}
    given = role in ("activation", "loss") and read <= _GIVEN and (read or role == "activation")
    if given and (engine.name in _OUTSIDE or engine.is_constant(value) or _adds_nothing(arrays, operation, text)):
        # `target[mask]`, of batches that are handed to a loss; `torch.zeros(n)`; a part of a buffer. What tells of a
        # batch how much of it was found (`preds == labels`, `hits.sum() / len(labels)`) is none.
        told = engine.exact(value) is bool or engine.shape(value) == () or read == {"other"}
        made_anew = engine.name != "python" and all(map(is_list, arrays))  # `torch.tensor(digits)`
        return "other" if "other" in read and told and not made_anew else "data"
    if role == "gradient" and engine.shape(value) == () and "clip_grad" in text:
        return "other"  # how long all the gradients were together
    if not read:
        return role
    if operation == "eq" and engine.exact(value) is bool:
        return "other"  # `preds == labels`, which predictions are right
    if operation in FINDS_PLACE and (role == "loss" or read == {"loss"}):
        return "other"  # `losses.argmax()`
    if role == "loss" and engine.exact(value) is not None:
        return "other"  # `output.max(1)[1]`, beside the loss
    if role == "loss" and operation in _COUNTING and all(map(_tells_hits, arrays)):
        return "other"  # `(output.argmax(1) == target).float().sum()`, beside the loss
    if role == "gradient" and "gradient" not in read and "grad" not in text:
        # `output.mean()`, between a backward pass and the optimizer's step
        return "loss" if read == {"loss"} else "activation" if read & {"activation", "parameter"} else "other"
    return role


def _adds_nothing(arrays: list[Draft], operation: str, text: str) -> bool:
    """Whether what an expression makes of these has nothing else in it, be it that no gradients are asked for just now:
    arithmetic and shapes (`(1 - dones).view(-1)`), and a tensor of NumPy's numbers (`torch.Tensor(rewards)`)."""
    outside = bool(arrays) and all(each.copy is not None and each.copy.engine.name in _OUTSIDE for each in arrays)
    return bool(arrays) and (operation in _KEEPING or (outside and text.startswith("torch.")))


def reads_data(happening: Happening) -> bool:
    """Whether a statement has read data, whatever the text takes what it makes for (`patches = patchify(images)`); not
    where it only begins a state of that size."""
    read = any(each.role == "data" and each.when == "operand" and each.copy is not None for each in happening.drafts)
    return read and not is_made_anew(happening.text)


def tells_nothing(operands: Iterable[Draft], by_label: Mapping[str, Role]) -> bool:
    """Whether an expression read something, and nothing of it is made by the model or is learnt."""
    read = {by_label.get(each.label, "other") if each.role == "other" else each.role for each in operands}
    return bool(read) and read <= _GIVEN


def _tells_hits(draft: Draft) -> bool:
    """Whether a value is true or false, or what an expression made of nothing else."""
    assert draft.copy is not None
    return draft.copy.outline.dtype == "bool" or (draft.role == "other" and not is_path(draft.label))
