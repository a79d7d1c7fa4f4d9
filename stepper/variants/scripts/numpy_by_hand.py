"""A two-layer ReLU network in NumPy, its forward and backward passes written out by hand.

Every line of the loop is one step of backpropagation. The chain rule runs from the loss back to the weights:
loss -> y_pred -> h_relu -> h -> w1, and w2 on the way.
"""

import numpy as np

# N samples, D_in inputs, H hidden units, D_out outputs
N, D_in, H, D_out = 64, 1000, 100, 10
learning_rate = 1e-6
iterations = 500

# Random data to fit, and random weights to start from
x = np.random.randn(N, D_in)
y = np.random.randn(N, D_out)
w1 = np.random.randn(D_in, H)
w2 = np.random.randn(H, D_out)

for t in range(iterations):
    # Forward pass: the prediction
    h = x.dot(w1)  # (N, H)
    h_relu = np.maximum(h, 0)  # (N, H)
    y_pred = h_relu.dot(w2)  # (N, D_out)

    # The loss: the sum of squared errors
    loss = np.square(y_pred - y).sum()
    print(t, loss)

    # Backward pass: the gradient of the loss with respect to each value above, the last one first
    grad_y_pred = 2.0 * (y_pred - y)  # (N, D_out)
    grad_w2 = h_relu.T.dot(grad_y_pred)  # (H, D_out)
    grad_h_relu = grad_y_pred.dot(w2.T)  # (N, H)
    grad_h = grad_h_relu.copy()  # (N, H)
    grad_h[h < 0] = 0  # the ReLU gate: no gradient where it was closed
    grad_w1 = x.T.dot(grad_h)  # (D_in, H)

    # Update: one step of gradient descent
    w1 -= learning_rate * grad_w1
    w2 -= learning_rate * grad_w2
