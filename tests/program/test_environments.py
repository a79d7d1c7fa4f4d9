"""What comes from outside the network in reinforcement learning."""

from stepper.program.program import analyse

LAKE = """
import random
import gym
import torch
import torchvision.transforms as T

resize = T.Compose([T.Resize(40), T.ToTensor()])
env = gym.make("Lake")
net = torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
memory, state = [], env.reset()
for t in range(9):
    action = net(state).argmax()
    seen, reward, over, _ = env.step(action)
    screen = resize(env.render())
    memory.append((state, action, reward, screen))
    states, actions, rewards, screens = zip(*random.sample(memory, 4))
    aim = torch.stack(rewards) + torch.stack(screens)
    loss = (net(torch.stack(states)).gather(1, torch.stack(actions)) - aim).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    state = seen
"""


def test_what_an_environment_answers_shows_and_remembers_is_data() -> None:
    roles = analyse(LAKE, "s.py").roles
    outside = ("reward", "screen", "states", "actions", "rewards", "screens", "aim")
    assert {name: roles[name] for name in outside} == dict.fromkeys(outside, "data")
    assert roles["action"] == "activation", "the network chose it"
