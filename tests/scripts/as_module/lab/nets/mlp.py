import torch
from torch import nn


class MLP(nn.Module):
    def __init__(self, d_in, h, d_out):
        super().__init__()
        self.fc1 = nn.Linear(d_in, h)
        self.fc2 = nn.Linear(h, d_out)

    def forward(self, x):
        h = torch.relu(self.fc1(x))
        return self.fc2(h)
