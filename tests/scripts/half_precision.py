"""Autocast and a scaler of the loss on the CPU; one pass overflows, and its step is left out."""
import torch
import torch.nn as nn
import torch.nn.functional as F
torch.manual_seed(0)
x, y = torch.randn(12, 6), torch.randint(0, 3, (12,))
model = nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(0.1), nn.Linear(8, 8), nn.Hardswish(), nn.Linear(8, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, amsgrad=True)
scaler = torch.amp.GradScaler("cpu", init_scale=256.0, growth_interval=3)
for t in range(8):
    optimizer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = F.cross_entropy(model(x), y)
    if t == 2:
        loss = loss * float("inf")
    scaled = scaler.scale(loss)
    scaled.backward()
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
    print("loss", scaled.item().hex(), scaler.get_scale())
for value in model.parameters():
    print("final", value.detach().numpy().tobytes().hex())
