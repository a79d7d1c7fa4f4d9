"""Models that objects of the script's own keep: each of their parameters has a name, and no two share one."""

import sys
import weakref
from typing import Any, ClassVar

import numpy
import pytest
import torch
from torch import nn

from stepper.engines.names import Names, is_place
from stepper.engines.registry import builtin_engines
from stepper.inferior.recording.naming import Namer, attributes
from stepper.record import Contribution, ModuleCall, OptimizerStep, Record
from tests.engines.recorded import assert_same_bits, of_kind
from tests.engines.scripts import script

MODELS = """
    class MLP(nn.Module):
        def __init__(self, out):
            super().__init__()
            self.fc1, self.fc2 = nn.Linear(3, 4), nn.Linear(4, out)
        def forward(self, x):
            return self.fc2(torch.relu(self.fc1(x)))

    def tune(model):
        return torch.optim.SGD(model.parameters(), lr=0.01)
    """
STEP = """
    x = torch.randn(5, 3)
    kept = Holder()
    for t in range(2):
        loss = kept.train(x)
    """
TENSORS = ("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias")


def recorded(holder: str, step: str = STEP) -> Record:
    """The second pass of a script whose models an object keeps; it computes the same bits as it does plainly."""
    return assert_same_bits(script(MODELS) + script(holder) + script(step)).records[1]


def names(record: Record) -> list[str]:
    return [parameter.name for parameter in record.parameters]


def layers(record: Record) -> list[str]:
    return [event.detail.path for event in of_kind(record, "module") if isinstance(event.detail, ModuleCall)]


def told(record: Record) -> list[tuple[str, str]]:
    """What the contributions and the optimizers' steps call each parameter."""
    return [
        (event.kind, event.detail.parameter)
        for event in record.events
        if isinstance(event.detail, Contribution | OptimizerStep)
    ]


def test_two_models_of_one_class_are_called_by_the_attributes_that_keep_them() -> None:
    record = recorded("""
    class Holder:
        def __init__(self):
            self.actor, self.critic = MLP(2), MLP(1)
            self.steps = [tune(self.actor), tune(self.critic)]
        def train(self, x):
            for step in self.steps:
                step.zero_grad()
            value = self.critic(x).pow(2).mean()
            value.backward()
            self.steps[1].step()
            loss = self.actor(x).pow(2).mean()
            loss.backward()
            self.steps[0].step()
            return loss
    """)
    expected = {f"kept.{model}.{tensor}" for model in ("actor", "critic") for tensor in TENSORS}
    assert set(names(record)) == expected and len(names(record)) == 8
    assert sorted(told(record)) == sorted((kind, name) for name in expected for kind in ("contribution", "optimizer"))
    assert layers(record) == [f"kept.{model}{end}" for model in ("critic", "actor") for end in ("", ".fc1", ".fc2")]


def test_a_model_of_a_trainer_keeps_its_names_where_the_loop_is_its_own() -> None:
    record = recorded(
        """
    class Trainer:
        def __init__(self):
            self.model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
            self.opt = torch.optim.SGD(self.model.parameters(), lr=0.01)
        def step(self, x):
            loss = self.model(x).pow(2).mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            return loss
        def fit(self, x):
            for t in range(2):
                loss = self.step(x)
    """,
        "Trainer().fit(torch.randn(5, 3))\n",
    )
    assert names(record) == [f"self.model.{tensor}" for tensor in ("0.weight", "0.bias", "2.weight", "2.bias")]
    assert layers(record) == ["self.model", "self.model.0", "self.model.1", "self.model.2"]


KEPT = {
    "a list": ("[MLP(1), MLP(1)]", "self.nets", ("kept.nets.0.", "kept.nets.1.")),
    "a dict": ("{'a': MLP(1), 7: MLP(1)}", "self.nets.values()", ("kept.nets['a'].", "kept.nets[7].")),
    "a ModuleList": ("nn.ModuleList([MLP(1), MLP(1)])", "self.nets", ("kept.nets.0.", "kept.nets.1.")),
    "a ModuleDict": (
        "nn.ModuleDict({'a': MLP(1), 'b': MLP(1)})",
        "self.nets.values()",
        ("kept.nets.a.", "kept.nets.b."),
    ),
    "lists in a dict": (
        "{'a': [MLP(1)], 'b': [MLP(1)]}",
        "[each for nets in self.nets.values() for each in nets]",
        ("kept.nets['a'].0.", "kept.nets['b'].0."),
    ),
}


