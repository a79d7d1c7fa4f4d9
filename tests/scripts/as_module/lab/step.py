import numpy as np


def train_step(model, x, y):
    error = model.forward(x) - y
    loss = np.square(error).mean()
    grad_w1, grad_w2 = model.backward(2 * error / error.size)
    model.w1 -= 0.05 * grad_w1
    model.w2 -= 0.05 * grad_w2
    return loss
