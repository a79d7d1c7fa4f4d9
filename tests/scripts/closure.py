"""L-BFGS with a closure that is called several times in a step."""
import torch
import torch.nn as nn
import torch.nn.functional as F
torch.manual_seed(0)
x, y = torch.randn(16, 8), torch.randn(16, 3)

model = nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3))
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=4)
calls = []
for i in range(8):
    def closure():
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        calls.append(loss.item())
        return loss
    optimizer.step(closure)
    print("loss", calls[-1].hex())
for value in model.parameters():
    print("final", value.detach().numpy().tobytes().hex())