@pytest.mark.parametrize("kind", KEPT)
def test_an_ensemble_of_one_class_is_told_apart(kind: str) -> None:
    made, walk, paths = KEPT[kind]
    record = recorded(f"""
    class Holder:
        def __init__(self):
            self.nets = {made}
            self.opt = torch.optim.SGD([p for net in {walk} for p in net.parameters()], lr=0.01)
        def train(self, x):
            self.opt.zero_grad()
            loss = sum(net(x).pow(2).mean() for net in {walk})
            loss.backward()
            self.opt.step()
            return loss
    """)
    expected = [path + tensor for path in paths for tensor in TENSORS]
    assert names(record) == expected
    assert sorted(told(record)) == sorted((kind, name) for name in expected for kind in ("contribution", "optimizer"))
    assert [path + layer for path in paths for layer in ("fc1", "fc2")] == [
        path for path in layers(record) if path.endswith(("fc1", "fc2"))
    ]


def test_models_in_wrappers_copies_and_slots_are_found_and_shared_ones_have_one_name() -> None:
    record = recorded("""
    import copy

    class Wrapper:
        __slots__ = ("module",)
        def __init__(self, module):
            self.module = module
        def __call__(self, x):
            return self.module(x)

    class Hidden(nn.Module):
        def __init__(self, net):
            super().__init__()
            self.head = nn.Linear(1, 1)
            self.teacher = [net]
        def forward(self, x):
            return self.head(self.teacher[0](x))

    class Holder:
        def __init__(self):
            self.net = Wrapper(MLP(1))
            self.same = self.net.module
            self.average = copy.deepcopy(self.net.module)
            self.student = Hidden(MLP(1))
            teacher = self.student.teacher[0]
            self.opt = torch.optim.SGD(
                [*self.same.parameters(), *self.student.parameters(), *teacher.parameters()], lr=0.01
            )
        def train(self, x):
            self.opt.zero_grad()
            loss = (self.net(x) + self.student(x) - self.average(x).detach()).pow(2).mean()
            loss.backward()
            self.opt.step()
            with torch.no_grad():
                for old, new in zip(self.average.parameters(), self.same.parameters()):
                    old.lerp_(new, 0.5)
            return loss
    """)
    found = names(record)
    assert len(set(found)) == len(found)
    assert {f"kept.same.{tensor}" for tensor in TENSORS} <= set(found)
    assert {f"kept.student.teacher.0.{tensor}" for tensor in TENSORS} <= set(found)
    assert {"kept.student.head.weight", "kept.student.head.bias"} <= set(found)
    assert {f"kept.average.{tensor}" for tensor in TENSORS} <= set(found)
    assert not any("net.module" in name for name in found)


def test_parameters_that_one_name_stands_for_in_turn_are_counted_apart() -> None:
    record = recorded(
        """
    def fit(net, opt, x):
        opt.zero_grad()
        loss = net(x).pow(2).mean()
        loss.backward()
        opt.step()
        return loss

    def both(x):
        nets = {(0,): MLP(1), (1,): MLP(1)}
        opts = {at: torch.optim.SGD(net.parameters(), lr=0.01) for at, net in nets.items()}
        for t in range(2):
            loss = fit(nets[(0,)], opts[(0,)], x) + fit(nets[(1,)], opts[(1,)], x)
    """,
        "both(torch.randn(5, 3))\n",
    )
    expected = [f"net.{tensor}{number}" for number in ("", " (2)") for tensor in TENSORS]
    assert names(record) == expected
    assert sorted(told(record)) == sorted((kind, name) for name in expected for kind in ("contribution", "optimizer"))
    assert layers(record) == ["net", "net.fc1", "net.fc2", "net (2)", "net.fc1 (2)", "net.fc2 (2)"]


def test_a_step_that_runs_before_its_model_is_seen_is_told_by_the_model_s_names() -> None:
    record = recorded(
        """
    def fit(x):
        net = MLP(1)
        opt = torch.optim.LBFGS(net.parameters(), max_iter=3)
        for t in range(2):
            def closure():
                opt.zero_grad()
                loss = net(x).pow(2).mean()
                loss.backward()
                return loss
            opt.step(closure)
    """,
        "fit(torch.randn(5, 3))\n",
    )
    expected = {f"net.{tensor}" for tensor in TENSORS}
    assert set(names(record)) == {name for _, name in told(record)} == expected
    labels = {value.label for event in record.events for value in event.values}
    assert {"d of net.fc1.weight", "update of net.fc2.bias", "net.fc1.weight.grad"} <= labels
    assert not [label for label in (*labels, *(event.text for event in record.events)) if "group0" in label]


class Watchful:
    """Notices when anybody runs code of its own."""

    ran: ClassVar[list[str]] = []
    __slots__ = ("__dict__", "empty", "slot")

    def __getattribute__(self, name: str) -> Any:
        Watchful.ran.append(name)
        return object.__getattribute__(self, name)

    @property
    def trap(self) -> Any:
        Watchful.ran.append("trap")
        return self


def learnt(namespace: dict[str, Any]) -> Names:
    found = Names()
    namer = Namer(builtin_engines(), found)
    namer.learn(namer.holders(namespace, ()))
    return found


