"""A network by hand, in files of its own."""

import numpy as np
from layers import *
from losses import mse, mse_prime
from network import Network

rng = np.random.default_rng(0)
x = rng.standard_normal((16, 5))
y = x[:, :1] * 3 - 1
net = Network(Dense(5, 8, rng), ReLU(), Dense(8, 1, rng))
for epoch in range(8):
    out = net.forward(x)
    error = mse(out, y)
    net.backward(mse_prime(out, y))
    net.update(0.05)
    print(float(error).hex())
print([float(w).hex() for layer in net.layers if isinstance(layer, Dense) for w in layer.W.ravel()])
