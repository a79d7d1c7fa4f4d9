"""Parameters in dicts, lists and what is nested of them: many, by computed keys, and at a cost in proportion."""

import numpy
import pytest

from stepper.inferior.recording import values
from stepper.inferior.recording.members import FEW, MANY
from stepper.inferior.recording.spans import Spans
from tests.inferior.running import check, run

STACK = """
import numpy as np
from collections import OrderedDict, defaultdict
params = {}
for i in range(COUNT):
    params[f"h{i}.w"] = np.full((2, 3), i + 1.0)
m = {k: np.zeros_like(p) for k, p in params.items()}
for t in range(2):
    loss = sum((p ** 2).sum() for p in params.values())
    grads = {k: 2 * p for k, p in params.items()}
"""


def test_each_array_of_a_large_dict_that_a_loop_goes_through_is_a_parameter() -> None:
    ran = run(STACK.replace("COUNT", "100") + "    for k in params:\n        params[k] -= 0.125 * grads[k]\n")
    assert len(ran.record(1).parameters) == 100
    for number in (0, 64, 99):
        check(ran, f"params['h{number}.w']", numpy.full((2, 3), 2.0 * (number + 1)), 0.125)
    assert not any(event.note for event in ran.record(1).events)


def test_a_store_under_a_key_looks_at_what_lies_under_that_key_only() -> None:
    ran = run(STACK.replace("COUNT", "100") + "    for k in params:\n        params[k] -= 0.125 * grads[k]\n")
    stores = [event for event in ran.events(1) if event.text == "params[k] -= 0.125 * grads[k]"]
    assert len(stores) == 100
    assert [value.label for value in stores[99].values if value.when == "before"] == ["params['h99.w']"]
    assert max(len(event.values) for event in stores) < 8


def test_an_optimizers_state_in_a_large_dict_beside_the_parameters() -> None:
    ran = run(
        STACK.replace("COUNT", "100")
        + """
    for k in params:
        m[k] = 0.5 * m[k] + grads[k]
        params[k] = params[k] - 0.125 * m[k]
"""
    )
    assert {each.name for each in ran.record(1).parameters} == {f"params['h{i}.w']" for i in range(100)}
    last = ran.parameter("params['h99.w']", 1)
    assert last.grad is not None and numpy.array_equal(ran.array(last.grad, 1), 2 * ran.array(last.before, 1))


@pytest.mark.parametrize(
    "update",
    ["{k: p - 0.125 * grads[k] for k, p in params.items()}", "stepped(params, grads)", "made", "both(params)[1]"],
    ids=["anew", "returned", "handed on", "with its gradients made inside"],
)
def test_a_large_dict_that_takes_the_place_of_the_one_before(update: str) -> None:
    made = "made = {k: params[k] - 0.125 * grads[k] for k in params}\n"
    stepped = f"def stepped(params, grads):\n    {made}    return made\n"
    both = f"def both(params):\n    grads = {{k: 2 * p for k, p in params.items()}}\n    {made}    return 0, made\n"
    before = f"    {made}" if update == "made" else ""
    ran = run(stepped + both + STACK.replace("COUNT", "100") + before + f"    params = {update}\n")
    assert len(ran.record(1).parameters) == 100
    check(ran, "params['h99.w']", numpy.full((2, 3), 200.0), 0.125)


@pytest.mark.parametrize("kind", ["OrderedDict", "dict"])
def test_dicts_of_other_kinds_and_keys_of_several_parts(kind: str) -> None:
    ran = run(
        f"""
        import numpy as np
        from collections import OrderedDict
        params = {kind}({{("enc", 0): np.ones(2), ("dec", 1): np.full(2, 3.0)}})
        for t in range(2):
            loss = sum((p ** 2).sum() for p in params.values())
            grads = {{k: 2 * p for k, p in params.items()}}
            for part, layer in params:
                params[part, layer] -= 0.125 * grads[part, layer]
        """
    )
    assert {each.name for each in ran.record(1).parameters} == {"params[('enc', 0)]", "params[('dec', 1)]"}
    check(ran, "params[('dec', 1)]", numpy.full(2, 6.0), 0.125)


@pytest.mark.parametrize("quote", ["'", '"'])
def test_what_a_dict_keeps_is_called_in_the_quotes_that_the_script_writes(quote: str) -> None:
    source = """
        import numpy as np
        params = {"w": np.ones(2), "b": np.ones(1)}
        for t in range(2):
            loss = (params["w"] ** 2).sum() + (params["b"] ** 2).sum()
            grads = {"w": 2 * params["w"], "b": 2 * params["b"]}
            for k in params:
                params[k] -= 0.125 * grads[k]
        """
    ran = run(source.replace('"', quote))
    assert [each.name for each in ran.record(1).parameters] == [f"params[{quote}{key}{quote}]" for key in "wb"]
    other = "'" if quote == '"' else '"'
    assert not any(other in value.label for event in ran.events(1) for value in event.values)


