"""A ReLU network whose depth is drawn anew in every pass: autograd follows ordinary Python control flow.

The middle layer is used 0 to 3 times with the same weights, so its gradient is a sum with one part for each use.
"""

import random

import torch


class DynamicNet(torch.nn.Module):
    """(N, D_in) -> (N, H), 0 to 3 times (N, H) -> (N, H), then (N, H) -> (N, D_out)."""

    def __init__(self, D_in, H, D_out):
        super().__init__()
        self.input_linear = torch.nn.Linear(D_in, H)
        self.middle_linear = torch.nn.Linear(H, H)
        self.output_linear = torch.nn.Linear(H, D_out)

    def forward(self, x):
        h_relu = self.input_linear(x).clamp(min=0)  # (N, H)
        for _ in range(random.randint(0, 3)):
            h_relu = self.middle_linear(h_relu).clamp(min=0)  # (N, H)
        y_pred = self.output_linear(h_relu)  # (N, D_out)
        return y_pred


device = "cpu"
dtype = torch.float32

# N samples, D_in inputs, H hidden units, D_out outputs
N, D_in, H, D_out = 64, 1000, 100, 10
learning_rate = 1e-4
momentum = 0.9
iterations = 500

# Random data to fit
x = torch.randn(N, D_in, device=device, dtype=dtype)
y = torch.randn(N, D_out, device=device, dtype=dtype)

model = DynamicNet(D_in, H, D_out).to(device=device, dtype=dtype)
loss_fn = torch.nn.MSELoss(reduction="sum")
optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=momentum)

for t in range(iterations):
    # Forward pass: the prediction, (N, D_out)
    y_pred = model(x)

    # The loss: the sum of squared errors
    loss = loss_fn(y_pred, y)
    print(t, loss.item())

    # Backward pass: backward() adds to the gradients, so they are cleared first
    optimizer.zero_grad()
    loss.backward()

    # Update: gradient descent with momentum. In a pass without a middle layer its gradient is None: it stays as it is
    optimizer.step()
