import torch

from .model import loss_of


class Trainer:
    def __init__(self, model, batches, lr=0.05):
        self.model = model
        self.batches = batches
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        self.losses = []

    def fit(self, epochs):
        for epoch in range(epochs):
            self.run_epoch(epoch)
        return self.losses

    def run_epoch(self, epoch):
        self.model.train()
        total = 0.0
        for x, y in self.batches:
            loss = loss_of(self.model, x, y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.item()
            self.losses.append(loss.item())
        print("epoch", epoch, total / len(self.batches))