NESTED = """
import numpy as np
params = {"enc": {"w": np.ones(2), "b": np.ones(1)}, "dec": {"w": np.full(2, 3.0), "b": np.ones(1)}}
for t in range(2):
    loss = sum((params[n]["w"] ** 2).sum() + params[n]["b"][0] ** 2 for n in params)
    grads = {n: {k: 2 * p for k, p in layer.items()} for n, layer in params.items()}
"""
BY_LAYER = """
    for n, layer in params.items():
        for k in layer:
            layer[k] -= 0.125 * grads[n][k]
"""
BY_NAME = """
    for n in params:
        for k in params[n]:
            params[n][k] = params[n][k] - 0.125 * grads[n][k]
"""
ANEW = """
    params = {n: {k: p - 0.125 * grads[n][k] for k, p in layer.items()} for n, layer in params.items()}
"""


@pytest.mark.parametrize("update", [BY_LAYER, BY_NAME, ANEW], ids=["by layer", "by name", "anew"])
def test_what_lies_in_a_nested_dict_is_called_by_its_whole_path(update: str) -> None:
    ran = run(NESTED + update)
    names = {each.name for each in ran.record(1).parameters}
    assert names == {'params["enc"]["w"]', 'params["enc"]["b"]', 'params["dec"]["w"]', 'params["dec"]["b"]'}
    check(ran, 'params["dec"]["w"]', numpy.full(2, 6.0), 0.125)


RECORD = """
import numpy as np
from collections import namedtuple
from dataclasses import dataclass, fields, replace
from typing import NamedTuple
DEFINED
def differentiate(p, x):
    out = x @ p.w + p.b
    loss = (out ** 2).mean()
    dout = 2 * out / out.size
    return loss, Params(x.T @ dout, dout.sum(0))
def stepped(p, g, lr):
    return Params(*(a - lr * b for a, b in zip(p, g)))
x = np.arange(6.0).reshape(3, 2)
params = Params(np.ones((2, 2)), np.ones(2))
for t in range(2):
    loss, grads = differentiate(params, x)
    UPDATE
"""
NAMED = "class Params(NamedTuple):\n    w: np.ndarray\n    b: np.ndarray\n"
DATACLASS = "@dataclass\nclass Params:\n    w: np.ndarray\n    b: np.ndarray\n"


@pytest.mark.parametrize(
    ("defined", "update"),
    [
        (NAMED, "params = stepped(params, grads, 0.125)"),
        ("Params = namedtuple('Params', 'w b')\n", "params = stepped(params, grads, 0.125)"),
        (NAMED, "params = params._replace(w=params.w - 0.125 * grads.w, b=params.b - 0.125 * grads.b)"),
        (DATACLASS, "params = replace(params, w=params.w - 0.125 * grads.w, b=params.b - 0.125 * grads.b)"),
        (
            DATACLASS,
            "params = Params(*[getattr(params, f.name) - 0.125 * getattr(grads, f.name) for f in fields(params)])",
        ),
        (
            DATACLASS,
            """for f in fields(params):
        setattr(params, f.name, getattr(params, f.name) - 0.125 * getattr(grads, f.name))""",
        ),
    ],
    ids=["handed", "namedtuple", "replaced", "replaced dataclass", "anew", "set by name"],
)
def test_the_fields_of_a_record_are_parameters_whether_it_is_made_anew_or_set(defined: str, update: str) -> None:
    ran = run(RECORD.replace("DEFINED", defined).replace("UPDATE", update))
    assert ran.error is None and ran.record(1).faults == []
    assert [each.name for each in ran.record(1).parameters] == ["params.w", "params.b"]
    for name in ("w", "b"):
        made = ran.values(f"grads.{name}", 1, "result")[-1]
        assert made.role == "gradient"
        check(ran, f"params.{name}", ran.array(made, 1), 0.125, 1)
    assert {value.role for value in ran.values("p.w", 1)} == {"parameter"}


def test_a_list_of_tuples_that_is_made_anew() -> None:
    ran = run(
        """
        import numpy as np
        x = np.arange(6.0).reshape(3, 2)
        params = [(np.ones((2, 2)), np.ones(2)), (np.ones((2, 1)), np.ones(1))]
        for t in range(2):
            (w1, b1), (w2, b2) = params
            h = x @ w1 + b1
            out = h @ w2 + b2
            loss = (out ** 2).mean()
            dout = 2 * out / out.size
            dh = dout @ w2.T
            grads = [(x.T @ dh, dh.sum(0)), (h.T @ dout, dout.sum(0))]
            params = [(w - 0.125 * dw, b - 0.125 * db) for (w, b), (dw, db) in zip(params, grads)]
        """
    )
    names = [f"params[{layer}][{part}]" for layer in (0, 1) for part in (0, 1)]
    assert [each.name for each in ran.record(1).parameters] == names
    for name in names:
        check(ran, name, ran.array(ran.values(name.replace("params", "grads"), 1)[0], 1), 0.125, 1)


