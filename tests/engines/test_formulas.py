"""Each formula that is shown, evaluated from the operands it names, gives the gradient that was recorded."""

from textwrap import dedent

import pytest

from stepper.record import Backward
from tests.engines.checks import assert_formulas
from tests.engines.recorded import Run, run_recorded
from tests.engines.scripts import script

# One line of forward each: what it computes from `a` (4, 6), `b` (4, 6), `m` (6, 3), `v` (6,), `im` (2, 3, 6, 6)
FORWARDS = {
    "mm": "a.mm(m)",
    "both factors of a product": "(a @ b.t())",
    "addmm": "torch.addmm(v[:3], a, m, beta=2, alpha=3)",
    "linear": "F.linear(a, b, v[:4])",
    "bmm": "a.view(2, 2, 6) @ b.view(2, 6, 2)",
    "add": "a + b",
    "add, broadcast": "a + v",
    "add with a factor": "torch.add(a, b, alpha=3)",
    "sub": "a - b",
    "sub, broadcast": "v - a",
    "rsub": "1 - a",
    "mul": "a * b",
    "mul, broadcast": "a * v",
    "mul with a number": "a * 2.5",
    "div": "a / (b * b + 1)",
    "div by a number": "a / 3",
    "div, broadcast": "v / (a * a + 1)",
    "pow 2": "a.pow(2)",
    "pow 3": "a ** 3",
    "pow of both": "a.abs() ** b",
    "exp": "a.exp()",
    "log": "(a * a + 1).log()",
    "sqrt": "(a * a + 1).sqrt()",
    "rsqrt": "(a * a + 1).rsqrt()",
    "reciprocal": "2 / (a * a + 1)",
    "abs": "a.abs()",
    "sin and cos": "a.sin() + b.cos()",
    "neg": "-a",
    "sum": "a.sum() * a",
    "sum of rows": "a.sum(1)",
    "sum of rows, kept": "a.sum(-1, keepdim=True)",
    "sum of two axes": "im.sum((0, 2))",
    "mean": "a.mean() * b",
    "mean of columns": "a.mean(0)",
    "mean over the image": "im.mean((-2, -1))",
    "transpose": "a.t().mm(b)",
    "transpose of more axes": "im.transpose(1, 3) * 2",
    "permute": "im.permute(0, 2, 3, 1) * 2",
    "view": "a.view(2, 12) * 2",
    "reshape": "a.t().reshape(12, 2) * 2",
    "unsqueeze and squeeze": "(a.unsqueeze(1) * 2).squeeze(1) * 3",
    "expand": "v.expand(4, 6) * a",
    "expand in the middle": "a.unsqueeze(1).expand(4, 3, 6) * 2",
    "relu": "torch.relu(a)",
    "clamp": "a.clamp(min=0)",
    "clamp on both sides": "a.clamp(-0.5, 0.5)",
    "threshold": "F.threshold(a, 0.1, 0)",
    "leaky relu": "F.leaky_relu(a, 0.2)",
    "elu": "F.elu(a)",
    "hardtanh": "F.hardtanh(a)",
    "leaky relu in place": "F.leaky_relu_(a * 1, 0.2)",
    "elu with a factor": "F.elu(a, 0.7)",
    "selu": "F.selu(a)",
    "celu": "F.celu(a, 0.5)",
    "mish": "F.mish(a)",
    "hardswish": "F.hardswish(4 * a)",
    "prelu": "F.prelu(a, v)",
    "log sigmoid": "F.logsigmoid(a)",
    "atan and erf": "a.atan() + b.erf()",
    "smooth l1": "F.smooth_l1_loss(a, chances, beta=0.5)",
    "huber, summed": "F.huber_loss(a, chances, delta=0.7, reduction='sum')",
    "l1": "F.l1_loss(a, b)",
    "cross entropy, smoothed": "F.cross_entropy(a, classes, label_smoothing=0.1)",
    "cross entropy of chances": "F.cross_entropy(a, chances)",
    "gather": "a.gather(1, classes[:, None])",
    "index select": "a.index_select(0, classes[:3])",
    "largest of rows": "a.max(1).values * 2",
    "largest of columns, kept": "a.max(0, keepdim=True).values * 2",
    "smallest": "a.min(0).values",
    "sorted": "a.sort(1).values * b",
    "the two largest": "a.topk(2).values * 3",
    "logsumexp": "a.logsumexp(1)",
    "logsumexp, kept": "a.logsumexp(1, keepdim=True) * b",
    "variance": "a.var() * b",
    "variance of rows": "a.var(1)",
    "deviation": "a.std(0, keepdim=True, unbiased=False)",
    "deviation of what is all the same": "(a.relu() * (a < -9)).std(1, keepdim=True) * b + a.std(1, keepdim=True)",
    "baddbmm": "torch.baddbmm(im[0, :, :2, :2], im[0, :, :2], im[1, :, :, :2], beta=2, alpha=3)",
    "split": "torch.add(*a.split(3, 1))",
    "split in sizes": "(lambda first, second: first * second.sum())(*a.split([2, 4], 1))",
    "chunk": "torch.mul(*a.chunk(2, 0))",
    "unbind": "sum(row * row.sum() for row in a.unbind(0))",
    "tril and triu": "a.tril(1) * b.triu(-1)",
    "flip": "a.flip(0, 1) * b",
    "average pool": "F.avg_pool2d(im, 3, 2, padding=1)",
    "native dropout": "torch.native_dropout(a, 0.5, True)[0]",
    "store by a mask": "stored(a, mask)",
    "slopes at random": "F.rrelu(a, training=True)",
    "slopes at random, evaluating": "F.rrelu(a)",
    "soft and hard shrinkage": "F.softshrink(a, 0.3) + F.hardshrink(b, 0.4)",
    "inverse sine and cosine": "(a / 9).asin() + (b / 9).acos()",
    "inverse hyperbolic functions": "a.asinh() + (b * b + 2).acosh() + (a / 9).atanh()",
    "tangent and hyperbolic functions": "a.tan() + a.sinh() * b.cosh()",
    "exp less 1, and of base 2": "a.expm1() + b.exp2() + 3**a",
    "logarithms": "(a * a + 1).log2() + (b * b + 1).log10()",
    "erfc and log gamma": "a.erfc() + (b * b + 1).lgamma()",
    "logit and entropy": "a.sigmoid().logit() + a.sigmoid().logit(0.2) + torch.special.entr(b.sigmoid())",
    "angle and length": "torch.atan2(a, v) + torch.hypot(b, v)",
    "log of a sum of two exps": "torch.logaddexp(a, v)",
    "x log y": "torch.xlogy(a, v * v + 1)",
    "rounded": "a.round() + b.sign() + a.floor() * 2 + b.ceil() * 3 + a.trunc()",
    "what is left of a division": "a.frac() + b.fmod(2) + a.remainder(3)",
    "what is no number": "(a / mask).nan_to_num(0, 0, 0) + b",
    "product added": "torch.addcmul(a, b, v, value=2)",
    "quotient added": "torch.addcdiv(a, b, v * v + 1, value=2)",
    "between two": "torch.lerp(a, v, 0.3)",
    "between two, by weights": "torch.lerp(a, b, v)",
    "clamp between arrays": "torch.clamp(a, v, u)",
    "clamp above an array": "torch.clamp(a, min=v) + torch.clamp(b, max=u)",
    "soft margin": "F.soft_margin_loss(a, classes[:, None] - 1.5)",
    "divergence": "F.kl_div(a.log_softmax(1), b.softmax(1), reduction='batchmean')",
    "binary cross entropy, weighted": "F.binary_cross_entropy(a.sigmoid(), chances, weight=chances[0])",
    "binary cross entropy of logits, weighted": (
        "F.binary_cross_entropy_with_logits(a, chances, weight=chances[0], pos_weight=chances[1])"
    ),
    "running sum": "a.cumsum(1)",
    "running product": "a.cumprod(-1)",
    "product of all": "a.prod() * b.prod()",
    "product of rows": "a.prod(1) + b.prod(1, keepdim=True).squeeze(1)",
    "largest of all": "a.max() * b.min() + a.amax() * b.amin()",
    "largest along axes": "im.amax((2, 3)) + im.amin((2, 3), keepdim=True)[..., 0, 0]",
    "largest of equal ones": "a.relu().amin(1)",
    "median": "a.median() + b.median(1).values + b.kthvalue(2).values",
    "running largest": "a.cummax(0).values * b.cummin(1).values",
    "chosen by a mask": "a.masked_select(mask)",
    "fill by a value": "a.masked_fill(mask, v[0])",
    "taken": "a.take(torch.tensor([[3, 3], [20, 1]]))",
    "padded": "F.pad(im, (1, 2, 0, 1)) * 2",
    "rolled": "a.roll(2, 1) * b.roll((1, -2), (0, 1)) * v[0] + a.roll(5) * b",
    "rotated": "im.rot90(1, (2, 3)) * 2",
    "repeated": "a.repeat(2, 1) * 2",
    "repeated along a new axis": "v.repeat(3, 2) * 2",
    "scattered": "b.scatter(1, classes[:, None], a[:, :1])",
    "scattered and added": "b.scatter_add(1, torch.zeros(4, 3).long(), a[:, :3])",
    "rows added": "b.index_add(0, classes, a, alpha=2)",
    "put and added": "(b * 1).index_put((classes,), a, accumulate=True)",
    "a row replaced": "(a * 1).select_scatter(v, 0, 1) + (b * 1).slice_scatter(a[:2] * 1, 0, 1, 3)",
    "copied": "torch.zeros(4, 6).copy_(a * 2)",
    "diagonal and trace": "(a @ b.t()).diagonal() * (a @ b.t()).trace() + torch.diag(v)[:4, 0]",
    "unshuffled": "F.pixel_shuffle(im.view(1, 12, 3, 6), 2)",
    "resized to the nearest": "F.interpolate(im, scale_factor=2)",
    "resized between": "F.interpolate(im, scale_factor=1.5, mode='bilinear')",
    "resized between, aligned": "F.interpolate(im, size=(9, 4), mode='bicubic', align_corners=True)",
    "adaptive pools": "F.adaptive_avg_pool2d(im, 3) * F.adaptive_max_pool2d(im, (3, 3))",
    "pools of volumes": "F.avg_pool3d(im[None], (1, 2, 2)) * F.max_pool3d(im[None], (1, 2, 2))",
    "sums of bags of rows": "F.embedding_bag(classes, a, torch.tensor([0, 3]), mode='sum')",
    "largest of bags of rows": "F.embedding_bag(classes, a, torch.tensor([0, 3]), mode='max')",
    "addmv": "torch.addmv(v[:4], a, u, beta=2, alpha=3)",
    "addr": "torch.addr(a, v[:4], u, beta=2, alpha=3)",
    "inverse": "(a @ a.t()).inverse()",
    "determinants": "(a @ a.t()).det() + (b @ b.t()).logdet()",
    "a system solved": "torch.linalg.solve(a @ a.t(), b)",
    "a system solved for a vector": "torch.linalg.solve(a @ a.t(), v[:4])",
    "distance": "torch.dist(a, b) * F.pairwise_distance(a, b)",
    "distances": "torch.cdist(a, b[:3])",
    "norms of other orders": "a.norm(p=1) + b.norm(p=3, dim=1)",
    "attention": "F.scaled_dot_product_attention(im * 2, im, im + 1)",
    "attention to what lies behind": "F.scaled_dot_product_attention(im * 2, im, im + 1, is_causal=True, scale=0.3)",
    "attention with a mask": "F.scaled_dot_product_attention(im * 2, im, im + 1, attn_mask=torch.randn(6, 6))",
    "attention where a mask allows it": "F.scaled_dot_product_attention(im * 2, im, im + 1, attn_mask=ones.tril() > 0)",
    "variance and mean": "torch.mul(*torch.var_mean(a, 1))",
    "variance and mean, one of them": "torch.var_mean(a)[1] * b + torch.var_mean(b, 0, keepdim=True, correction=0)[0]",
    "deviation and mean": "torch.mul(*torch.std_mean(a, (0, 1))) * b + torch.std_mean(b, 0)[0]",
    "margins of classes": "F.multi_margin_loss(a, classes) + F.multi_margin_loss(b, classes, 1, 2, reduction='sum')",
    "a triangular system": "torch.linalg.solve_triangular(a @ a.t(), b, upper=False)",
    "an upper triangular system": "torch.linalg.solve_triangular(a @ a.t(), b, upper=True)",
    "cholesky": "torch.linalg.cholesky(a @ a.t()) * b[:, :4]",
    "eigenvalues": "torch.linalg.eigvalsh(a @ a.t())",
    "eigenvectors": "(lambda values, vectors: (vectors * values).abs() + vectors**2)(*torch.linalg.eigh(a @ a.t()))",
    "singular values": "torch.linalg.svdvals(a)",
    "orthogonal and triangular": "torch.matmul(*(part**2 for part in torch.linalg.qr(a.t())))",
    "orthogonal": "torch.linalg.qr(a.t())[0]",
    "triangular": "torch.linalg.qr(a.t())[1]",
    "group norm": "F.group_norm(im.view(1, 6, 6, 3, 2)[0], 3, v, u)",
    "normalised weight": "torch._weight_norm(a, v[:4, None], 0)",
    "convolution, transposed": "F.conv_transpose2d(im, kernel[:3], bias[:3], stride=2, padding=1)",
    "convolution of sequences": "F.conv1d(im[:, :, 0], kernel[:, :, 0])",
    "sigmoid": "a.sigmoid()",
    "tanh": "a.tanh()",
    "softplus": "F.softplus(a)",
    "softplus, beyond its threshold": "F.softplus(a, 2, 1)",
    "silu": "F.silu(a)",
    "gelu": "F.gelu(a)",
    "gelu by tanh": "F.gelu(a, approximate='tanh')",
    "glu": "F.glu(a, 0)",
    "hardsigmoid": "F.hardsigmoid(4 * a)",
    "transpose in place": "(im * 2).transpose_(1, 3)",
    "softmax": "a.softmax(-1) * b",
    "softmax of attention": "torch._safe_softmax(a, -1) * b",
    "log softmax": "a.log_softmax(1) * b",
    "nll": "F.nll_loss(a.log_softmax(1), classes)",
    "nll of each": "F.nll_loss(a.log_softmax(1), classes, reduction='none')",
    "nll of one": "F.nll_loss(a[0].log_softmax(0), classes[0])",
    "nll, weighted": "F.nll_loss(a.log_softmax(1), classes, weight=spread.repeat(2))",
    "nll, one left out": "F.nll_loss(a.log_softmax(1), classes, ignore_index=1)",
    "nll of each, one of no class": "F.nll_loss(a.log_softmax(1), torch.tensor([2, -100, 0, 5]), reduction='none')",
    "nll of images": "F.nll_loss(im, (im[:, 0] > 0).long(), weight=spread, ignore_index=1)",
    "nll of images, of each": "F.nll_loss(im, (im[:, 0] > 0).long(), reduction='none')",
    "cross entropy": "F.cross_entropy(a, classes)",
    "cross entropy, summed": "F.cross_entropy(a, classes, reduction='sum')",
    "mse": "F.mse_loss(a, b)",
    "mse, summed": "F.mse_loss(a, b, reduction='sum')",
    "binary cross entropy": "F.binary_cross_entropy(a.sigmoid(), chances)",
    "binary cross entropy of logits": "F.binary_cross_entropy_with_logits(a, chances)",
    "maximum": "torch.maximum(a, b)",
    "minimum": "torch.minimum(a, b)",
    "where": "torch.where(mask, a, b)",
    "masked fill": "a.masked_fill(mask, 0)",
    "convolution": "F.conv2d(im, kernel, bias, stride=2, padding=1)",
    "convolution in groups": "F.conv2d(im, kernel[:3, :1], groups=3, dilation=2)",
    "max pool": "F.max_pool2d(im, 2)",
    "max pool, overlapping": "F.max_pool2d(im, 3, 1, padding=1)",
    "layer norm": "F.layer_norm(a, (6,), v, u)",
    "layer norm of two axes": "F.layer_norm(im, (6, 6))",
    "batch norm": "F.batch_norm(im, None, None, scale, bias[:3], training=True)",
    "batch norm, evaluating": "F.batch_norm(im, average, spread, scale, bias[:3])",
    "batch norm of vectors": "F.batch_norm(a, None, None, v, u, training=True)",
    "embedding": "F.embedding(classes, a)",
    "embedding, padded": "F.embedding(torch.stack((classes, classes)), a, padding_idx=1)",
    "means of bags of rows": "F.embedding_bag(classes, a, torch.tensor([0, 3]), mode='mean')",
    "complex mm": "(z @ zm).abs()",
    "complex mm, transposed": "(z.mT @ z).abs()",
    "complex mul": "(z * z * 2j).abs()",
    "complex and real": "(a * z + v).abs()",
    "complex div, exp and tanh": "(z / (z * z).exp()).tanh().abs()",
    "complex factor and exponent": "(torch.add(a * z, b, alpha=2j) * z ** (1 + 2j)).abs()",
    "dropout": "F.dropout(a, 0.5)",
    "cat": "torch.cat([a, b], 1) * 2",
    "stack": "torch.stack([a, b], 1) * 2",
    "index": "a[classes[:3]] * 2",
    "index by a mask": "a[mask] * 2",
    "select": "a[1] * 2",
    "slice": "a[:, 1:5:2] * 2",
    "norm": "a.norm()",
    "norm of rows": "a.norm(dim=1)",
    "mv": "a.mv(v)",
    "dot": "v.dot(a[0])",
}


