"""A two-layer ReLU network put together from PyTorch's layers; an optimizer (Adam) updates the parameters."""

import torch

device = "cpu"
dtype = torch.float32

# N samples, D_in inputs, H hidden units, D_out outputs
N, D_in, H, D_out = 64, 1000, 100, 10
learning_rate = 1e-4
iterations = 500

# Random data to fit
x = torch.randn(N, D_in, device=device, dtype=dtype)
y = torch.randn(N, D_out, device=device, dtype=dtype)

# Layers in a row, each with its own weight and bias: (N, D_in) -> (N, H) -> (N, D_out)
model = torch.nn.Sequential(
    torch.nn.Linear(D_in, H),
    torch.nn.ReLU(),
    torch.nn.Linear(H, D_out),
).to(device=device, dtype=dtype)
loss_fn = torch.nn.MSELoss(reduction="sum")
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)

for t in range(iterations):
    # Forward pass: the prediction, (N, D_out)
    y_pred = model(x)

    # The loss: the sum of squared errors
    loss = loss_fn(y_pred, y)
    print(t, loss.item())

    # Backward pass: backward() adds to the gradients, so they are cleared first
    optimizer.zero_grad()
    loss.backward()

    # Update: the optimizer changes every parameter by its own rule
    optimizer.step()
