"""Terms of a loss that no gradient goes back through, though parameters that it trains make them, too."""

import pytest

from stepper.record import LOST
from tests.engines.recorded import run_recorded
from tests.engines.scripts import script

TERMS = """
    body, pi, v = nn.Linear(3, 4), nn.Linear(4, 2), nn.Linear(4, 1)
    ended, others = nn.Linear(3, 2), nn.Linear(3, 3)
    trained = [*body.parameters(), *pi.parameters(), *v.parameters()]
    optimizer, second = torch.optim.SGD(trained, lr=0.1), torch.optim.SGD(others.parameters(), lr=0.1)
    x, r, a = torch.rand(5, 3), torch.rand(5), torch.tensor([0, 1, 1, 0, 1])
    class keep:
        pass
    def both(one, other):
        return one + other
    def total(many):
        return sum(many)
    def size(m):
        return sum(q.data.norm() for q in m.parameters())
    for t in range(2):
        h = torch.tanh(body(x))
        d, value = torch.distributions.Categorical(logits=pi(h)), v(h).squeeze(1)
        error = (value - r).square().mean()
        loss = error
        TERM
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        other = others(x).square().sum() + error.item()
        second.zero_grad()
        other.backward()
        second.step()
    """


@pytest.mark.parametrize(
    ("term", "label", "names"),
    [
        ("p = body.weight.detach().pow(2).sum(); loss = loss + 0.1 * p", "0.1 * p", "body.weight"),
        ("p = body.weight.data.abs().sum(); loss += p", "p", "body.weight"),
        ("loss = loss + 2 * body.weight.data.abs().sum()", "2 * body.weight.data.abs().sum()", "body.weight"),
        (
            "loss = loss + 2 * sum(q.data.abs().sum() for q in body.parameters())",
            "2 * sum(q.data.abs().sum() for q in body.parameters())",
            "body.weight, body.bias",
        ),
        ("p = h.square().mean().item(); loss = p * 0.5 + loss", "p", "body.weight, body.bias"),
        ("p = h.new_tensor(h.mean().item()); loss = loss + p", "p", "body.weight, body.bias"),
        ("p = torch.tensor(h.detach().numpy() ** 2).mean(); loss = (loss - p) / 2", "p", "body.weight, body.bias"),
        (
            "p = -(d.log_prob(a).exp().detach() * r).mean(); loss = both(p, loss) * 3",
            "one",
            "body.weight, body.bias",
        ),
        ("keep.d = d; p = (keep.d.log_prob(a).exp().detach() * r).mean(); loss = loss - p", "p", ""),
        ("p = h.detach().abs().mean(); loss = torch.stack([loss, p]).sum()", "p", "body.weight, body.bias"),
        ("p = h.detach().mean(); loss = sum([loss, p, d.entropy().mean()])", "p", "body.weight, body.bias"),
        ("p = [loss, h.square().mean().detach()]; loss = sum(p)", "p[1]", "body.weight, body.bias"),
        (
            "p = {'a': loss, 'b': torch.tensor(0.3), 'c': h.square().mean().detach()}; loss = sum(p.values())",
            "p['c']",
            "body.weight, body.bias",
        ),
        ("p = (loss, h.detach().mean()); loss = torch.stack(p).mean()", "p[1]", "body.weight, body.bias"),
        ("p = {'e': loss}; p['h'] = h.mean().item(); loss = sum(p.values())", "p['h']", "body.weight, body.bias"),
        ("keep.p = [loss, h.detach().mean()]; loss = sum(p for p in keep.p)", "keep.p[1]", "body.weight, body.bias"),
        ("p = [h.detach().mean(), loss]; loss = total(p)", "many[0]", "body.weight, body.bias"),
        ("p = []; p.append(loss); q = h.detach().mean(); p.append(q); loss = sum(p)", "q", "body.weight, body.bias"),
        ("p = torch.tensor(h.mean().item(), requires_grad=True); loss = loss + 2 * p", "p", "body.weight, body.bias"),
        ("p = sum(q.detach().abs().sum() for q in body.parameters()); loss += p", "p", "body.weight, body.bias"),
        ("p = size(m=body); loss = loss + 0.1 * p", "0.1 * p", "body.weight, body.bias"),
        ("p = [h.detach().mean(), loss]; loss = sum(0.1 * q for q in p)", "p[0]", "body.weight, body.bias"),
        ("loss += 0.01 * h.norm().item()", "h.norm()", "body.weight, body.bias"),
        ("loss = loss + 0.5 * float(h.norm())", "h.norm()", "body.weight, body.bias"),
        ("loss = sum([1.0 * loss, 0.5 * h.norm().item()])", "h.norm()", "body.weight, body.bias"),
        ("p = []; p.append(loss); p.append(h.norm().item() / 2); loss = sum(p)", "h.norm()", "body.weight, body.bias"),
        ("p = h.mean().detach().requires_grad_(); loss = loss + p", "p", "body.weight, body.bias"),
        (
            "p = h.norm(); loss = sum(w * q for w, q in zip([1.0, 0.5], [loss, p.item()]))",
            "p",
            "body.weight, body.bias",
        ),
        ("p = h.detach().mean(); (loss + p).backward(retain_graph=True)", "p", "body.weight, body.bias"),
        (
            "loss = sum(w * q for w, q in zip([1.0, 0.5], [loss, h.norm().item()]))",
            "h.norm()",
            "body.weight, body.bias",
        ),
        (
            "loss = sum(w * q for w, q in [(1.0, loss), (0.5, float(h.square().mean()))])",
            "h.square().mean()",
            "body.weight, body.bias",
        ),
        (
            "p = [loss, h.mean().item()]; loss = sum(w * q for w, q in zip([1.0, 0.5], p))",
            "h.mean()",
            "body.weight, body.bias",
        ),
        (
            "p, w = [loss, h.detach().mean()], [1.0, 0.5]; loss = sum(w[i] * p[i] for i in range(2))",
            "p[1]",
            "body.weight, body.bias",
        ),
    ],
)
def test_a_term_of_the_loss_that_is_cut_off_is_told_where_it_is_added(term: str, label: str, names: str) -> None:
    record = run_recorded(script(TERMS.replace("TERM", term))).records[1]
    (event,) = (event for event in record.events if LOST in event.note)
    assert event.kind == "statement"
    assert event.note.startswith(f"{LOST}{label}, a term of the loss: it is cut off ")
    assert event.note.endswith(f" ({names})") if names else event.note[-1].isdigit()
    marked = {each.name: each.term for each in record.parameters if each.term is not None}
    assert marked.keys() >= set(names.split(", ") if names else ["body.weight"])
    assert not any(name.startswith(("others", "ended")) for name in marked) and set(marked.values()) == {event.id}