BY_NAME_OF = """
import numpy as np
class Net:
    def __init__(self):
        self.W1, self.b1, self.scale = np.ones((2, 2)), np.ones(2), 2.0
        self.grads, self.names = {}, ["W1", "b1"]
    def forward(self, x):
        self.x = x
        return (x @ self.W1 + self.b1) * self.scale
    def backward(self, dout):
        self.grads["W1"] = self.x.T @ dout * self.scale
        self.grads["b1"] = dout.sum(0) * self.scale
    def step(self, lr):
        for name in self.names:
            UPDATE
net, x = Net(), np.arange(6.0).reshape(3, 2)
for t in range(2):
    out = net.forward(x)
    loss = (out ** 2).mean()
    net.backward(2 * out / out.size)
    net.step(0.125)
"""


@pytest.mark.parametrize(
    "update",
    [
        "p = getattr(self, name); p -= lr * self.grads[name]",
        "setattr(self, name, getattr(self, name) - lr * self.grads[name])",
        "self.__dict__[name] -= lr * self.grads[name]",
        "vars(self)[name] = vars(self)[name] - lr * self.grads[name]",
    ],
    ids=["in place", "set", "in its dict", "vars"],
)
def test_attributes_that_a_list_of_names_elsewhere_says(update: str) -> None:
    ran = run(BY_NAME_OF.replace("UPDATE", update))
    assert len(ran.losses) == 2
    assert [each.name for each in ran.record(1).parameters] == ["self.W1", "self.b1"]
    for name in ("W1", "b1"):
        check(ran, f"self.{name}", ran.array(ran.values(f'self.grads["{name}"]', 1)[-1], 1), 0.125, 1)
    assert numpy.array_equal(ran.array(ran.parameter("self.W1", 1).after, 1), ran.names["net"].W1)


def test_of_a_container_of_thousands_a_part_is_followed_and_the_event_says_so() -> None:
    ran = run(
        """
        import numpy as np
        params = [np.full(2, float(i)) for i in range(3000)]
        for t in range(2):
            loss = sum((p ** 2).sum() for p in params)
            grads = [2 * p for p in params]
            params = [p - 0.125 * g for p, g in zip(params, grads)]
        """
    )
    record = ran.record(1)
    assert len(record.parameters) == MANY and record.faults == []
    notes = [event.note for event in record.events if event.text.startswith("params = ")]
    assert notes == [f"{MANY:,} of the 3,000 members of params are looked into"]


def test_beyond_the_first_few_of_each_container_a_record_looks_into_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "IN_ALL", 50)
    ran = run(
        """
        import numpy as np
        params = [np.full(2, float(i)) for i in range(200)]
        for t in range(2):
            loss = sum((p ** 2).sum() for p in params)
            grads = [2 * p for p in params]
            params = [p - 0.125 * g for p, g in zip(params, grads)]
        """
    )
    (note,) = [event.note for event in ran.record(1).events if event.text.startswith("params = ")]
    assert note == f"{FEW} of the 200 members of params are looked into"


def test_of_data_a_few_are_looked_into_and_the_event_says_so() -> None:
    ran = run(
        """
        import numpy as np
        w = np.ones(2)
        for t in range(2):
            images = {i: np.full(2, float(i)) for i in range(100)}
            loss = sum(((x * w) ** 2).sum() for x in images.values())
            grad_w = sum(2 * x * x * w for x in images.values())
            w -= 0.001 * grad_w
        """
    )
    (event,) = [event for event in ran.events(1) if event.text.startswith("images = ")]
    assert len(event.values) == FEW and event.note == f"{FEW} of the 100 members of images are looked into"


def test_a_container_that_holds_itself_is_looked_into_and_no_fault() -> None:
    ran = run(
        """
        import numpy as np
        params = {"w": np.ones(2)}
        params["self"] = params
        for t in range(2):
            loss = (params["w"] ** 2).sum()
            grads = {"w": 2 * params["w"]}
            params["w"] = params["w"] - 0.125 * grads["w"]
        """
    )
    assert ran.record(1).faults == []
    check(ran, 'params["w"]', numpy.full(2, 2.0), 0.125)


