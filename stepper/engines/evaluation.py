"""Which layers compute something else in evaluation than in training: what `model.eval()` changes of a model."""

from __future__ import annotations

from typing import Any

from stepper.engines.members import own


def depends_on_mode(module: Any, torch: Any) -> bool:
    """Whether a module's own rule is another in the other mode: a dropout, a normalisation by running statistics, and
    what has a dropout inside; of classes from elsewhere those whose `forward` reads `training`."""
    layers, kept, kind = torch.nn.modules, own(module), type(module)
    if issubclass(kind, layers.dropout._DropoutNd):
        return bool(kept.get("p"))
    if issubclass(kind, layers.batchnorm._NormBase):
        return kept.get("_buffers", {}).get("running_mean") is not None
    if issubclass(kind, layers.rnn.RNNBase):
        return bool(kept.get("dropout")) and kept.get("num_layers", 1) > 1
    if issubclass(kind, torch.nn.MultiheadAttention):
        return bool(kept.get("dropout"))
    return issubclass(kind, torch.nn.RReLU) or _reads_mode(kind)


def _reads_mode(kind: type) -> bool:
    code = getattr(getattr(kind, "forward", None), "__code__", None)
    return code is not None and "training" in code.co_names and not kind.__module__.startswith("torch.")
