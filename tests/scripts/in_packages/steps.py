import torch


def batches(count):
    generator = torch.Generator().manual_seed(0)
    for _ in range(count):
        x = torch.randn(16, 8, generator=generator)
        yield x, x[:, :2] * 2


def train_step(model, optimizer, x, y):
    logits, loss = model(x, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss
