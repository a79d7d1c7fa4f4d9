"""Where the graph of gradients ends between a parameter and the loss."""

import pytest

from stepper.record import CUT, Record
from stepper.session.findings.left_out import Why, all_left_out, left_out
from tests.engines.recorded import run_recorded
from tests.engines.scripts import script

CUTS = """
    import copy
    class Part(nn.Module):
        def __init__(self, ends):
            super().__init__()
            self.layer, self.ends = nn.Linear(3, 3), ends
        def forward(self, x):
            h = torch.relu(self.layer(x))
            if self.ends:
                h = h.detach()
            return h + 1
    ended, switched, target = Part(True), Part(False), nn.Linear(3, 2)
    for p in (*ended.parameters(), *switched.parameters(), *target.parameters()):
        p.data.add_(torch.rand_like(p))
    kept, number, array, none, undone, shrunk = (nn.Parameter(torch.rand(3)) for _ in range(6))
    learnt = [*ended.parameters(), *switched.parameters(), kept, number, array, none, undone, shrunk]
    optimizer = torch.optim.SGD(learnt, lr=0.1)
    x = torch.rand(5, 3)
    for t in range(2):
        a = ended(x)
        with torch.no_grad():
            b = switched(x)
            best = 0.9 * target(x).max(1, keepdim=True).values
        c = (x * number).sum().item()
        d = torch.from_numpy((x * array).detach().numpy())
        e = (x * undone).detach_()
        with torch.no_grad():
            shrunk.mul_(0.9)
        f = (x * shrunk).detach().requires_grad_()
        seen = (x * none).detach().mean()
        pred = (a + b + d + e + f) * kept * c
        loss = (pred - best).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        error = (pred.detach() - best).abs().mean().item() + seen
    """


def test_the_statement_in_which_the_graph_ends_is_known_by_the_flow_of_the_values() -> None:
    record = run_recorded(script(CUTS)).records[1]
    cuts = {each.name: _text(record, each.cut) for each in record.parameters}
    ends = {"ended.layer": "h = h.detach()", "switched.layer": "b = switched(x)", "target": "best = 0.9"}
    wanted = {f"{name}.{part}": text for name, text in ends.items() for part in ("weight", "bias")}
    wanted |= {"kept": "", "number": "c = (x", "array": "d = torch", "none": "", "undone": "e = (x", "shrunk": "f = (x"}
    assert cuts.keys() == wanted.keys()
    assert all(cuts[name].startswith(text) and bool(cuts[name]) is bool(text) for name, text in wanted.items()), cuts
    marked = {event.text.partition(" =")[0] for event in record.events if event.note.startswith(CUT)}
    assert marked == {"h", "b", "c", "d", "e", "f"}, (
        "no optimizer has what `best` was made of, and the loss is not made of `seen`"
    )
    (told,) = (line for line in all_left_out(record) if line.startswith("ended"))
    assert told.endswith("ends on line 13: h = h.detach()")


WHOLE = """
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    x = torch.rand(5, 3)
    for t in range(2):
        HERE
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    """


@pytest.mark.parametrize(
    ("before", "cut", "behind"),
    [
        ("loss = net(x).square().mean()", "loss = torch.tensor(loss.item(), requires_grad=True)", ""),
        ("", "pred = net(x).detach().requires_grad_()", "loss = pred.square().mean()"),
        ("loss = net(x).square().mean()", "loss = loss.data", "loss.requires_grad_()"),
        ("", "loss = nn.Parameter(net(x).square().mean()) * 2", ""),
        ("pred = net(x)", "pred = pred.data", "loss = (pred + torch.zeros(1, requires_grad=True)).square().mean()"),
        ("pred = net(x)", "loss = torch.zeros(1, requires_grad=True) + pred.square().mean().item()", ""),
        ("", "loss = torch.zeros(1, requires_grad=True) + net(x).square().mean().item()", ""),
        (
            "pred = net(x); n = torch.arange(len(pred))",
            "pred = pred.detach()",
            "loss = (pred.sum(1) * n + torch.zeros(1, requires_grad=True)).mean()",
        ),
        (
            "pred = net(x)",
            "parts = [(pred[i] ** 2).mean().item() for i in range(5)]",
            "loss = torch.tensor(parts, requires_grad=True).mean()",
        ),
    ],
)
def test_a_loss_that_is_cut_off_as_a_whole_is_told_of_every_parameter(before: str, cut: str, behind: str) -> None:
    record = run_recorded(script(WHOLE.replace("HERE", "; ".join(filter(None, (before, cut, behind)))))).records[1]
    of_net = {each.name: each for each in record.parameters if each.name.startswith("net.")}
    assert len(of_net) == 4 and {_text(record, each.cut) for each in of_net.values()} == {cut}
    assert not any(each.name.startswith("loss") for each in record.parameters)
    assert left_out(record).items() >= dict.fromkeys(of_net, Why.DETACHED).items()
    (marked,) = (event for event in record.events if event.note.startswith(CUT))
    assert marked.text == cut
    assert all_left_out(record)[0].endswith(f"the graph of gradients ends on {record.place(marked)}: {cut}")