MEANT = [
    "p = h.new_zeros(()); q = torch.zeros_like(loss); loss = p + (h.new_tensor(-0.5) + loss + q)",
    "adv = (r - value).detach(); loss = loss - (d.log_prob(a) * adv).mean() + 0.1 * d.entropy().mean()",
    "loss = loss + ((r - value.detach()).mean() - d.log_prob(a)).mean()",  # lined up with many numbers
    "soft = pi(h).softmax(1); loss = loss + (soft.detach() - soft).abs().mean() - soft.mean() + soft.mean().detach()",
    "q = pi(h).softmax(1).detach(); loss = loss + (q * q.log()).sum() - (q * pi(h).log_softmax(1)).sum()",
    "loss = loss + torch.no_grad()(others)(x).mean() + ended(x).detach().sum()",  # that this step does not train
    "loss = loss + others(x).mean() + others.weight.detach().square().sum()",  # nor that, a discriminator
    "first = pi(h).mean(); first.backward(retain_graph=True); loss = loss + first.detach()",
    "p = sum(q.numel() for q in body.parameters()) + 0.5 * size(ended); loss = loss + p",  # none of what is trained
    "p, q = [h.detach().mean(), torch.tensor(1.0)], [loss, error]; loss = sum(a * b for a, b in zip(p, q))",  # weights
    "p = h.norm(); loss = sum(a * b for a, b in zip([p.item(), 1.0], [loss, error]))",
    "p = h.norm(); loss = sum(a * b for a, b in [(loss, p.item()), (error, 1.0)])",  # each with its weight
    "loss = sum(a * b for a, b in zip([h.norm().item(), 1.0], [loss, error]))",
    "loss = sum(a * b for a, b in [(loss, h.norm().item()), (error, 1.0)])",
    "loss = sum(q for q in [loss * h.norm().item(), h.norm() if h.norm().item() > 0 else error])",
    "p = [loss, error]; w = [h.norm().item(), 1.0]; loss = sum(w[i] * p[i] for i in range(2))",
    "p = [(loss, h.norm().item()), (error, 1.0)]; loss = sum(a * b for a, b in p)",
    "p = [loss, torch.tensor(0.3)]; q = [loss, h.detach()]; loss = sum(p)",
    "p = {'a': loss, 'b': torch.tensor(0.3), 'c': h.mean()}; loss = sum(p.values())",
    "p = [h.detach().mean()]; p = [loss, h.mean()]; q = [each.detach() for each in p]; loss = torch.stack(p).sum()",
    "p = [loss, (pi(h) - torch.no_grad()(others)(x).mean()).mean()]; loss = sum(p)",
    "p = x.clone().requires_grad_(); q = v(body(p)).sum(); "
    "loss = loss + torch.autograd.grad(q, p, create_graph=True)[0].mean()",
    "q = pi(h); p = [q, (q.round() - q).detach()]; loss = loss + sum(p).mean()",
    "p = [-(d.log_prob(a) - d.log_prob(a).detach()).exp().mean(), loss]; loss = sum(p)",
    "z = h.detach(); loss = loss + (pi(z).mean() + 0.1 * z.square().mean())",  # z is what a layer is given: a sample
    "loss = loss + max(d.entropy().mean(), torch.tensor(9.0))",  # which is the larger one
    "loss = loss + h.norm().item() * d.entropy().mean()",  # a weight
    "loss = torch.add(loss, d.entropy().mean(), alpha=h.norm().item())",
    "loss += d.entropy().mean() if h.norm().item() > 0 else 0.0",
    "q = v(h).mean(); loss = loss + (q - q.item()) + (value.mean() - value.mean().item())",
    "seen = loss.item() + h.detach().mean(); loss = loss + 0.1 * x.mean() + body.bias.sum()",
]


@pytest.mark.parametrize("term", MEANT)
def test_what_is_meant_to_have_no_gradient_is_no_term_that_is_cut_off(term: str) -> None:
    record = run_recorded(script(TERMS.replace("TERM", term))).records[1]
    assert not [event.note for event in record.events if LOST in event.note]
    assert all(each.term is None for each in record.parameters)


@pytest.mark.parametrize(("term", "told"), [("", 0), (" + 0.01 * b.detach().square().sum()", 1)])
def test_a_parameter_that_is_added_itself_and_stepped_by_hand_is_none(term: str, told: int) -> None:
    """The step makes the bias anew, of a gradient that hangs in no graph: but that is behind the loss."""
    record = run_recorded(
        script(f"""
        w, b = torch.rand(3, 2, requires_grad=True), torch.zeros(2, requires_grad=True)
        x, y = torch.rand(5, 3), torch.tensor([0, 1, 1, 0, 1])
        for t in range(2):
            loss = -(x @ w + b)[range(5), y].mean(){term}
            loss.backward()
            with torch.no_grad():
                for p in (w, b):
                    p -= 0.1 * p.grad
                    p.grad.zero_()
        """)
    ).records[1]
    notes = [event.note for event in record.events if event.note.startswith(LOST)]
    assert len(notes) == told, notes
