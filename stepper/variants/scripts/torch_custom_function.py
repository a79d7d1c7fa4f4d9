"""A two-layer ReLU network in PyTorch whose ReLU is a function of our own, with its own derivative."""

import torch


class ReLU(torch.autograd.Function):
    """max(input, 0), and what the chain rule makes of it."""

    @staticmethod
    def forward(ctx, input):
        """input: (N, H) -> (N, H). What the derivative will need is put aside in ctx."""
        ctx.save_for_backward(input)
        return input.clamp(min=0)

    @staticmethod
    def backward(ctx, grad_output):
        """grad_output: (N, H), the gradient of the loss with respect to the output -> with respect to the input."""
        (input,) = ctx.saved_tensors
        grad_input = grad_output.clone()
        grad_input[input < 0] = 0  # the ReLU gate: no gradient where it was closed
        return grad_input


device = "cpu"
dtype = torch.float32

# N samples, D_in inputs, H hidden units, D_out outputs
N, D_in, H, D_out = 64, 1000, 100, 10
learning_rate = 1e-6
iterations = 500

# Random data to fit, and random weights to start from
x = torch.randn(N, D_in, device=device, dtype=dtype)
y = torch.randn(N, D_out, device=device, dtype=dtype)
w1 = torch.randn(D_in, H, device=device, dtype=dtype, requires_grad=True)
w2 = torch.randn(H, D_out, device=device, dtype=dtype, requires_grad=True)

for t in range(iterations):
    # Forward pass: (N, D_in) -> (N, H) -> (N, D_out)
    y_pred = ReLU.apply(x.mm(w1)).mm(w2)

    # The loss: the sum of squared errors
    loss = (y_pred - y).pow(2).sum()
    print(t, loss.item())

    # Backward pass: autograd calls ReLU.backward on the way to w1
    loss.backward()

    # Update: one step of gradient descent, which is not to be differentiated itself
    with torch.no_grad():
        w1 -= learning_rate * w1.grad
        w2 -= learning_rate * w2.grad

        # backward() adds to the gradients, so the next pass must find zeros
        w1.grad.zero_()
        w2.grad.zero_()