def test_no_code_of_the_scripts_runs_when_its_objects_are_gone_through() -> None:
    object_ = Watchful()
    object.__setattr__(object_, "slot", nn.Linear(1, 1))
    object.__setattr__(object_, "inside", nn.Linear(1, 1))
    kept = dict(attributes(object_))
    Watchful.ran.clear()
    found = learnt({"watchful": object_})
    assert Watchful.ran == []
    assert set(kept) == {"slot", "inside"}
    assert found.get(kept["slot"].weight) == "watchful.slot.weight"
    assert found.get(kept["inside"].weight) == "watchful.inside.weight"


class Node:
    def __init__(self, **kept: Any) -> None:
        vars(self).update(kept)


def test_a_name_of_its_own_goes_before_the_object_that_keeps_a_model_and_circles_end() -> None:
    model, hidden = nn.Linear(1, 1), nn.Linear(1, 1)
    trainer = Node(model=model, deep=Node(nets=[Node(net=hidden)]))
    trainer.me = trainer  # type: ignore[attr-defined]
    found = learnt({"trainer": trainer, "model": model})
    assert found.get(model.weight) == "model.weight"
    assert found.get(hidden.weight) == "trainer.deep.nets[0].net.weight"


def test_a_library_s_objects_and_large_collections_are_left_alone() -> None:
    hidden = nn.Linear(1, 1)
    library = torch.utils.data.DataLoader([hidden])  # type: ignore[var-annotated, arg-type]
    many = Node(nets={number: nn.Linear(1, 1) for number in range(70)})
    found = learnt({"library": library, "many": many})
    assert found.get(hidden.weight) is None
    assert [found.get(many.nets[at].weight) is None for at in (0, 63, 64)] == [False, False, True]  # type: ignore[attr-defined]


def test_a_layer_called_group_is_no_place_in_an_optimizer() -> None:
    assert not is_place("model.group_norm.weight") and not is_place("self.groups.0.weight")
    assert is_place("self.opt.group0.3") and is_place("opt.group1.12.grad")


def test_a_name_that_was_written_down_stays_and_no_other_object_gets_it() -> None:
    found, first, second = Names(), nn.Linear(1, 1), nn.Linear(1, 1)
    found.give(first, "self.fc")
    found.settle(first)
    found.give(first, "model.fc")
    found.give(second, "self.fc")
    assert (found.get(first), found.get(second)) == ("self.fc", "self.fc (2)")
    found.give(second, "model.fc")
    assert found.get(second) == "model.fc"


def test_a_loop_s_name_and_a_parameter_s_give_way_to_what_keeps_a_model() -> None:
    record = recorded("""
    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 1)])
        def forward(self, x):
            for layer in self.body:
                x = layer(x)
            return x

    def fit(net, opt, x):
        opt.zero_grad()
        loss = net(x).pow(2).mean()
        loss.backward()
        opt.step()
        return loss

    class Holder:
        def __init__(self):
            self.nets = {"a": Deep(), "b": Deep()}
            self.opts = {name: torch.optim.SGD(net.parameters(), lr=0.01) for name, net in self.nets.items()}
        def train(self, x):
            return sum([fit(self.nets[name], self.opts[name], x) for name in ("a", "b")])
    """)
    expected = [
        f"kept.nets['{net}'].body.{at}.{tensor}" for net in "ab" for at in (0, 1) for tensor in ("weight", "bias")
    ]
    assert names(record) == expected
    assert sorted(told(record)) == sorted((kind, name) for name in expected for kind in ("contribution", "optimizer"))


def test_a_loop_s_name_is_none_of_a_parameter_that_lies_in_a_dict() -> None:
    source = """
    raw = {key: torch.tensor(2.0, requires_grad=True) for key in "ab"}
    optimizer = torch.optim.SGD(raw.values(), lr=0.1)
    for t in range(2):
        a, b = (raw[key].exp() for key in "ab")
        loss = (a - b * 2) ** 2
        for p, g in zip(raw.values(), torch.autograd.grad(loss, list(raw.values()))):
            p.grad = g
        optimizer.step()
    """
    record = assert_same_bits(script(source)).records[1]
    assert names(record) == ["raw['a']", "raw['b']"]


def test_a_list_is_held_for_its_name_only_until_it_is_let_go() -> None:
    names, numbers = Names(), [0.5]
    before = sys.getrefcount(numbers)
    names.give(numbers, "unit.w")
    assert names.get(numbers) == "unit.w" and sys.getrefcount(numbers) > before
    names.release()
    assert names.get(numbers) is None and sys.getrefcount(numbers) == before


def test_a_dict_that_keeps_arrays_is_not_held_for_its_name_so_that_they_die_as_ever() -> None:
    names, array = Names(), numpy.zeros(3)
    engines = builtin_engines()
    namer = Namer(engines, names, lambda value: any(engine.owns(value) for engine in engines))
    alive, cell, kept = weakref.ref(array), {"b": 0.5, "w": [0.25]}, {"h": array}
    namer.learn_objects([("cell", cell), ("kept", kept)], names)
    assert names.get(cell) == "cell"
    del array, kept
    assert alive() is None