def forward(line: str) -> Run:
    return run_recorded(
        script(
            f"""
            torch.set_default_dtype(torch.float64)
            a, b = torch.randn(4, 6).requires_grad_(), torch.randn(4, 6).requires_grad_()
            z, zm = (torch.randn(4, 6) + 1j * torch.randn(4, 6)).requires_grad_(), torch.randn(6, 3) + 1j
            m, v, u = (torch.randn(shape).requires_grad_() for shape in ((6, 3), (6,), (6,)))
            im = torch.randn(2, 3, 6, 6).requires_grad_()
            kernel, bias = torch.randn(5, 3, 3, 3).requires_grad_(), torch.randn(5).requires_grad_()
            ones = torch.ones(6, 6)
            scale, average, spread = torch.randn(3).requires_grad_(), torch.randn(3), torch.rand(3) + 1
            classes, chances, mask = torch.tensor([1, 3, 0, 1]), torch.rand(4, 6), torch.rand(4, 6) > 0.5
            def stored(a, mask):
                h = a * 1
                h[mask] = 0
                return h
            def changed(a):
                h = a * 1
                h[:, 0].mul_(2)
                return h
            for t in range(1):
                out = {line}
                loss = (out * torch.randn(out.shape)).sum()
                loss.backward()
                with torch.no_grad():
                    a -= 0.1 * b
            torch.set_default_dtype(torch.float32)
            """
        )
    )


