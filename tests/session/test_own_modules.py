"""Scripts whose functions and classes lie in files beside them: those are walked like the script's own."""

import subprocess
import sys
from pathlib import Path

import pytest

import stepper
from stepper.record import Record
from stepper.session import Options, continuing
from stepper.session.errors import Misuse, ScriptFailed
from stepper.session.notebook import Run
from tests.session.support import LAYERS, TWO_FILES, inside, opened, script

PROJECTS = Path(__file__).parent.parent / "scripts"


def plain(path: Path | str) -> str:
    """What plain Python prints."""
    command = [sys.executable, str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


def recorded(run: Run, path: Path) -> list[Record]:
    """Eight iterations, which are all of them: whole, and with what plain Python prints, to the bit."""
    records = [run.iteration(number).record for number in range(8)]
    for record in records:
        assert record.faults == [] and not record.truncated
    run.run()
    assert run.session.output() == plain(path)
    return records


def test_a_network_by_hand_has_its_phases_parameters_and_gates_in_its_files() -> None:
    path = PROJECTS / "by_hand" / "main.py"
    with stepper.open(str(path)) as run:
        record = recorded(run, path)[2]
        it = run.iteration(2)
        error = float(it["error"].array)
    store = next(event for event in inside(record, "layers.py") if event.text == "self.W -= lr * self.dW")
    assert (store.phase, store.line, store.function) == ("update", 21, "Dense.update")
    made = [event.values[-1] for event in inside(record, "network.py") if event.text == "x = layer.forward(x)"]
    assert [(each.label, each.role) for each in made] == [("x", "activation")] * 3, "the script's own x is data"
    assert [each.name for each in record.parameters] == [
        "net.layers[0].W",
        "net.layers[0].b",
        "net.layers[2].W",
        "net.layers[2].b",
    ]
    assert all(each.grad is not None for each in record.parameters)
    (gate,) = record.gates
    assert (gate.place, gate.op) == ("layers.py line 28", "maximum")
    assert gate.grad_before is not None and gate.grad_after is not None
    assert it.loss == error


def test_a_step_in_a_module_makes_its_callers_loop_the_training_loop() -> None:
    path = PROJECTS / "in_packages" / "main.py"
    with stepper.open(str(path)) as run:
        record = recorded(run, path)[1]
    phases = {event.text: event.phase for event in inside(record, "steps.py") if event.kind == "statement"}
    assert phases["loss.backward()"] == "backward" and phases["optimizer.step()"] == "update"
    calls = [event.function for event in record.events if event.kind == "call"]
    assert calls == ["train_step", "MLP.forward", "Scale.forward"]
    assert {Path(event.file).name for event in record.events} == {"main.py", "steps.py", "mlp.py", "layers.py"}


def test_a_module_that_a_call_imports_by_name_is_read_like_any(tmp_path: Path) -> None:
    """What it does is read together with the script: the loop itself computes no gradient and takes no step."""
    script(
        tmp_path,
        """
        class Line:
            def __init__(self):
                self.w = 1.0

            def step(self, x):
                loss = (self.w * x - 2.0) ** 2
                grad = 2 * x * (self.w * x - 2.0)
                self.w -= 0.1 * grad
                return loss
        """,
        "nets.py",
    )
    dynamic = """
        import importlib
        nets = importlib.import_module("nets")
        line = nets.Line()
        for x in [1.0, 2.0, 3.0]:
            print(line.step(x))
        """
    records = []
    for name, source in {
        "dynamic.py": dynamic,
        "plain.py": dynamic.replace(
            'import importlib\n        nets = importlib.import_module("nets")', "\n        import nets"
        ),
    }.items():
        with stepper.open(script(tmp_path, source, name)) as run:
            records.append(run.iteration(1).record)
    told = [[(event.text, event.phase, event.line, [value.role for value in event.values]) for event in record.events]
            for record in records]  # fmt: skip
    assert told[0] == told[1] and inside(records[0], "nets.py")
    assert [each.name for each in records[0].parameters] == [each.name for each in records[1].parameters] != []


def test_the_setup_has_nothing_of_other_files(tmp_path: Path) -> None:
    script(tmp_path, LAYERS, "layers.py")
    with stepper.open(script(tmp_path, TWO_FILES.replace("w = 1.0", "w = double(1.0)"))) as run:
        assert not inside(run.setup.record, "layers.py")
        assert [event.text for event in inside(run.iteration(0).record, "layers.py") if event.kind == "statement"] == [
            "y = x * 2",
            "return y",
        ]


def test_what_fails_in_a_module_is_marked_where_it_failed(tmp_path: Path) -> None:
    script(tmp_path, LAYERS.replace("x * 2", "x * {}[x]"), "layers.py")
    with stepper.open(script(tmp_path, TWO_FILES)) as run:
        it = run.iteration(0)
        assert it.error is not None and "KeyError" in it.error
        failed = [event.text for event in it.record.events if event.error is not None]
        assert failed == ["loss = double(w) ** 2", "y = x * {}[x]"]
        assert 'layers.py", line 3, in double' in run.session.traceback
        with pytest.raises(ScriptFailed, match=r"KeyError: 1\.0 \(layers\.py line 3\)"):
            run.iteration(1)


@pytest.mark.parametrize("how", ["sys.exit(3)", "os._exit(3)"])
def test_a_script_that_leaves_in_a_module_is_said_to_have_left_there(tmp_path: Path, how: str) -> None:
    script(tmp_path, f"import os, sys\n\n\ndef double(x):\n    {how}\n", "layers.py")
    with stepper.open(script(tmp_path, TWO_FILES)) as run:
        run.run()
        assert run.session.traceback.endswith("at layers.py line 5, in iteration 0\n")


def test_of_very_many_events_in_modules_the_first_are_kept_and_the_iteration_is_whole(tmp_path: Path) -> None:
    script(tmp_path, LAYERS, "layers.py")
    source = """
        from layers import double
        w = 1.0
        for t in range(2):
            total = 0.0
            for i in range(3000):
                total = total + double(w)
            loss = total * total
            w = w - 1e-9 * total
        """
    with stepper.open(script(tmp_path, source)) as run:
        record = run.iteration(0).record
        assert 4_000 <= len(inside(record, "layers.py")) <= 4_010 and not record.truncated
        assert record.events[-1].text == "w = w - 1e-9 * total"
        assert any("other files" in event.note for event in record.events)
        assert len(inside(run.iteration(1).record, "layers.py")) >= 4_000


def test_a_module_is_what_it_is_without_us(tmp_path: Path) -> None:
    """Its name, file, loader's source, annotations and the code that `inspect` finds."""
    script(tmp_path, "from __future__ import annotations\n\n\ndef double(x: Missing):\n    return x * 2\n", "layers.py")
    source = """
        import inspect
        import pickle
        import layers
        w = 1.0
        for t in range(2):
            loss = layers.double(w) ** 2
            w = w - 0.1 * 8 * w
        print(layers.__name__, layers.__file__, inspect.getsource(layers.double), layers.double.__annotations__)
        print(pickle.loads(pickle.dumps(layers.double)) is layers.double, layers.__spec__.origin, layers.__cached__)
        """
    path = script(tmp_path, source)
    printed = plain(path)
    with stepper.open(path) as run:
        run.iteration(1)
        run.run()
        assert run.session.output() == printed


def test_nothing_of_other_files_has_probes_where_something_is_compiled(tmp_path: Path) -> None:
    script(tmp_path, LAYERS, "layers.py")
    source = TWO_FILES.replace("w = 1.0", "import torch\nw = 1.0\ncompiled = torch.compile(double)")
    with stepper.open(script(tmp_path, source)) as run:
        assert not inside(run.iteration(0).record, "layers.py")


async def test_a_session_has_the_texts_and_tells_lines_of_files_apart(tmp_path: Path) -> None:
    layers = script(tmp_path, LAYERS, "layers.py")
    async with opened(script(tmp_path, TWO_FILES), Options()) as session:
        assert session.modules == {layers: Path(layers).read_text()}
        session.toggle_breakpoint(4)  # the loop; in the other file, `return y` is on line 4
        await session.go(0)
        await session.run(None)
        assert session.event is not None and session.event.text == "for t in range(3)"
        session.clear_breakpoints()
        session.toggle_breakpoint(4, layers)
        await session.run(None)
        assert session.event.text == "return y" and session.cursor.iteration == 1


def test_a_far_iteration_stops_at_a_breakpoint_in_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found at full speed, and shown by a replay; the way back is, too."""
    monkeypatch.setattr(continuing, "RECORDING_SECONDS", 0.0)
    layers = script(
        tmp_path, LAYERS.replace("    return y", "    if x == 1500:\n        y = 0\n    return y"), "layers.py"
    )
    source = """
        from layers import double
        w = 1.0
        for t in range(5000):
            loss = double(t) ** 2 + w
            w = w - 1e-9 * 8 * w
        """
    with stepper.open(script(tmp_path, source)) as run:
        run.iteration(0)
        run.toggle_breakpoint(5, "layers.py")
        run.run()
        iteration, event = run.here
        assert iteration == 1500 and event is not None and (event.text, event.file) == ("y = 0", layers)
        run.iteration(1600)
        run.reverse()
        assert run.here[0] == 1500
        for wrong in ("other.py", "ayers.py"):
            with pytest.raises(LookupError, match="of the script's own files"):
                run.toggle_breakpoint(4, wrong)


def test_the_training_loop_may_lie_in_a_module(tmp_path: Path) -> None:
    path = PROJECTS / "trainer_in_package" / "main.py"
    trainer = path.parent / "mini" / "trainer.py"
    with stepper.open(str(path)) as run:
        for number in range(3):
            run.iteration(number)
        assert run.session.total == 8
        record = recorded(run, path)[2]
        run.iteration(2)
        assert record.home == str(trainer) and record.events[0].line == 21
        assert record.events[0].text == "for x, y in self.batches"
        assert [event.text for event in run.setup.record.events if event.file == str(path)][
            -1
        ] == "losses = trainer.fit(2)"
        assert run.session.source == trainer.read_text()
        assert {str(path), str(path.parent / "mini" / "model.py")} < set(run.session.modules)
        run.toggle_breakpoint(25)  # `self.optimizer.step()`; line 25 of the script is empty
        with pytest.raises(LookupError, match=r"no statement begins on trainer\.py line 999,"):
            run.toggle_breakpoint(999)
        run.run()
        assert run.here[0] == 2
        run.run()
        iteration, event = run.here
        assert iteration == 3 and event is not None
        assert (event.text, event.file) == ("self.optimizer.step()", str(trainer))
        run.reverse()
        assert run.here[0] == 2 and repr(run).endswith("at iteration 2, trainer.py line 25>")


def test_the_function_with_the_loop_is_looked_into_beside_what_is_compiled(tmp_path: Path) -> None:
    fitting = script(
        tmp_path,
        """
        import torch

        def scaled(loss):
            twice = loss * 2
            return twice

        def fit(net, optimizer):
            compiled = torch.compile(net, backend="eager")
            x = torch.arange(6.0).reshape(3, 2)
            for step in range(4):
                optimizer.zero_grad()
                loss = scaled(compiled(x).square().mean())
                loss.backward()
                optimizer.step()
                print(loss.item().hex())
        """,
        "fitting.py",
    )
    nets = """
        import torch

        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = torch.nn.Linear(2, 1)

            def forward(self, x):
                y = self.layer(x)
                return y.relu()
        """
    script(tmp_path, nets, "nets.py")
    source = """
        import torch
        from fitting import fit
        from nets import Net
        torch.manual_seed(0)
        net = Net()
        fit(net, torch.optim.SGD(net.parameters(), lr=0.01))
        """
    path = script(tmp_path, source)
    printed = plain(path)
    with stepper.open(path) as run:
        record = run.iteration(2).record
        assert record.home == fitting and len(record.parameters) == 2
        texts = {event.text for event in record.events}
        assert "loss.backward()" in texts and not texts & {"twice = loss * 2", "y = self.layer(x)"}
        run.iteration(3)
        run.run()
        assert run.session.output() == printed


def test_the_loop_in_a_module_is_left_where_the_script_has_one_to_compile(tmp_path: Path) -> None:
    script(
        tmp_path,
        "def fit(w):\n    for t in range(3):\n        loss = w * w\n        w = w - 0.1 * 2 * w\n",
        "fitting.py",
    )
    source = "import torch\nfrom fitting import fit\nf = torch.compile(fit)\nfit(1.0)\n"
    with pytest.raises(Misuse, match="no training loop found"):
        stepper.open(script(tmp_path, source))


def test_a_module_may_import_the_script_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script is there twice then, as under plain Python; its lines are those of one file."""
    script(tmp_path, "import script\n\n\ndef double(x):\n    return script.twice(x)\n", "layers.py")
    source = """
        def twice(x):
            y = x * 2
            if x == 1500:
                y = 0
            return y
        def main():
            from layers import double
            w = 1.0
            for t in range(5000):
                loss = double(t) ** 2 + w
                w = w - 1e-9 * 8 * w
        if __name__ == "__main__":
            main()
        """
    with stepper.open(script(tmp_path, source), loop="script.py:10") as run:
        assert [event.text for event in run.iteration(0).record.events if event.function == "twice"] == [
            "def twice(x)",
            "y = x * 2",
            "if x == 1500",
            "return y",
        ]
        monkeypatch.setattr(continuing, "RECORDING_SECONDS", 0.0)
        run.toggle_breakpoint(5)
        run.run()
        assert run.here[0] == 1500


def test_a_replay_runs_the_text_that_the_run_began_with_and_says_that_a_file_has_changed(tmp_path: Path) -> None:
    layers = script(tmp_path, LAYERS, "layers.py")
    main = script(tmp_path, TWO_FILES)
    with stepper.open(main) as run:
        run.run()
        losses = run.losses
        Path(layers).write_text("# a line more\n" + LAYERS.replace("x * 2", "x * 3"))
        Path(main).write_text(TWO_FILES.replace("0.1", "0.2"))
        it = run.iteration(1)
        assert it.loss == losses[1]
        assert [event.text for event in inside(it.record, "layers.py")][1:] == ["y = x * 2", "return y"]
        assert "changed since this run began" in run.session.notice and "r runs it anew" in run.session.notice
    with stepper.open(main) as run:
        assert run.iteration(0).loss == 9.0


@pytest.mark.parametrize("how", ["import layers", "import importlib, layers; layers = importlib.reload(layers)"])
def test_a_module_that_is_written_in_the_loop_is_the_same_in_a_replay(tmp_path: Path, how: str) -> None:
    script(tmp_path, LAYERS, "layers.py")
    source = f"""
        from pathlib import Path
        if "reload" in {how!r}:
            import layers
        w = 1.0
        text = Path(__file__).with_name("layers.py").read_text().replace("x * 3", "x * 2")
        Path(__file__).with_name("layers.py").write_text(text)
        for t in range(4):
            if t == 1:
                Path(__file__).with_name("layers.py").write_text("# longer\\n" + text.replace("x * 2", "x * 3"))
            if t > 1:
                {how}
                w = w * layers.double(1.0)
            loss = w * w
            w = w - 0.1 * 2 * w
        """
    with stepper.open(script(tmp_path, source)) as run:
        run.run()
        losses = run.losses
        assert losses[2] != losses[1]
        assert [run.iteration(number).loss for number in (2, 1)] == [losses[2], losses[1]]
        assert "another run" not in run.session.notice


LOOP = """
w = 1.0
for t in range(3):
    loss = w * w
    w = w - 0.1 * w
"""
FITTING = "def fit(w):\n    for t in range(3):\n        loss = w * w\n        w = w - 0.1 * w\n    return w\n"


async def test_breakpoints_stay_with_their_file_when_the_loop_moves_to_another(tmp_path: Path) -> None:
    path = script(tmp_path, LOOP)
    fitting = script(tmp_path, FITTING, "fitting.py")
    async with opened(path) as before:
        before.toggle_breakpoint(2)
        before.toggle_breakpoint(5)
        script(tmp_path, "from fitting import fit\nw = 1.0\nw = fit(w)\n")
        async with opened(path) as moved:
            moved.keep_breakpoints(before)
            assert moved.home == fitting and not moved.breakpoints.by_line()
            assert set(moved.breakpoints.by_line(path)) == {2, 5}
            moved.toggle_breakpoint(4)
            await moved.run()
            assert moved.event is not None and (moved.event.file, moved.event.line) == (fitting, 4)
        script(tmp_path, LOOP)
        async with opened(path) as back:
            back.keep_breakpoints(moved)
            assert back.breakpoints.spots == {("", 2), ("", 5)}, "the other file is none of its own any more"
            assert len(back.breakpoints.all) == 3
            await back.run()
            assert back.event is not None and back.event.line == 5


async def test_where_a_process_died_in_another_file_than_the_script_is_named(tmp_path: Path) -> None:
    path = script(tmp_path, "from fitting import fit\nw = 1.0\nw = fit(w)\n")
    deadly = "import os\n" + FITTING.replace("    return", "        if t == 1:\n            os.abort()\n    return")
    script(tmp_path, deadly, "fitting.py")
    async with opened(path) as session:
        await session.run()
        assert "SIGABRT at fitting.py line 7, in iteration 1" in session.traceback


def test_layers_that_a_loop_in_another_file_goes_through_keep_their_paths(tmp_path: Path) -> None:
    net = """
        from torch import nn
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.blocks = nn.ModuleList(nn.Linear(2, 2, bias=False) for _ in range(2))
            def forward(self, x):
                for b in self.blocks:
                    x = b(x)
                return x
    """
    script(tmp_path, net, "net.py")
    trainer = """
        import torch
        class Trainer:
            def __init__(self, model):
                self.model, self.optimizer = model, torch.optim.SGD(model.parameters(), lr=0.1)
            def fit(self):
                for t in range(2):
                    loss = self.model(torch.ones(3, 2)).square().mean()
                    loss.backward()
                    self.optimizer.step()
    """
    script(tmp_path, trainer, "trainer.py")
    text = """
        from net import Net
        from trainer import Trainer
        def main():
            Trainer(Net()).fit()
        main()
    """
    with stepper.open(script(tmp_path, text)) as run:
        names = [each.name for each in run.iteration(0).record.parameters]
    assert names == ["self.model.blocks.0.weight", "self.model.blocks.1.weight"]


def test_a_module_of_ones_own_that_is_called_torch_is_no_torch(tmp_path: Path) -> None:
    script(tmp_path, "class Tensor:\n    pass\nautograd = optim = None\n", "torch.py")
    text = "import torch\nw = 1.0\nfor t in range(3):\n    loss = w * w\n    w = w - 0.2 * w\n"
    with stepper.open(script(tmp_path, text)) as run:
        record = run.iteration(1).record
        assert run.session.engines == ["python"] and record.loss == 0.8 * 0.8
        assert [each.name for each in record.parameters] == ["w"]
