import numpy as np


class MLP:
    def __init__(self, d_in, h, d_out):
        self.w1 = np.random.randn(d_in, h) * 0.3
        self.w2 = np.random.randn(h, d_out) * 0.3

    def forward(self, x):
        self.x, self.h = x, x @ self.w1
        return np.maximum(self.h, 0) @ self.w2

    def backward(self, grad):
        grad_h = grad @ self.w2.T
        grad_h[self.h < 0] = 0
        return self.x.T @ grad_h, np.maximum(self.h, 0).T @ grad