@pytest.mark.parametrize("name", FORWARDS)
def test_formula(name: str) -> None:
    run = forward(FORWARDS[name])
    relative = 1e-7 if name == "hardsigmoid" else 1e-9  # its sixth is torch's own, of float32
    assert assert_formulas(run, run.records[0], relative=relative)


@pytest.mark.parametrize(
    ("node", "line"),
    [
        ("AcoshBackward0", "z.acosh().abs()"),
        ("LinalgSlogdetBackward0", "(z @ z.mH).logdet().abs()"),
        ("LinalgCholeskyExBackward0", "torch.linalg.cholesky(z @ z.mH).abs()"),
        ("LinalgEighBackward0", "torch.linalg.eigvalsh(z @ z.mH)"),
        ("LinalgQrBackward0", "torch.linalg.qr(z.mT)[1].abs()"),
        ("LinalgSolveExBackward0", "torch.linalg.solve(im[:, 0, :4, :4], b)"),
        ("LinalgSolveExBackward0", "torch.linalg.solve(im[:, 0, :4, :4], a[:2, :4])"),
        ("LinalgSolveTriangularBackward0", "torch.linalg.solve_triangular(a[:, :4], im[:, 0, :4], upper=True)"),
    ],
)
def test_a_rule_of_real_numbers_or_one_system_is_not_told_of_complex_ones_or_several(node: str, line: str) -> None:
    run = forward(line)
    assert_formulas(run, run.records[0], generic=True)
    told = [event.detail for event in run.records[0].events if isinstance(event.detail, Backward)]
    assert any(f" = what {node} makes of " in each.formula for each in told)


