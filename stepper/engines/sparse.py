"""Sparse tensors are looked at as the dense ones that they stand for, where those are not too large for a look."""

from __future__ import annotations

import math
from typing import Any

LAYOUTS = ("sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc")
MOST = 1 << 22  # elements: an adjacency of 2,000 nodes, the gradient of an embedding of 10,000 words


def spread_out(value: Any, torch: Any) -> Any:
    """The numbers of a sparse tensor as a dense one on the host, which is nobody else's; what occurs several times (a
    tensor that is not coalesced) is added up. None for any other tensor, and for one that is too large."""
    if type(value) not in (torch.Tensor, torch.nn.Parameter) or not any(
        value.layout is getattr(torch, layout) for layout in LAYOUTS
    ):
        return None
    if value.is_meta or math.prod(value.shape) > MOST:
        return None
    # From the device first: its kernels add up in no fixed order, and warn where a script forbids such
    return value.detach().cpu().to_dense()
