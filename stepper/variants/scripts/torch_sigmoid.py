"""Logistic regression in PyTorch: one layer and a sigmoid, with autograd for the backward pass."""

import torch

device = "cpu"
dtype = torch.float32

# N samples, D_in inputs, D_out outputs
N, D_in, D_out = 23, 10, 1
learning_rate = 1e-4
iterations = 50

# Random data to fit, and random weights to start from
data = torch.randn(N, D_in, device=device, dtype=dtype)
label = torch.randn(N, D_out, device=device, dtype=dtype)
w1 = torch.randn(D_in, D_out, device=device, dtype=dtype, requires_grad=True)

for t in range(iterations):
    # Forward pass: the sigmoid squeezes (N, D_in) @ (D_in, D_out) into the range from 0 to 1
    output = 1 / (1 + torch.exp(-(data @ w1)))  # (N, D_out)

    # The loss: the sum of squared errors
    loss = (output - label).pow(2).sum()
    print(t, loss.item())

    # Backward pass: fills w1.grad (D_in, D_out)
    loss.backward()

    # Update: one step of gradient descent, which is not to be differentiated itself
    with torch.no_grad():
        w1 -= learning_rate * w1.grad

        # backward() adds to the gradient, so the next pass must find zeros
        w1.grad.zero_()
