"""A policy trained by the gradient of its own samples, written out in NumPy, an environment of the script's own."""
import numpy as np
np.random.seed(0)
model = {"W1": np.random.randn(8, 4) / 2, "W2": np.random.randn(8) / 3}
cache = {k: np.zeros_like(v) for k, v in model.items()}
class Walk:
    def reset(self):
        self.place, self.time = np.random.uniform(-0.05, 0.05, 4), 0
        return self.place
    def step(self, right):
        self.place = self.place + 0.1 * np.random.randn(4) + (0.05 if right else -0.05)
        self.time += 1
        return self.place, float(-abs(self.place[0])), self.time >= 6
def policy(x):
    h = model["W1"] @ x
    h[h < 0] = 0
    return 1 / (1 + np.exp(-model["W2"] @ h)), h
env = Walk()
seen, best = env.reset(), np.float64(-9.0)
xs, hs, dlogps, rewards = [], [], [], []
episode = 0
while episode < 3:
    p, h = policy(seen)
    right = np.random.uniform() < p
    xs.append(seen)
    hs.append(h)
    dlogps.append(right - p)
    seen, reward, done = env.step(right)
    rewards.append(reward)
    if done:
        episode += 1
        advantage = np.array(rewards)[::-1].cumsum()[::-1]
        advantage -= advantage.mean()
        dlog = np.array(dlogps) * advantage
        hidden, inputs = np.vstack(hs), np.vstack(xs)
        dh = np.outer(dlog, model["W2"])
        dh[hidden <= 0] = 0
        grads = {"W1": dh.T @ inputs, "W2": hidden.T @ dlog}
        for k in model:
            cache[k] = 0.9 * cache[k] + 0.1 * grads[k] ** 2
            model[k] += 0.05 * grads[k] / (np.sqrt(cache[k]) + 1e-5)
        best += 0.1 * (sum(rewards) - best)
        xs, hs, dlogps, rewards = [], [], [], []
        seen = env.reset()
        print("episode", episode, float(best).hex())
for value in model.values():
    print("final", value.tobytes().hex())
