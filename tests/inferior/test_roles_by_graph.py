"""What the graph of gradients tells of values that no text leads to, and what an environment answers."""

import pytest

from tests.inferior.running import roles, run


def test_in_functions_that_the_text_does_not_lead_to_the_graph_tells_data_from_activations() -> None:
    pytest.importorskip("torch")
    ran = run(
        """
        import torch
        class Words(torch.utils.data.Dataset):
            def __len__(self):
                return 8
            def __getitem__(self, place):
                digits = [int(each) for each in f"{place:03}"]
                code = torch.tensor(digits, dtype=torch.float)
                code[:2] = place / 8
                return code
        class Block(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = torch.nn.Linear(3, 3)
                self.register_buffer("mask", torch.ones(4, 3))
            def forward(self, x):
                kept = x
                kind = next(self.parameters()).dtype
                return self.fc(x).masked_fill(self.mask[:2] == 0, 0.0) + kept
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.first, self.rest = torch.nn.Linear(3, 3), torch.nn.Sequential(Block(), Block())
            def forward(self, x):
                out = self.rest(self.first(x))
                depth = out.mean(0)
                return out, depth
        class Teacher(Block):
            def forward(self, out):
                return self.fc(out)
        net, teacher = Net(), torch.nn.Sequential(Teacher())
        batches = iter(torch.utils.data.DataLoader(Words(), batch_size=2))
        opt = torch.optim.SGD(net.parameters(), lr=0.1)
        for t in range(2):
            batch = next(batches)
            with torch.no_grad():
                aim = teacher(batch)
            out, depth = net(batch)
            loss = (out - aim).pow(2).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
        """
    )
    found = roles(ran)
    assert found["digits"] == "data"
    assert (found["code"], found["code[:2]"]) == ("data", "other"), "of nothing that is learnt; a number, neither"
    assert {found[name] for name in ("self.mask[:2]", "self.mask[:2] == 0")} == {"other"}, (
        "a buffer, and what is made of it"
    )
    assert {found[name] for name in ("kept", "depth")} == {"activation"}, "the one feeds a sum, the other nothing"
    assert found["next(self.parameters())"] == "parameter"
    handed = [value.role for event in ran.record(1).events for value in event.values if value.label == "x"]
    assert handed[0] == "data" and handed.count("activation") > 2, "what each of the layers is handed"
    calls = [event for event in ran.record(1).events if event.kind == "call"]
    assert [value.role for event in calls for value in event.values if value.label == "out"] == ["data"]


def test_what_an_environment_answers_and_what_is_drawn_of_it_is_data_though_the_network_acted() -> None:
    pytest.importorskip("torch")
    ran = run(
        """
        import random
        import numpy as np
        import torch
        class Track:
            def reset(self):
                self.place = np.zeros(2)
                return self.place
            def step(self, action):
                self.place = self.place + (action - 0.5)
                return self.place, -abs(self.place[0]), bool(self.place[0] > 2)
        net, track, memory = torch.nn.Linear(2, 2), Track(), []
        opt = torch.optim.SGD(net.parameters(), lr=0.1)
        seen = track.reset()
        for t in range(3):
            action = net(torch.Tensor(seen)).argmax().item()
            following, reward, over = track.step(action)
            memory.append((seen, action, reward, following, over))
            rows = random.choices(memory, k=4)
            starts, rewards = [], []
            for start, chosen, gain, then, ended in rows:
                starts.append(start)
                rewards.append(gain)
            with torch.no_grad():
                aim = 1 - torch.Tensor(np.array(rewards))
            loss = (net(torch.Tensor(np.array(starts))).sum(1) - aim).pow(2).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            seen = track.reset() if over else following
        """
    )
    found = roles(ran)
    told = (
        "seen",
        "following",
        "reward",
        "over",
        "start",
        "gain",
        "np.array(rewards)",
        "torch.Tensor(np.array(rewards))",
    )
    assert {name: found.get(name) for name in told} == dict.fromkeys(told, "data")
    assert (found["aim"], found["action"]) == ("data", "activation")
