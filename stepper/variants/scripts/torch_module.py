"""A two-layer ReLU network as a PyTorch module of our own, trained by plain gradient descent (SGD)."""

import torch


class TwoLayerNet(torch.nn.Module):
    """Two linear layers with a ReLU between: (N, D_in) -> (N, H) -> (N, D_out)."""

    def __init__(self, D_in, H, D_out):
        super().__init__()
        self.linear1 = torch.nn.Linear(D_in, H)
        self.linear2 = torch.nn.Linear(H, D_out)

    def forward(self, x):
        h_relu = self.linear1(x).clamp(min=0)  # (N, H)
        y_pred = self.linear2(h_relu)  # (N, D_out)
        return y_pred


device = "cpu"
dtype = torch.float32

# N samples, D_in inputs, H hidden units, D_out outputs
N, D_in, H, D_out = 64, 1000, 100, 10
learning_rate = 1e-4
iterations = 500

# Random data to fit
x = torch.randn(N, D_in, device=device, dtype=dtype)
y = torch.randn(N, D_out, device=device, dtype=dtype)

model = TwoLayerNet(D_in, H, D_out).to(device=device, dtype=dtype)
loss_fn = torch.nn.MSELoss(reduction="sum")
optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)

for t in range(iterations):
    # Forward pass: the prediction, (N, D_out)
    y_pred = model(x)

    # The loss: the sum of squared errors
    loss = loss_fn(y_pred, y)
    print(t, loss.item())

    # Backward pass: backward() adds to the gradients, so they are cleared first
    optimizer.zero_grad()
    loss.backward()

    # Update: every parameter loses learning_rate times its gradient
    optimizer.step()
