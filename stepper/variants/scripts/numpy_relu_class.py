"""A two-layer ReLU network as a class in NumPy. It has a mistake in it, and finding it is the exercise.

With this learning rate the loss runs away to infinity. Is the rate too high, or is a gradient wrong? Step through
back_propagation and look at which values each gradient is computed from.
"""

import numpy as np

# N samples, D_in inputs, H hidden units, D_out outputs
N, D_in, H, D_out = 64, 100, 10, 10
learning_rate = 1e-4  # try 1e-5 and 1e-6 too
iterations = 50


class ReluNet:
    """Two weight matrices with a ReLU between: (N, D_in) -> (N, H) -> (N, D_out)."""

    def __init__(self, x, y, w1, w2):
        self.x = x
        self.y = y
        self.w1 = w1
        self.w2 = w2

    def forward(self):
        h = self.x.dot(self.w1)  # (N, H)
        h_relu = np.maximum(h, 0)  # (N, H)
        self.y_pred = h_relu.dot(self.w2)  # (N, D_out)
        return self.y_pred

    def loss(self):
        return np.square(self.y_pred - self.y).sum()

    def back_propagation(self):
        grad_y_pred = 2.0 * (self.y_pred - self.y)  # (N, D_out)

        h_relu = np.maximum(self.x.dot(self.w1), 0)  # (N, H)
        grad_w2 = h_relu.T.dot(grad_y_pred)  # (H, D_out)
        self.w2 -= learning_rate * grad_w2

        h = self.x.dot(self.w1)  # (N, H)
        grad_h = grad_y_pred.dot(self.w2.T)  # (N, H)
        grad_h[h < 0] = 0
        grad_w1 = self.x.T.dot(grad_h)  # (D_in, H)
        self.w1 -= learning_rate * grad_w1


# Random data to fit, and random weights to start from
x = np.random.randn(N, D_in)
y = np.random.randn(N, D_out)
w1 = np.random.randn(D_in, H)
w2 = np.random.randn(H, D_out)

model = ReluNet(x, y, w1, w2)

for t in range(iterations):
    model.forward()
    print(t, model.loss())
    model.back_propagation()