@pytest.mark.parametrize(
    "top",
    [
        "s.max(0, keepdim=True).values.detach()",
        "s.detach().max(0, keepdim=True).values",
        "torch.zeros(5, 1).scatter_reduce(0, torch.zeros(5, 1, dtype=torch.int64), s, 'amax')[:1].detach()",
    ],
)
def test_a_maximum_that_a_softmax_subtracts_is_no_cut_of_what_is_cut_off_behind_it(top: str) -> None:
    text = """
        body, gate = nn.Linear(3, 4), nn.Linear(4, 1)
        optimizer = torch.optim.SGD([*body.parameters(), *gate.parameters()], lr=0.1)
        x = torch.rand(5, 3)
        for t in range(2):
            h = body(x)
            s = gate(h)
            top = TOP
            e = (s - top).exp()
            pooled = (e / e.sum(0) * h).sum(0)
            loss = (h.mean(0) + pooled.detach()).square().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        """
    record = run_recorded(script(text.replace("TOP", top))).records[1]
    cuts = {each.name: _text(record, each.cut) for each in record.parameters}
    cut = "loss = (h.mean(0) + pooled.detach()).square().sum()"
    assert cuts == {"body.weight": "", "body.bias": "", "gate.weight": cut, "gate.bias": cut}


def test_a_parameter_of_which_only_its_data_is_read_has_its_own_name_and_ends_there() -> None:
    text = """
        def train(first, second):
            optimizer = torch.optim.SGD([first, second], lr=0.1)
            for t in range(2):
                optimizer.zero_grad()
                h = x @ first.data
                loss = (h @ second).square().mean()
                loss.backward()
                optimizer.step()
        x, same = torch.rand(5, 3), torch.rand(3, 3)
        train(same.clone().requires_grad_(), torch.rand(3, 1, requires_grad=True))
        """
    record = run_recorded(script(text)).records[1]
    assert {each.name: _text(record, each.cut) for each in record.parameters} == {
        "first": "h = x @ first.data",
        "second": "",
    }


def test_behind_another_look_each_parameter_ends_where_it_first_did() -> None:
    text = """
        first, second, third = (torch.rand(3, 3, requires_grad=True) for _ in range(3))
        optimizer = torch.optim.SGD([first, second, third], lr=0.1)
        x = torch.rand(5, 3)
        for t in range(2):
            optimizer.zero_grad()
            h = (x @ first).detach() @ second
            loss = (h.data @ third).square().mean()
            loss.backward()
            optimizer.step()
        """
    record = run_recorded(script(text)).records[1]
    assert {each.name: _text(record, each.cut) for each in record.parameters} == {
        "first": "h = (x @ first).detach() @ second",
        "second": "loss = (h.data @ third).square().mean()",
        "third": "",
    }


def test_other_numbers_in_the_same_memory_are_no_other_look_at_what_lay_there() -> None:
    text = """
        import numpy as np
        first, second = torch.rand(3, requires_grad=True), torch.rand(3, requires_grad=True)
        optimizer = torch.optim.SGD([first, second], lr=0.1)
        memory = np.ones(3, dtype=np.float32)
        for t in range(2):
            optimizer.zero_grad()
            h = torch.from_numpy(memory)
            h = h.mul_(first)
            del h
            memory[:] = 2
            other = torch.from_numpy(memory)
            loss = (other * second).square().mean()
            loss.backward()
            optimizer.step()
        """
    record = run_recorded(script(text)).records[1]
    assert [(each.name, each.cut) for each in record.parameters] == [("first", None), ("second", None)]


def test_of_several_losses_the_last_before_the_step_is_the_one_that_should_have_reached_a_parameter() -> None:
    text = """
        G, D = nn.Linear(2, 3), nn.Linear(3, 1)
        of_g, of_d = torch.optim.SGD(G.parameters(), lr=0.1), torch.optim.SGD(D.parameters(), lr=0.1)
        for t in range(2):
            of_d.zero_grad()
            with torch.no_grad():
                fake = G(torch.rand(5, 2))
            D(fake).square().mean().backward()
            of_d.step()
            of_g.zero_grad()
            made = G(torch.rand(5, 2)).detach()
            loss = -D(made).mean()
            loss.backward()
            of_g.step()
            again = G(torch.rand(5, 2)).detach()
            D(again).square().mean().backward()
        """
    record = run_recorded(script(text)).records[1]
    cuts = {_text(record, each.cut) for each in record.parameters if each.name.startswith("G")}
    assert cuts == {"made = G(torch.rand(5, 2)).detach()"}