def test_a_key_that_runs_code_of_the_scripts_is_asked_for_by_the_script_alone() -> None:
    ran = run(
        """
        import numpy as np
        class Key:
            asked = 0
            def __hash__(self):
                Key.asked += 1
                return 1
            def __eq__(self, other):
                return self is other
        key = Key()
        params = {key: np.ones(2), "b": np.ones(1)}
        for t in range(2):
            loss = (params["b"] ** 2).sum()
            grads = 2 * params["b"]
            params[key] -= 0.125
            params["b"] -= 0.125 * grads
        """
    )
    assert ran.names["Key"].asked == 1 + 2 * 2 and ran.record(1).faults == []
    check(ran, 'params["b"]', numpy.full(1, 2.0), 0.125)


class Held:
    """What keeps a span."""

    def __init__(self, value: tuple[int, int]) -> None:
        self.value = value


def test_the_span_around_a_part_is_found_among_others_while_it_is_still_held() -> None:
    spans: Spans[Held] = Spans(lambda value: value)
    held = [Held((start, start + 100)) for start in range(0, 1000, 100)]
    for each in reversed(held):
        spans.put(each)
    assert spans.around((430, 460)) is held[4] and spans.around((400, 420)) is held[4]
    assert spans.around((400, 500)) is None and spans.around((480, 520)) is None
    held[4].value = (5000, 5100)
    spans.put(held[4])
    assert spans.around((430, 460)) is None and spans.around((5000, 5001)) is held[4]


def test_a_span_is_found_behind_short_ones_that_begin_later() -> None:
    spans: Spans[Held] = Spans(lambda value: value)
    whole = Held((0, 1000))
    for each in (whole, *(Held((start, start + 10)) for start in range(100, 900, 100))):
        spans.put(each)
    assert spans.around((950, 960)) is whole


@pytest.mark.parametrize(("method", "called"), [("forward", "layer.forward(x)"), ("__call__", "layer(x)")])
def test_a_class_made_of_a_named_tuple_is_a_record_with_its_fields(method: str, called: str) -> None:
    ran = run(f"""
import numpy as np
from collections import namedtuple
class Layer(namedtuple("Layer", "w b")):
    def {method}(self, x):
        return x * self.w + self.b
layer, x, y = Layer(np.ones(2), np.ones(1)), np.array([2.0, 4.0]), np.zeros(2)
for t in range(2):
    out = {called}
    loss = ((out - y) ** 2).sum()
    d = 2 * (out - y)
    grads = Layer(d * x, d.sum(keepdims=True))
    layer = layer._replace(w=layer.w - 0.125 * grads.w, b=layer.b - 0.125 * grads.b)
""")
    check(ran, "layer.w", numpy.array([12.0, 40.0]), 0.125)
    check(ran, "layer.b", numpy.array([16.0]), 0.125)


ALONG_SUMS = """
import numpy as np
from typing import NamedTuple
class Layer(NamedTuple):
    w: np.ndarray
    b: np.ndarray
def step(layers, grads, moments):
    made = []
    for layer, g, m in zip(layers, grads, moments):
        for k in layer._fields:
            m[k] = 0.5 * m[k] + getattr(g, k)
        made.append(Layer(*(p - 0.125 * m[k] for k, p in layer._asdict().items())))
    return tuple(made)
layers, x, y = (Layer(np.ones(2), np.ones(3)),), np.array([2.0, 4.0]), np.arange(3.0)
moments = [{"w": np.zeros(2), "b": np.zeros(3)}]
for t in range(2):
    out = x @ layers[0].w + layers[0].b
    loss = ((out - y) ** 2).sum()
    d = 2 * (out - y)
    layers = step(layers, [Layer(d.sum() * x, d)], moments)
"""


def test_a_step_along_a_running_sum_that_nobody_sees_used_the_gradient_in_that_sum() -> None:
    ran = run(ALONG_SUMS)
    check(ran, "layers[0].w", numpy.array([72.0, 144.0]), 0.125)
    check(ran, "layers[0].b", numpy.array([14.0, 12.0, 10.0]), 0.125)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("m[k] for", "m[k] * np.arange(1.0, 1 + p.size) for"),
        ("m[k] = ", "others[k] = 0.25 * others[k] + 2 * getattr(g, k); m[k] = "),
    ],
)
def test_what_a_step_that_nobody_sees_may_have_followed_beside_others_is_not_its_gradient(
    text: str, other: str
) -> None:
    """A sum that it does not go along, and two that it does."""
    ran = run(
        ALONG_SUMS.replace("moments = [", "others = {'w': np.zeros(2), 'b': np.zeros(3)}\nmoments = [").replace(
            text, other
        )
    )
    assert [each.grad for each in ran.record(1).parameters if each.name == "layers[0].w"] == [None]
