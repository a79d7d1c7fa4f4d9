"""The model in a package, and what a step does in a module: the loop alone computes no gradient."""

import torch
from nets import MLP
from steps import batches, train_step

torch.manual_seed(1)
model = MLP(8, 12, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for x, y in batches(8):
    loss = train_step(model, optimizer, x, y)
    print(loss.item().hex())
print([float(w).hex() for p in model.parameters() for w in p.detach().flatten()])
