"""Which layers compute something else in evaluation than in training: what `model.eval()` changes of a model."""

from __future__ import annotations

from typing import Any


def depends_on_mode(module: Any, torch: Any) -> bool:
    """Whether a module's own rule is another in the other mode: a dropout, a normalisation by running statistics, and
    what has a dropout inside; of classes from elsewhere those whose `forward` reads `training`."""
    layers, own = torch.nn.modules, module.__dict__
    if isinstance(module, layers.dropout._DropoutNd):
        return bool(own.get("p"))
    if isinstance(module, layers.batchnorm._NormBase):
        return own.get("_buffers", {}).get("running_mean") is not None
    if isinstance(module, layers.rnn.RNNBase):
        return bool(own.get("dropout")) and own.get("num_layers", 1) > 1
    if isinstance(module, torch.nn.MultiheadAttention):
        return bool(own.get("dropout"))
    return isinstance(module, torch.nn.RReLU) or _reads_mode(type(module))


def _reads_mode(kind: type) -> bool:
    code = getattr(getattr(kind, "forward", None), "__code__", None)
    return code is not None and "training" in code.co_names and not kind.__module__.startswith("torch.")
