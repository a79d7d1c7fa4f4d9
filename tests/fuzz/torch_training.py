"""Random training by torch's autograd: data, a network, a loss, an optimizer and a loop around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.fuzz.script import Pen
from tests.fuzz.torch_further_models import attention, convolution, recurrent
from tests.fuzz.torch_models import Shape, embedding, multilayer

MODELS: tuple[Callable[[Pen, Shape], None], ...] = (
    multilayer,
    multilayer,
    convolution,
    recurrent,
    attention,
    embedding,
)
LOSSES = {
    "class": (
        "nn.CrossEntropyLoss()",
        "nn.CrossEntropyLoss(label_smoothing=0.1)",
        "F.cross_entropy(pred, yb)",
        "F.nll_loss(F.log_softmax(pred, dim=1), yb)",
    ),
    "regression": (
        "nn.MSELoss()",
        "nn.MSELoss(reduction='sum')",
        "nn.L1Loss()",
        "nn.SmoothL1Loss()",
        "F.huber_loss(pred, yb)",
        "((pred - yb) ** 2).mean()",
        "(pred - yb).pow(2).sum()",
    ),
    "binary": (
        "nn.BCEWithLogitsLoss()",
        "F.binary_cross_entropy(torch.sigmoid(pred), yb)",
        "F.binary_cross_entropy_with_logits(pred, yb)",
    ),
}
OPTIMIZERS = (
    "SGD({p}, lr={lr})", "SGD({p}, lr={lr}, momentum=0.9)", "SGD({p}, lr={lr}, foreach=True)",
    "SGD({p}, lr={lr}, momentum=0.9, nesterov=True, weight_decay=1e-3)", "Adam({p}, lr={lr})",
    "Adam({p}, lr={lr}, weight_decay=0.01, amsgrad=True)", "Adam({p}, lr={lr}, foreach=False)", "AdamW({p}, lr={lr})",
    "RMSprop({p}, lr={lr}, momentum=0.5, centered=True)", "Adagrad({p}, lr={lr})", "Adadelta({p})",
    "NAdam({p}, lr={lr})", "RAdam({p}, lr={lr})", "Adamax({p}, lr={lr})", "ASGD({p}, lr={lr})", "Rprop({p}, lr={lr})",
    "LBFGS({p}, lr=0.1, max_iter=4)", "", "",
)  # fmt: skip
SCHEDULES = (
    "StepLR(optimizer, step_size=2, gamma=0.5)",
    "ExponentialLR(optimizer, 0.9)",
    "CosineAnnealingLR(optimizer, T_max=5)",
    "ReduceLROnPlateau(optimizer, patience=1)",
    "LambdaLR(optimizer, lambda e: 0.95 ** e)",
)
CYCLE = "OneCycleLR(optimizer, max_lr=0.1, total_steps=400)"  # it needs a momentum, or a beta, to turn down


@dataclass(frozen=True)
class Training:
    """What has been drawn of a training, for the parts of the script that are written later. `optimizer` is empty where
    the parameters are stepped by hand; of `accumulated` passes the gradients are added before a step."""

    loss: str
    parameters: str
    named: str
    optimizer: str
    rate: str
    schedule: str
    accumulated: int

    @property
    def closed(self) -> bool:
        return self.optimizer.startswith("LBFGS")


def write_torch(pen: Pen) -> None:
    """The whole script."""
    model, task = pen.pick(*MODELS), pen.pick("class", "class", "regression", "binary")
    outputs = {"class": pen.pick(2, 3, 4), "regression": pen.pick(1, 2), "binary": 1}[task]
    shape = Shape(pen.pick(6, 10, 17), pen.pick(3, 5, 8), outputs)
    pen.line("import hashlib\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F")
    if pen.device == "cuda":
        pen.line("torch.set_default_device('cuda')\ntorch.use_deterministic_algorithms(True)")
    pen.line(f"torch.manual_seed({pen.random.randrange(1000)})")
    if pen.chance(0.3):
        pen.line("torch.set_default_dtype(torch.float64)")
    _data(pen, shape, model, task)
    model(pen, shape)
    bare = "params = [" in pen.text
    training = _drawn(pen, task, bare)
    if training.optimizer:
        pen.line(f"optimizer = torch.optim.{training.optimizer}")
    if training.schedule:
        pen.line(f"scheduler = torch.optim.lr_scheduler.{training.schedule}")
    _loops(pen, shape, training, evaluated=not bare and pen.chance(0.3))
    numbers = f"b''.join(p.detach().cpu().numpy().tobytes() for p in {training.parameters})"
    pen.line(f"print(hashlib.sha256({numbers}).hexdigest())")


def _data(pen: Pen, shape: Shape, model: object, task: str) -> None:
    samples = shape.samples
    if model is embedding:
        pen.line(f"X = torch.randint(0, 11, ({samples}, {shape.length}))")
    elif model is convolution:
        pen.line(f"X = torch.randn({samples}, 1, 6, 6)")
    elif model in (recurrent, attention):
        pen.line(f"X = torch.randn({samples}, {shape.length}, {shape.inputs})")
    else:
        pen.line(f"X = torch.randn({samples}, {shape.inputs})")
    pen.line(
        {
            "class": f"Y = torch.randint(0, {shape.outputs}, ({samples},))",
            "regression": f"Y = torch.randn({samples}, {shape.outputs})",
            "binary": f"Y = (torch.rand({samples}, 1) > 0.5).to(torch.get_default_dtype())",
        }[task]
    )


def _drawn(pen: Pen, task: str, bare: bool) -> Training:
    loss = pen.pick(*LOSSES[task])
    if loss.startswith("nn."):
        pen.line(f"criterion = {loss}")
        loss = "criterion(pred, yb)"
    parameters = "params" if bare else "model.parameters()"
    named = "((f'{i}', p) for i, p in enumerate(params))" if bare else "model.named_parameters()"
    rate = pen.pick("1e-3", "0.01", "0.05")
    optimizer = pen.pick(*OPTIMIZERS).format(p=parameters, lr=rate)
    schedule = ""
    if optimizer and pen.chance(0.35):
        turning = optimizer.startswith(("SGD", "Adam(", "AdamW", "RMSprop", "NAdam", "RAdam"))
        schedule = pen.pick(*SCHEDULES, *([CYCLE] if turning and "momentum" in optimizer else []))
    accumulated = pen.pick(2, 3) if optimizer and not optimizer.startswith("LBFGS") and pen.chance(0.2) else 0
    return Training(loss, parameters, named, optimizer, rate, schedule, accumulated)


def _pass(pen: Pen, training: Training) -> None:
    """One iteration, from `xb` and `yb` to the update."""
    if training.closed:
        with pen.block("def closure():"):
            pen.line(f"optimizer.zero_grad()\npred = model(xb)\nloss = {training.loss}\nloss.backward()\nreturn loss")
        pen.line("loss = optimizer.step(closure)\n# truth: ...")
        return
    stepped_by_it = training.optimizer and not training.accumulated
    zeroed_first = stepped_by_it and pen.chance(0.6)
    if zeroed_first:
        pen.line(f"optimizer.zero_grad({pen.pick('', 'set_to_none=False')})")
    pen.line("pred = model(xb)", "forward")
    pen.line(f"loss = {training.loss}", "loss")
    if pen.chance(0.15):
        pen.line(f"loss = loss + 1e-3 * sum((p ** 2).sum() for p in {training.parameters})", "loss")
    if stepped_by_it and not zeroed_first:
        pen.line("optimizer.zero_grad()")
    loss = f"loss / {training.accumulated}" if training.accumulated else "loss"
    pen.line(f"({loss}).backward()" if training.accumulated else "loss.backward()", "backward")
    if pen.chance(0.25):
        clip = pen.pick("clip_grad_norm_({p}, 0.5)", "clip_grad_value_({p}, 0.1)").format(p=training.parameters)
        pen.line(f"torch.nn.utils.{clip}")
    gradients = f"{{n: (p, p.grad) for n, p in {training.named}}}"
    if training.accumulated:
        stepping = f"(step + 1) % {training.accumulated} == 0"
        pen.line(f"# truth: {loss}, **({gradients} if {stepping} else {{}})")
        with pen.block(f"if {stepping}:"):
            pen.line("optimizer.step()\noptimizer.zero_grad()")
        return
    pen.line(f"# truth: loss, **{gradients}")
    if training.optimizer:
        pen.line("optimizer.step()", "update")
    else:
        _step_by_hand(pen, training)


def _step_by_hand(pen: Pen, training: Training) -> None:
    with pen.block("with torch.no_grad():"):
        copied = training.parameters != "params" and pen.chance(0.5)
        with pen.block(f"for p in {training.parameters}:"):
            if copied:
                pen.line(f"p.copy_(p - {training.rate} * p.grad)", "update")
            else:
                pen.line(f"p -= {training.rate} * p.grad", "update")
                pen.line(f"p.grad{pen.pick('.zero_()', ' = None')}")
    if copied:
        pen.line("model.zero_grad()")


def _loops(pen: Pen, shape: Shape, training: Training, *, evaluated: bool) -> None:
    in_function = pen.chance(0.35)
    if in_function:
        with pen.block("def train_step(xb, yb, step):"):
            _pass(pen, training)
            pen.line("return loss.item()")

    def one() -> None:
        if in_function:
            pen.line("value = train_step(xb, yb, step)")
        else:
            _pass(pen, training)
            pen.line("value = loss.item()")
        pen.line(pen.pick("print(step, value)", "print(f'{step}: {value:.17g}')"))

    modules = training.parameters != "params"
    manner = pen.pick("full", "slice", "loader", "random")
    if manner == "loader":
        _loader(pen, shape)
        pen.line("step = 0")
    with pen.block("for epoch in range(3):" if manner == "loader" else f"for step in range({pen.pick(4, 6)}):"):
        if modules and pen.chance(0.5):
            pen.line("model.train()")
        if manner == "loader":
            with pen.block(f"for {pen.pick('xb, yb in loader', 'batch, (xb, yb) in enumerate(loader)')}:"):
                one()
                pen.line("step += 1")
        else:
            pen.line(_batch(pen, manner, shape))
            one()
        if training.schedule:
            pen.line(f"scheduler.step({'value' if 'Plateau' in training.schedule else ''})")
        if evaluated:
            pen.line("model.eval()")
            with pen.block("with torch.no_grad():"):
                pen.line(f"yb, pred = Y, model(X)\nprint('eval', {training.loss}.item())")
            pen.line("model.train()")


def _batch(pen: Pen, manner: str, shape: Shape) -> str:
    if manner == "full":
        return "xb, yb = X, Y"
    if manner == "random":
        return f"idx = torch.randperm({shape.samples})[:{pen.pick(4, 5)}]\nxb, yb = X[idx], Y[idx]"
    return f"i = step * 2 % {shape.samples - 3}\nxb, yb = X[i:i + 3], Y[i:i + 3]"


def _loader(pen: Pen, shape: Shape) -> None:
    size, shuffled = pen.pick(4, 5, shape.samples), pen.chance(0.6)
    drawing = ", generator=torch.Generator(device='cuda')" if shuffled and pen.device == "cuda" else ""
    alone = shape.samples % size == 1  # a normalisation cannot train on one sample
    pen.line("dataset = torch.utils.data.TensorDataset(X, Y)")
    options = f"batch_size={size}, shuffle={shuffled}, drop_last={alone}{drawing}"
    pen.line(f"loader = torch.utils.data.DataLoader(dataset, {options})")
