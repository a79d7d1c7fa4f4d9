"""A two-layer ReLU network in PyTorch tensors, its forward and backward passes written out by hand.

The same steps as in NumPy; the tensors may live on an accelerator.
"""

import torch

device = "cpu"
dtype = torch.float32

# N samples, D_in inputs, H hidden units, D_out outputs
N, D_in, H, D_out = 64, 1000, 100, 10
learning_rate = 1e-6
iterations = 500

# Random data to fit, and random weights to start from
x = torch.randn(N, D_in, device=device, dtype=dtype)
y = torch.randn(N, D_out, device=device, dtype=dtype)
w1 = torch.randn(D_in, H, device=device, dtype=dtype)
w2 = torch.randn(H, D_out, device=device, dtype=dtype)

for t in range(iterations):
    # Forward pass: the prediction
    h = x.mm(w1)  # (N, H)
    h_relu = h.clamp(min=0)  # (N, H)
    y_pred = h_relu.mm(w2)  # (N, D_out)

    # The loss: the sum of squared errors
    loss = (y_pred - y).pow(2).sum()
    print(t, loss.item())

    # Backward pass: the gradient of the loss with respect to each value above, the last one first
    grad_y_pred = 2.0 * (y_pred - y)  # (N, D_out)
    grad_w2 = h_relu.t().mm(grad_y_pred)  # (H, D_out)
    grad_h_relu = grad_y_pred.mm(w2.t())  # (N, H)
    grad_h = grad_h_relu.clone()  # (N, H)
    grad_h[h < 0] = 0  # the ReLU gate: no gradient where it was closed
    grad_w1 = x.t().mm(grad_h)  # (D_in, H)

    # Update: one step of gradient descent
    w1 -= learning_rate * grad_w1
    w2 -= learning_rate * grad_w2
