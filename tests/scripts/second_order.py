"""Gradients of gradients, a graph that is walked twice, a checkpoint, torch.func, and hooks of the script's own."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint
torch.manual_seed(0)
x, y = torch.randn(10, 4), torch.randn(10, 1)
model = nn.Sequential(nn.Linear(4, 8), nn.Softplus(), nn.Linear(8, 8), nn.ELU(), nn.Linear(8, 1))
norms = []
model[0].weight.register_hook(lambda g: g.clamp(-1, 1))
model[2].register_full_backward_hook(lambda module, inputs, outputs: norms.append(outputs[0].norm().item()))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for t in range(8):
    inner = x.clone().requires_grad_()
    out = checkpoint(model, inner, use_reentrant=False)
    slope, = torch.autograd.grad(out.sum(), inner, create_graph=True)
    loss = F.mse_loss(out, y) + (slope.norm(dim=1) - 1).pow(2).mean()
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    (0.1 * loss).backward()
    jacobian = torch.func.grad(lambda v: F.softplus(v @ model[0].weight.t()).sum())(x[0])
    optimizer.step()
    print("loss", (0.1 * loss).item().hex(), jacobian.sum().item().hex())
print(norms)
for value in model.parameters():
    print("final", value.detach().numpy().tobytes().hex())
