import numpy as np


def mse(pred, y):
    return np.mean((pred - y) ** 2)


def mse_prime(pred, y):
    return 2 * (pred - y) / y.size
