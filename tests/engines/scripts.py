"""Training scripts that go through every corner of autograd: what is recorded of them must leave their bits alone."""

from textwrap import dedent

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


def script(body: str) -> str:
    return HEAD + dedent(body)


SCRIPTS = {
    "expressions": """
        x, y = torch.randn(6, 5), torch.randn(6, 2)
        w1 = torch.randn(5, 4, requires_grad=True)
        w2 = torch.randn(4, 2, requires_grad=True)
        for t in range(3):
            y_pred = x.mm(w1).clamp(min=0).mm(w2)
            loss = (y_pred - y).pow(2).sum()
            loss.backward()
            with torch.no_grad():
                w1 -= 0.01 * w1.grad
                w2 -= 0.01 * w2.grad
                w1.grad.zero_()
                w2.grad.zero_()
                for row in w1:
                    row /= row.norm()
                del row  # nobody can ask it for its node any more
        """,
    "convolution, BatchNorm and Dropout": """
        x, y = torch.randn(4, 2, 8, 8), torch.randint(0, 3, (4,))
        model = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.4),
            nn.Flatten(), nn.Linear(64, 3),
        )
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        for t in range(3):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        """,
    "recurrent": """
        x, y = torch.randn(5, 3, 4), torch.randn(3, 6)
        cell, out = nn.RNNCell(4, 6), nn.Linear(6, 6)
        parameters = [*cell.parameters(), *out.parameters()]
        optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9, nesterov=True)
        for t in range(3):
            h = torch.zeros(3, 6)
            for step in x:
                h = cell(step, h)
            loss = F.mse_loss(out(h), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        """,
    "LSTM": """
        x, y = torch.randn(5, 3, 4), torch.randn(5, 3, 6)
        model = nn.LSTM(4, 6)
        optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01)
        for t in range(2):
            out, _ = model(x)
            loss = (out - y).pow(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        """,
    "tied embedding": """
        tokens = torch.randint(0, 7, (4, 5))
        class Model(nn.Module):
            def __init__(self):
                super().__init__()
                self.embedding = nn.Embedding(7, 6)
                self.norm = nn.LayerNorm(6)
                self.head = nn.Linear(6, 7, bias=False)
                self.head.weight = self.embedding.weight
            def forward(self, tokens):
                return self.head(self.norm(self.embedding(tokens)))
        model = Model()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        for t in range(3):
            logits = model(tokens[:, :-1])
            loss = F.cross_entropy(logits.reshape(-1, 7), tokens[:, 1:].reshape(-1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        """,
    "attention": """
        x, y = torch.randn(2, 5, 8), torch.randn(2, 5, 8)
        class Block(nn.Module):
            def __init__(self):
                super().__init__()
                self.qkv, self.out, self.norm = nn.Linear(8, 24), nn.Linear(8, 8), nn.LayerNorm(8)
            def forward(self, x):
                q, k, v = self.qkv(self.norm(x)).view(2, 5, 3, 2, 4).permute(2, 0, 3, 1, 4)
                scores = (q @ k.transpose(-2, -1)) / 2.0
                mixed = scores.softmax(dim=-1) @ v
                return x + self.out(mixed.transpose(1, 2).reshape(2, 5, 8))
        model = nn.Sequential(Block(), nn.GELU(), Block())
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, amsgrad=True)
        for t in range(2):
            loss = F.mse_loss(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        """,
    "accumulation over micro-batches": """
        x, y = torch.randn(8, 5), torch.randn(8, 2)
        model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for t in range(3):
            optimizer.zero_grad()
            for start in range(0, 8, 2):
                loss = F.mse_loss(model(x[start : start + 2]), y[start : start + 2]) / 4
                loss.backward()
            optimizer.step()
        """,
    "two calls without zeroing": """
        x = torch.randn(6, 5)
        w = torch.randn(5, 3, requires_grad=True)
        for t in range(3):
            a = x.mm(w).tanh().mm(w.t()).pow(2).sum()
            a.backward(retain_graph=True)
            b = (a * 0.5 + (w * w).sum())
            b.backward()
            with torch.no_grad():
                w -= 0.001 * w.grad
        """,
    "double backward": """
        x = torch.randn(6, 5)
        w = torch.randn(5, 1, requires_grad=True)
        for t in range(3):
            inner = x.clone().requires_grad_()
            out = torch.sigmoid(inner.mm(w)).sum()
            (slope,) = torch.autograd.grad(out, inner, create_graph=True)
            loss = out + (slope.norm(2, dim=1) - 1).pow(2).mean()
            loss.backward()
            with torch.no_grad():
                w -= 0.1 * w.grad
            w.grad = None
        """,
    "torch.autograd.grad": """
        x, y = torch.randn(6, 5), torch.randn(6, 2)
        w = torch.randn(5, 2, requires_grad=True)
        for t in range(3):
            loss = F.mse_loss(x.mm(w), y)
            gradient, = torch.autograd.grad(loss, [w])
            with torch.no_grad():
                w -= 0.1 * gradient
        """,
    "checkpoint": """
        from torch.utils.checkpoint import checkpoint
        x, y = torch.randn(6, 5), torch.randn(6, 2)
        first, second = nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.3), nn.ReLU()), nn.Linear(4, 2)
        optimizer = torch.optim.SGD([*first.parameters(), *second.parameters()], lr=0.1)
        def block(v):
            h = first(v)
            return h * 2
        for t in range(3):
            h = checkpoint(block, x, use_reentrant=False)
            g = checkpoint(block, x.clone().requires_grad_(), use_reentrant=True)
            loss = F.mse_loss(second(h + g), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        """,
    "hooks of the user's": """
        x, y = torch.randn(6, 5), torch.randn(6, 2)
        model = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2))
        norms = []
        model[0].weight.register_hook(lambda g: g * 0.5)
        def double(parameter):
            parameter.grad.mul_(2)
        model[2].weight.register_post_accumulate_grad_hook(double)
        model[1].register_full_backward_hook(lambda m, i, o: norms.append(float(o[0].norm())))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for t in range(3):
            h = model[0](x)
            h.register_hook(lambda g: g.clamp(-0.1, 0.1))
            h.grad_fn.register_hook(lambda i, o: norms.append(float(o[0].norm())))
            loss = F.mse_loss(model[2](model[1](h)), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        """,
    "functions of the user's": """
        class Cube(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x * x
            @staticmethod
            def backward(ctx, grad_output):
                x, = ctx.saved_tensors
                slope = 3 * x * x
                return grad_output * slope
        x = torch.randn(6, 5)
        w = torch.randn(5, 2, requires_grad=True)
        for t in range(3):
            loss = Cube.apply(x.mm(w)).abs().sum()
            loss.backward()
            with torch.no_grad():
                w -= 0.01 * w.grad
                w.grad = None
        """,
    "a pair of optimizers": """
        real = torch.randn(8, 3)
        maker, judge = nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 4), nn.LeakyReLU(0.2), nn.Linear(4, 1))
        first = torch.optim.Adam(maker.parameters(), lr=0.01)
        second = torch.optim.Adagrad(judge.parameters(), lr=0.01)
        for t in range(3):
            fake = maker(torch.randn(8, 2))
            judged = F.binary_cross_entropy_with_logits(judge(real), torch.ones(8, 1))
            judged = judged + F.binary_cross_entropy_with_logits(judge(fake.detach()), torch.zeros(8, 1))
            second.zero_grad()
            judged.backward()
            second.step()
            fooled = F.binary_cross_entropy_with_logits(judge(fake), torch.ones(8, 1))
            first.zero_grad()
            fooled.backward()
            first.step()
        """,
    "LBFGS": """
        x, y = torch.randn(8, 3), torch.randn(8, 2)
        model = nn.Linear(3, 2)
        optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)
        for t in range(2):
            def closure():
                optimizer.zero_grad()
                loss = F.mse_loss(model(x), y)
                loss.backward()
                return loss
            optimizer.step(closure)
        """,
    "a scheduler and clipping": """
        x, y = torch.randn(8, 3), torch.randn(8, 2)
        model = nn.Linear(3, 2)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9, weight_decay=0.01, dampening=0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
        for t in range(3):
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
            scheduler.step()
        """,
    "autocast": """
        x, y = torch.randn(8, 6), torch.randn(8, 2)
        model = nn.Sequential(nn.Linear(6, 6), nn.SiLU(), nn.Linear(6, 2))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for t in range(2):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                h = model[0](model[0](x))
                loss = F.mse_loss(model[2](model[1](h)).float(), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        """,
}
