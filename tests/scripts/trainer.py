"""A Trainer class with autocast, gradient accumulation, clipping and schedules; `fit` is called twice."""
import torch
import torch.nn as nn
import torch.nn.functional as F
torch.manual_seed(0)
x, y = torch.randn(16, 8), torch.randn(16, 3)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width), nn.Dropout(0.1))

    def forward(self, h):
        q = self.norm(h)
        h = h + self.attention(q, q, q, need_weights=False)[0]
        return h + self.mlp(h)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.blocks = nn.ModuleList([Block(8) for _ in range(2)])
        self.lstm = nn.LSTM(8, 8, batch_first=True)
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens):
        h = self.embedding(tokens)
        for block in self.blocks:
            h = block(h)
        with torch.autocast("cpu", enabled=False):  # not every processor has an LSTM of half precision
            h, _ = self.lstm(h.float())
        return self.head(h)


class Trainer:
    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        self.scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 10)

    def batches(self, count):
        for number in range(count):
            if number == 3:
                continue
            yield torch.randint(0, 11, (2, 6))

    def fit(self, steps):
        self.model.train()
        for number, tokens in enumerate(self.batches(steps)):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=number % 2 == 0):
                logits = self.model(tokens[:, :-1])
            loss = F.cross_entropy(logits.float().reshape(-1, 11), tokens[:, 1:].reshape(-1))
            (loss / 2).backward()
            print("loss", (loss / 2).item().hex())
            if number % 2 == 1:
                nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                self.optimizer.step()
                self.optimizer.zero_grad(set_to_none=True)
                self.scheduler.step()
        self.model.eval()
        with torch.no_grad():
            print("between", float(self.model(torch.arange(5)[None]).double().sum()).hex())


def main():
    trainer = Trainer(Model())
    for steps in (7, 4):
        trainer.fit(steps)
    for value in trainer.model.parameters():
        print("final", value.detach().numpy().tobytes().hex())


if __name__ == "__main__":
    main()