def _text(record: Record, event: int | None) -> str:
    return "" if event is None else record.events[event].text


DECORATED = """
    class Part(nn.Module):
        def __init__(self):
            super().__init__()
            self.gates = nn.ParameterList([torch.full((3,), 0.5), torch.full((3,), 0.5)])
            self.scale = nn.Parameter(torch.full((3,), 0.5))
        @torch.no_grad()
        def forward(self, x):
            h = x * self.gates[0]
            return h * self.gates[1] * self.scale
    part, kept = Part(), nn.Parameter(torch.full((3,), 0.5))
    optimizer = torch.optim.SGD([*part.parameters(), kept], lr=0.1)
    x = torch.rand(5, 3)
    for t in range(2):
        pred = part(part(x) * kept)
        loss = (pred + kept).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    """


def test_a_function_that_is_decorated_is_the_cut_of_all_that_it_reads_by_whatever_name() -> None:
    record = run_recorded(script(DECORATED)).records[0]
    cuts = {each.name: _text(record, each.cut) for each in record.parameters}
    head = "def forward(self, x)"
    assert cuts == {"part.gates.0": head, "part.gates.1": head, "part.scale": head, "kept": ""}


SAMPLED = """
    from torch.distributions import Normal
    net, decoder = nn.Linear(3, 2), nn.Linear(1, 3)
    for p in (*net.parameters(), *decoder.parameters()):
        p.data.add_(torch.rand_like(p))
    optimizer = torch.optim.SGD([*net.parameters(), *decoder.parameters()], lr=0.1)
    def encode(x):
        mean, scale = net(x).chunk(2, 1)
        return Normal(mean, scale.exp())
    x = torch.rand(5, 3)
    for t in range(2):
        MADE
        z = q.DRAWN()
        loss = (decoder(z) - x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    """


@pytest.mark.parametrize("made", ["q = encode(x)", "h = net(x); q = Normal(h[:, :1], h[:, 1:].exp())"])
@pytest.mark.parametrize("drawn", ["sample", "rsample"])
def test_a_draw_from_a_distribution_that_has_a_name_is_the_cut(made: str, drawn: str) -> None:
    record = run_recorded(script(SAMPLED.replace("MADE", made).replace("DRAWN", drawn))).records[1]
    cuts = {each.name: _text(record, each.cut) for each in record.parameters}
    cut = "z = q.sample()" if drawn == "sample" else ""
    assert cuts == {"net.weight": cut, "net.bias": cut, "decoder.weight": "", "decoder.bias": ""}


def test_a_value_that_takes_the_name_of_a_distribution_is_made_of_nothing_that_was_in_it() -> None:
    text = SAMPLED.replace("MADE", "q = encode(x); q = x[:, :1] * 1").replace("DRAWN", "detach")
    record = run_recorded(script(text)).records[1]
    assert [each.cut for each in record.parameters] == [None] * 4


HANDED = """
    from torch.func import functional_call
    class Maker(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 3)
        def forward(self, x):
            flat = self.layer(x)[0]
            out = {}
            for name, shape in (("weight", (1, 2)), ("bias", (1,))):
                piece = flat[: shape[-1]].view(shape)
                out[name] = MADE
            return out
    maker, rest = Maker(), nn.Linear(2, 1)
    optimizer = torch.optim.SGD([*maker.parameters(), *rest.parameters()], lr=0.1)
    x = torch.rand(5, 3)
    for t in range(2):
        made = maker(x)
        pred = functional_call(rest, made, (x[:, :2],))
        loss = (pred + rest(x[:, :2])).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    """


@pytest.mark.parametrize(("made", "cut"), [("piece.detach()", True), ("piece.data", True), ("piece", False)])
def test_tensors_that_a_module_hands_out_in_a_dict_end_where_they_were_cut(made: str, cut: bool) -> None:
    """And not where they are used as the parameters of another module, whatever ran while the dict was made."""
    record = run_recorded(script(HANDED.replace("MADE", made))).records[1]
    ends = f"out[name] = {made}" if cut else ""
    assert {each.name: _text(record, each.cut) for each in record.parameters} == {
        "maker.layer.weight": ends, "maker.layer.bias": ends, "rest.weight": "", "rest.bias": "",
    }  # fmt: skip
