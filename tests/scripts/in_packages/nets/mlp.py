"""A module with a docstring, a future import and a class that has its loss inside."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .layers import Scale


class MLP(nn.Module):
    """Two linear layers."""

    def __init__(self, d_in: int, h: int, d_out: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(d_in, h)
        self.fc2 = nn.Linear(h, d_out)
        self.scale = Scale(h)

    def forward(self, x: torch.Tensor, targets: torch.Tensor | None = None):
        h = F.relu(self.fc1(x))
        logits = self.fc2(self.scale(h))
        loss = None
        if targets is not None:
            loss = F.mse_loss(logits, targets)
        return logits, loss
