"""Two nets against each other, two optimizers, three backward calls in each pass, two epochs."""
import torch
import torch.nn as nn
import torch.nn.functional as F
torch.manual_seed(0)
x, y = torch.randn(16, 8), torch.randn(16, 3)

G = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2, inplace=True), nn.Linear(8, 8))
D = nn.Sequential(nn.Linear(8, 8), nn.ReLU(True), nn.Linear(8, 1), nn.Sigmoid())
optimizer_G = torch.optim.Adam(G.parameters(), lr=1e-3)
optimizer_D = torch.optim.Adam(D.parameters(), lr=1e-3)
criterion = nn.BCELoss()
for epoch in range(2):
    for i in range(5):
        real, fake = torch.ones(16, 1), torch.zeros(16, 1)
        optimizer_D.zero_grad()
        criterion(D(x), real).backward()
        generated = G(torch.randn(16, 4))
        criterion(D(generated.detach()), fake).backward()
        optimizer_D.step()
        optimizer_G.zero_grad()
        errG = criterion(D(generated), real)
        errG.backward()
        optimizer_G.step()
        print("loss", errG.item().hex())
for value in [*G.parameters(), *D.parameters()]:
    print("final", value.detach().numpy().tobytes().hex())