@pytest.mark.parametrize(
    "name",
    [
        "relu",
        "clamp on both sides",
        "threshold",
        "hardtanh",
        "where",
        "masked fill",
        "soft and hard shrinkage",
        "maximum",
    ],
)
def test_what_is_closed_passes_nothing_of_an_infinite_gradient(name: str) -> None:
    lost = "torch.tensor([torch.inf, torch.nan]).repeat(4, 3)"
    run = forward(f"({FORWARDS[name]}) * {lost}")
    grad = run.records[0].parameters[0].grad
    assert grad is not None
    came = run.array(grad, 0)
    assert (came == 0).any() and not (came == 0).all()
    assert assert_formulas(run, run.records[0])


UNSEEN = {
    "inside a recurrent cell": """
        model = cell = nn.GRUCell(3, 4)
        for t in range(2):
            h = torch.zeros(5, 4)
            for x in torch.randn(3, 5, 3):
                h = cell(x, h)
            loss = h.pow(2).sum()
        """,
    "inside two layers of a recurrent network": """
        model = nn.LSTM(3, 4, num_layers=2)
        for t in range(2):
            loss = model(torch.randn(5, 2, 3))[0].pow(2).sum()
        """,
    "a weight that is normalised, and turned": """
        model = nn.utils.spectral_norm(nn.Linear(4, 3))
        x = torch.randn(6, 4, requires_grad=True)
        for t in range(2):
            loss = model(x).pow(2).sum()
        """,
    "a graph that is gone through again, with more values of a name": """
        model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
        for t in range(2):
            x = torch.randn(5, 2, requires_grad=True)
            slope, = torch.autograd.grad(model(x).sum(), x, create_graph=True)
            loss = model(x + 1).mean() + (slope.pow(2).sum(1) - 1).pow(2).mean()
        """,
}


