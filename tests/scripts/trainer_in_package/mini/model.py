import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.hidden = nn.Linear(4, width)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        return self.out(F.relu(self.hidden(x)))


def loss_of(model, x, y):
    return torch.mean((model(x) - y) ** 2)
