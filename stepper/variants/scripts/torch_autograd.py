"""A two-layer ReLU network in PyTorch: the forward pass is written out, autograd derives the backward pass.

The hidden layer has no name here. It exists all the same, inside the expression that computes y_pred.
"""

import torch

device = "cpu"
dtype = torch.float32

# N samples, D_in inputs, H hidden units, D_out outputs
N, D_in, H, D_out = 64, 1000, 100, 10
learning_rate = 1e-6
iterations = 500

# Random data to fit, and random weights to start from; autograd keeps track of what is computed from the weights
x = torch.randn(N, D_in, device=device, dtype=dtype)
y = torch.randn(N, D_out, device=device, dtype=dtype)
w1 = torch.randn(D_in, H, device=device, dtype=dtype, requires_grad=True)
w2 = torch.randn(H, D_out, device=device, dtype=dtype, requires_grad=True)

for t in range(iterations):
    # Forward pass: (N, D_in) -> (N, H) -> (N, D_out)
    y_pred = x.mm(w1).clamp(min=0).mm(w2)

    # The loss: the sum of squared errors
    loss = (y_pred - y).pow(2).sum()
    print(t, loss.item())

    # Backward pass: fills w1.grad (D_in, H) and w2.grad (H, D_out)
    loss.backward()

    # Update: one step of gradient descent, which is not to be differentiated itself
    with torch.no_grad():
        w1 -= learning_rate * w1.grad
        w2 -= learning_rate * w2.grad

        # backward() adds to the gradients, so the next pass must find zeros
        w1.grad.zero_()
        w2.grad.zero_()