@pytest.mark.parametrize("name", UNSEEN)
def test_a_formula_names_only_what_is_shown(name: str) -> None:
    setup, _, body = dedent(UNSEEN[name]).partition("for t in range(2):\n")
    step = "    model.zero_grad()\n    loss.backward()\n    optimizer.step()\n"
    source = f"{setup}optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\nfor t in range(2):\n{body}{step}"
    wide = "torch.set_default_dtype(torch.{})\n"
    run = run_recorded(script(wide.format("float64") + source + wide.format("float32")))
    assert assert_formulas(run, run.records[1], generic=True) > 5
    told = [event.detail for event in run.records[1].events if isinstance(event.detail, Backward)]
    left = {flow.target for each in told for flow in each.grad_out}
    came = {flow.target for each in told for flow in each.grad_in if each.node != "AccumulateGrad"}
    assert len(came - left) <= 2, "what a pass begins with"


def test_a_node_without_a_rule_says_what_goes_where() -> None:
    record = forward("a.logcumsumexp(0) * 2").records[0]
    told = [event.detail for event in record.events if isinstance(event.detail, Backward)]
    (line,) = (each.formula for each in told if each.node == "LogcumsumexpBackward0")
    assert line == "∂L/∂a = what LogcumsumexpBackward0 makes of ∂L/∂a.logcumsumexp(0)"


def test_of_a_part_that_was_changed_in_place_it_is_said_how_the_gradient_goes_back() -> None:
    record = forward("changed(a)").records[0]
    told = [event.detail for event in record.events if isinstance(event.detail, Backward)]
    (line,) = (each.formula for each in told if each.node.endswith("CopySlices"))
    assert "a part was changed in place: there it goes back through that operation" in line


def test_a_broadcast_that_is_undone_is_said_in_words() -> None:
    record = forward("a + v").records[0]
    lines = [
        line
        for event in record.events
        if isinstance(event.detail, Backward)
        for line in event.detail.formula.split("\n")
    ]
    told = "v was broadcast from (6,) to (4, 6): what came to each copy is summed"
    assert f"∂L/∂v = sum(∂L/∂out, axis=0) — {told}" in lines
