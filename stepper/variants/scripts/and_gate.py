"""One linear neuron learns the AND of two inputs, in plain Python numbers: gradient descent without any library.

Its weights are updated after every sample, so an iteration is one sample, inside two nested loops.
"""

# The two inputs, and what the neuron should answer: below zero for no, above zero for yes
samples = [
    (1.0, 0.0, -1.0),
    (0.0, 1.0, -1.0),
    (0.0, 0.0, -1.0),
    (1.0, 1.0, 1.0),
]

w1, w2, b = 0.666, 0.333, 0.233
learning_rate = 0.01
epochs = 20

for epoch in range(epochs):
    for k, (x1, x2, target) in enumerate(samples):
        # Forward pass: a weighted sum
        output = w1 * x1 + w2 * x2 + b

        # The loss: the squared error of this sample
        error = output - target
        loss = error * error
        print(len(samples) * epoch + k, loss)

        # Backward pass: d loss / d output, and from it the three gradients
        d = 2.0 * error
        grad_w1 = d * x1
        grad_w2 = d * x2
        grad_b = d

        # Update: all three gradients were computed from the old weights
        w1 -= learning_rate * grad_w1
        w2 -= learning_rate * grad_w2
        b -= learning_rate * grad_b

# What the neuron answers now: 1 where its output is above zero
answers = [1 if w1 * x1 + w2 * x2 + b > 0 else 0 for x1, x2, _ in samples]
