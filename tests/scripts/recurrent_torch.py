"""A recurrent net whose one cell is used at every step; the hidden state goes on from pass to pass, cut loose."""
import torch
import torch.nn as nn
import torch.nn.functional as F
torch.manual_seed(0)
text = torch.randint(0, 12, (4, 61))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(12, 6)
        self.cell = nn.RNNCell(6, 16)
        self.out = nn.Linear(16, 12)

    def forward(self, tokens, h):
        losses = []
        for step in range(tokens.shape[1] - 1):
            h = self.cell(self.embedding(tokens[:, step]), h)
            losses.append(F.cross_entropy(self.out(h), tokens[:, step + 1]))
        return torch.stack(losses).mean(), h


model = Recurrent()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, momentum=0.5, centered=True)
hidden = torch.zeros(4, 16)
for start in range(0, 60, 6):
    loss, hidden = model(text[:, start : start + 7], hidden)
    hidden = hidden.detach()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    optimizer.step()
    print("loss", loss.item().hex())
for value in model.parameters():
    print("final", value.detach().numpy().tobytes().hex())
