"""Roles of values in records, where a name alone does not say them."""

from tests.inferior.running import Ran, run


def roles(ran: Ran, iteration: int = 1, kinds: tuple[str, ...] = ("statement", "expression")) -> dict[str, str]:
    events = [event for event in ran.record(iteration).events if event.kind in kinds]
    return {value.label: value.role for event in events for value in event.values}


def test_what_leads_to_the_loss_in_its_own_line_is_an_activation() -> None:
    ran = run(
        """
        import torch
        model, criterion = torch.nn.Linear(3, 2), torch.nn.MSELoss()
        opt = torch.optim.SGD(model.parameters(), lr=0.1)
        x, y = torch.ones(4, 3), torch.ones(4, 2)
        for t in range(2):
            loss = criterion(model(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
        """
    )
    assert roles(ran)["model(x)"] == "activation" and roles(ran)["loss"] == "loss"


def test_models_with_a_capital_make_activations_and_what_is_carried_on_is_no_parameter() -> None:
    ran = run(
        """
        import numpy as np
        import torch
        G = torch.nn.Linear(2, 2)
        opt = torch.optim.SGD(G.parameters(), lr=0.1)
        memory = np.zeros((4, 2))
        state = torch.ones(1, 2)
        for t in range(3):
            made = G(state)
            memory[t % 4, :] = made.detach().numpy()
            past = torch.from_numpy(memory).float()
            loss = (G(past) - 1).pow(2).mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            state = made.detach()
        """
    )
    found = roles(ran)
    assert [found[name] for name in ("made", "memory", "state", "past")] == ["activation"] * 4
    assert {each.name for each in ran.record(1).parameters} == {"G.weight", "G.bias"}


def test_rows_of_an_embedding_and_elements_of_lists() -> None:
    ran = run(
        """
        import numpy as np
        rng = np.random.default_rng(0)
        C, W = rng.normal(size=(5, 2)), rng.normal(size=(2, 2))
        data = rng.integers(0, 5, size=(6, 3))
        for t in range(3):
            ix = data[t]
            emb = C[ix]
            hs = {-1: np.zeros(2)}
            for k in range(3):
                hs[k] = np.tanh(emb[k] + hs[k - 1] @ W)
            loss = (hs[2] ** 2).sum()
            dW, dC, dh = np.zeros_like(W), np.zeros_like(C), 2 * hs[2]
            for k in reversed(range(3)):
                dz = (1 - hs[k] ** 2) * dh
                dW += np.outer(hs[k - 1], dz)
                dC[ix[k]] += dz
                dh = dz @ W.T
            W -= 0.1 * dW
            C -= 0.1 * dC
        """
    )
    found = roles(ran)
    assert found["emb"] == found["hs[k]"] == found["hs[k - 1]"] == "activation"
    assert {each.name for each in ran.record(1).parameters} == {"W", "C"}
