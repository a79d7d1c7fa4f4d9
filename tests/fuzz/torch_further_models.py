"""Random networks of torch's modules that see pictures and sequences."""

from __future__ import annotations

from tests.fuzz.script import Pen
from tests.fuzz.torch_models import Shape, activation

# Adaptive pooling has no deterministic backward pass on CUDA
POOLS = {
    "cpu": ("nn.AdaptiveAvgPool2d(2)", "nn.AdaptiveMaxPool2d(2)", "nn.MaxPool2d(2)", "nn.AvgPool2d(2)"),
    "cuda": ("nn.MaxPool2d(2)", "nn.AvgPool2d(2)"),
}


def convolution(pen: Pen, shape: Shape) -> None:
    """One convolution of pictures of 6 × 6, a pool, and a layer."""
    channels, normal, dropped = pen.pick(2, 3), pen.chance(0.5), pen.chance(0.3)
    side = pen.pick(6, 4, 2)
    convolved = {6: ", padding=1", 4: "", 2: ", stride=2"}[side]
    pool = pen.pick(*POOLS[pen.device])
    pooled = 2 if "Adaptive" in pool else side // 2
    with pen.block("class Net(nn.Module):"):
        with pen.block("def __init__(self):"):
            pen.line("super().__init__()")
            pen.line(f"self.conv = nn.Conv2d(1, {channels}, 3{convolved}{pen.pick('', ', bias=False')})")
            if normal:
                pen.line(f"self.bn = nn.BatchNorm2d({channels})")
            if dropped:
                pen.line("self.drop = nn.Dropout2d(0.25)")
            pen.line(f"self.pool = {pool}")
            pen.line(f"self.fc = nn.Linear({channels * pooled * pooled}, {shape.outputs})")
        with pen.block("def forward(self, x):"):
            pen.line("x = self.conv(x)")
            if normal:
                pen.line("x = self.bn(x)")
            pen.line(f"x = {activation(pen, 'x')}")
            if dropped:
                pen.line("x = self.drop(x)")
            pen.line("x = self.pool(x)")
            flat = pen.pick("x.flatten(1)", "torch.flatten(x, 1)", "x.view(x.size(0), -1)", "x.reshape(len(x), -1)")
            pen.line(f"x = {flat}")
            pen.line("return self.fc(x)")
    pen.line("model = Net()")


def recurrent(pen: Pen, shape: Shape) -> None:
    """An RNN, an LSTM or a GRU: whole, or a cell in a loop over time."""
    cell, width = pen.pick("RNN", "LSTM", "GRU"), pen.pick(4, 5)
    with pen.block("class Net(nn.Module):"):
        if pen.chance(0.4):
            _cell(pen, shape, cell, width)
        else:
            _whole(pen, shape, cell, width)
    pen.line("model = Net()")


def _cell(pen: Pen, shape: Shape, cell: str, width: int) -> None:
    with pen.block("def __init__(self):"):
        pen.line("super().__init__()")
        pen.line(f"self.cell = nn.{cell}Cell({shape.inputs}, {width})")
        pen.line(f"self.out = nn.Linear({width}, {shape.outputs})")
    with pen.block("def forward(self, x):"):
        start = f"torch.zeros(len(x), {width})"
        pen.line(f"h, c = {start}, {start}" if cell == "LSTM" else f"h = {start}")
        with pen.block("for t in range(x.size(1)):"):
            pen.line("h, c = self.cell(x[:, t], (h, c))" if cell == "LSTM" else "h = self.cell(x[:, t], h)")
        pen.line("return self.out(h)")


def _whole(pen: Pen, shape: Shape, cell: str, width: int) -> None:
    both = pen.chance(0.3)
    with pen.block("def __init__(self):"):
        pen.line("super().__init__()")
        options = f"num_layers={pen.pick(1, 2)}, batch_first=True, bidirectional={both}"
        pen.line(f"self.rnn = nn.{cell}({shape.inputs}, {width}, {options})")
        pen.line(f"self.out = nn.Linear({width * (2 if both else 1)}, {shape.outputs})")
    with pen.block("def forward(self, x):"):
        pen.line("output, _ = self.rnn(x)")
        pen.line("return self.out(output[:, -1])")


def attention(pen: Pen, shape: Shape) -> None:
    """Blocks of self-attention: torch's own, or a head by hand."""
    width = shape.inputs + shape.inputs % 2
    with pen.block("class Block(nn.Module):"):
        pen.pick(_heads, _head_by_hand)(pen)
    with pen.block("class Net(nn.Module):"):
        with pen.block("def __init__(self):"):
            pen.line("super().__init__()")
            pen.line(f"self.inp = nn.Linear({shape.inputs}, {width})")
            pen.line(f"self.blocks = nn.ModuleList([Block({width}) for _ in range({pen.pick(1, 2)})])")
            pen.line(f"self.head = nn.Linear({width}, {shape.outputs})")
        with pen.block("def forward(self, x):"):
            pen.line("x = self.inp(x)")
            with pen.block("for block in self.blocks:"):
                pen.line("x = block(x)")
            pen.line(f"return self.head({pen.pick('x.mean(1)', 'x[:, 0]', 'x.mean(dim=1)')})")
    pen.line("model = Net()")


def _heads(pen: Pen) -> None:
    with pen.block("def __init__(self, d, heads=2):"):
        pen.line("super().__init__()")
        pen.line("self.attn = nn.MultiheadAttention(d, heads, batch_first=True)")
        pen.line("self.norm = nn.LayerNorm(d)")
        pen.line("self.ff = nn.Sequential(nn.Linear(d, 2 * d), nn.ReLU(), nn.Linear(2 * d, d))")
    with pen.block("def forward(self, x):"):
        pen.line("a, _ = self.attn(x, x, x)")
        pen.line("x = self.norm(x + a)")
        pen.line("return x + self.ff(x)")


def _head_by_hand(pen: Pen) -> None:
    with pen.block("def __init__(self, d):"):
        pen.line("super().__init__()")
        pen.line("self.q, self.k, self.v = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d)")
        pen.line("self.norm = nn.LayerNorm(d)")
    with pen.block("def forward(self, x):"):
        pen.line("q, k, v = self.q(x), self.k(x), self.v(x)")
        pen.line("scores = q @ k.transpose(-2, -1) / k.size(-1) ** 0.5")
        if pen.chance(0.5):
            pen.line("mask = torch.tril(torch.ones(x.size(1), x.size(1)))")
            pen.line("scores = scores.masked_fill(mask == 0, float('-inf'))")
        pen.line("return self.norm(x + F.softmax(scores, dim=-1) @ v)")
