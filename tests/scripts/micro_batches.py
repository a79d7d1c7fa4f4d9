"""Gradients of four micro-batches are added up before one step; two optimizers, a schedule for each."""
import torch
import torch.nn as nn
import torch.nn.functional as F
torch.manual_seed(0)
x, y = torch.randn(16, 6), torch.randn(16, 2)
body = nn.Sequential(nn.Linear(6, 10), nn.BatchNorm1d(10), nn.SiLU())
head = nn.Linear(10, 2)
slow = torch.optim.SGD(
    [{"params": body[0].parameters()}, {"params": body[1].parameters(), "weight_decay": 0.0}],
    lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01,
)
quick = torch.optim.Adagrad(head.parameters(), lr=0.05)
schedules = [
    torch.optim.lr_scheduler.OneCycleLR(slow, max_lr=0.1, total_steps=20),
    torch.optim.lr_scheduler.ReduceLROnPlateau(quick, patience=0),
]
for t in range(8):
    slow.zero_grad()
    quick.zero_grad()
    total = 0.0
    for start in range(0, 16, 4):
        loss = F.smooth_l1_loss(head(body(x[start : start + 4])), y[start : start + 4]) / 4
        loss.backward()
        total += loss.item()
    slow.step()
    quick.step()
    schedules[0].step()
    schedules[1].step(total)
    print("loss", loss.item().hex())
for value in [*body.parameters(), *body.buffers(), *head.parameters()]:
    print("final", value.detach().numpy().tobytes().hex())
