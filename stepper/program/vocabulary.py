"""Words the analysis knows: operators' names, methods that change their receiver, what marks a loss or a gradient.

Spelling is only ever a hint here; what a name is for is decided by data flow where that can decide it.
"""

import ast
import builtins
import re
from functools import lru_cache


def words(text: str) -> frozenset[str]:
    """A set of words."""
    return frozenset(text.split())


FINDS_PLACE = words("argmax argmin argsort nanargmax nanargmin")
"""What says where a value is, and not how large."""

OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.MatMult: "matmul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.USub: "neg",
    ast.UAdd: "pos",
    ast.Invert: "invert",
    ast.Not: "not",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Is: "is",
    ast.IsNot: "is_not",
    ast.In: "contains",
    ast.NotIn: "not_contains",
}
# `&`, `|` and `not` are keywords' names in the operator module and carry an underscore there.
_KEYWORD_OPERATORS = {"and": "and_", "or": "or_", "not": "not_", "is": "is_"}


def operator_name(operator: ast.AST) -> str:
    """The operator's name as the `operator` module spells it."""
    name = OPERATORS[type(operator)]
    return _KEYWORD_OPERATORS.get(name, name)


def inplace_name(operator: ast.AST) -> str:
    """The name of the augmented form: `isub` for `-=`."""
    return "i" + OPERATORS[type(operator)]


MUTATING_METHODS = words(
    """append appendleft extend extendleft insert pop popleft popitem remove clear reverse sort update
    setdefault discard fill put partition resize itemset byteswap setflags backward step zero_grad load_state_dict
    manual_seed __iadd__ __isub__ __imul__ __itruediv__ __setitem__"""
)

# Those that change which objects a collection holds, and none of the objects themselves.
COLLECTING_METHODS = words(
    "append appendleft extend extendleft insert pop popleft popitem remove clear reverse sort update setdefault discard"
)

MUTATING_FUNCTIONS = words(
    """at copyto putmask place put put_along_axis fill_diagonal shuffle heappush heappop heapify insort
    insort_left insort_right"""
)

ZEROING_METHODS = frozenset({"zero_", "zero_grad", "clear"})


# Their names end like those of changes, and they change no value.
_KEEPING_METHODS = frozenset({"requires_grad_", "share_memory_"})


def mutates_receiver(method: str) -> bool:
    """Whether a method of this name changes the object it is called on."""
    if method in MUTATING_METHODS:
        return True
    return method.endswith("_") and not method.endswith("__") and len(method) > 1 and method not in _KEEPING_METHODS


def clips_gradients(function: str) -> bool:
    """Whether a library's function of this name changes the gradients of the parameters that it is given."""
    return function in ("clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_")


def mutates_argument(function: str) -> bool:
    """Whether a library's function of this name changes its first argument."""
    return function in MUTATING_FUNCTIONS or (
        function.endswith("_") and not function.endswith("__") and len(function) > 1
    )


# Names are also written in Chinese and Japanese: loss and cost here; error and gradient below.
_LOSS = re.compile(r"loss|cost|error|损失|損失|代价|代價", re.IGNORECASE)
# `backward_propagate_error(network)`, `cost_derivative(output, y)`
_PROPAGATING = re.compile(r"back_?prop|backward|propagat|deriv|_prime", re.IGNORECASE)
# What is counted, weighed or scheduled beside losses.
_NO_LOSS = re.compile(
    r"(loss|cost)(es|s)?_?(count|cnt|counter|num|idx|index|weights?|coefs?|coeffs?|scale|interval|every|freq)$"
    r"|^(n|num|count)_?(loss|cost)(es|s)?$",
    re.IGNORECASE,
)
# `dloss_dw`, `dloss_fn`, `d_loss_d_output`, `pd_error_wrt_output`, `loss_gradient`, and a δ, `error_signal`; but not
# `d_loss`, a discriminator's, nor a penalty.
_DERIVATIVE = re.compile(
    r"^d(loss|cost|err(or)?)_(d|fn$|func)|^d_(loss|cost|err(or)?)_d_|(loss|cost|err(or)?)s?_wrt_"
    r"|(loss|cost|error)_((fn|func|function)_)?grad(ient)?s?($|_(?!pen))|error_?(signal|term)s?$",
    re.IGNORECASE,
)
_EXCEPTION = re.compile(r"^[A-Z]\w*(Error|Exception|Warning)$")


def names_loss(name: str) -> bool:
    """Whether a name or callee says that its value is a loss. Exceptions (`ValueError`) do not count."""
    if not _LOSS.search(name) or _NO_LOSS.search(name) or _EXCEPTION.match(name):
        return False
    if _PROPAGATING.search(name) or _DERIVATIVE.search(name):
        return False
    return not isinstance(getattr(builtins, name, None), type)


def names_criterion(name: str) -> bool:
    """Whether a name or class says that what is called by it computes a loss."""
    return names_loss(name) or "criteri" in name.lower()


# `dW1`, `db`, `dl_dw1`, `dhraw`, `d_weights2`, `dlogits`; but not `data`, `dropout`, `dict`, `done`, `d_model`, `ds`.
_QUANTITY = (
    r"(w|b|x|y|z|h|a|u|v)(_?\d+|_\w{1,2}\d*|\d_\w+)?|h\w+|l_d\w+|outs?\d*|w\w{1,3}|b[wxyhio]|b(n\w*|gain|bias)|(weight|bias|layer|hidden|input|output"
    r"|pred|score|logit|prob|count|emb|act|pre|next|param|theta|gamma|beta|loss|value|cell|kernel|filter|relu|soft|att)\w*"
)
_GRADIENT = re.compile(
    rf"grad(?!e)|梯度|勾配|nabla|delta|back_?prop|backward|jacobian|^(all_)?d_?({_QUANTITY})$|^g([whbxyz]?\d*|_[whbxyz]\w{{0,3}})$",
    re.I,
)
_DIFFERENTIAL = re.compile(r"^d[A-Z]\w*$")  # `dW1`, `dZ`, `dA_prev`
# `D_x`, `D_G_z1`: what a discriminator says
_NO_GRADIENT = re.compile(
    r"(?-i:^D_)|no_?grad|requires_?grad|enable_?grad|timedelta|degrad|zero_grad|is_grad|clip_?grad", re.I
)


@lru_cache(maxsize=4096)
def names_gradient(name: str) -> bool:
    """Whether a name says that its value is a gradient, or that a gradient is computed."""
    if _DERIVATIVE.search(name):
        return True
    if _NO_GRADIENT.search(name) or (_LOSS.search(name) and "grad" not in name.lower()):
        return False  # `d_loss` and `g_loss` are those of a discriminator and a generator
    return bool(_GRADIENT.search(name) or _DIFFERENTIAL.search(name))


_ERROR_SIGNAL = re.compile(
    r"(^|_)(err|errs|residual|residuals|mse|rmse|nll|td)(_|$)|\w_diff(_|$)|^diff_|误差|誤差", re.IGNORECASE
)


def names_error(name: str) -> bool:
    """Whether a name is that of an error signal (`err`, `residual`, `mse`)."""
    return bool(_ERROR_SIGNAL.search(name))


_RATE = re.compile(
    r"^(base_|init(ial)?_)?l_?r(_?\d+|_t)?$|learn\w*?_?rate|^l_rate$|^(eta|alpha|rate|step_?size)(_?\d+|_t)?$|学习率|学習率",
    re.IGNORECASE,
)


def names_rate(name: str) -> bool:
    """Whether a name is that of a learning rate: `lr`, `eta`, `alpha`, `learning_rate`."""
    return bool(_RATE.search(name))


_DECAY = re.compile(r"decay|penal|regular|^(l2|wd|reg|lam|lamda|lambda|lmbda|λ)(_|\d|$)", re.IGNORECASE)


def names_decay(name: str) -> bool:
    """Whether a name is that of a decay of the weights: `weight_decay`, `reg`, `lam`."""
    return bool(_DECAY.search(name))


# Functions that differentiate, by the last part of their names; `grad` is also torch.autograd's and jax's.
DIFFERENTIATING = frozenset({"grad", "value_and_grad", "jacrev", "jacfwd", "vjp", "gradient", "gradients"})

_BACKWARD_HOOK = re.compile(r"^register_(hook|\w*(backward|grad)\w*_hook)$")


def registers_backward_hook(name: str) -> bool:
    """Whether a method is handed what the backward pass will call (`register_post_accumulate_grad_hook`)."""
    return bool(_BACKWARD_HOOK.match(name))


STEPPING = frozenset({"step", "optimizer_step", "apply_gradients", "apply_updates", "minimize"})
_NO_OPTIMIZER = re.compile(r"sched|env|prof|bar|writer|timer|logger|game|world|sim|scaler_only|warmup", re.IGNORECASE)


def steps_parameters(method: str, receiver: str) -> bool:
    """Whether this call updates parameters: `optimizer.step()`, but not `scheduler.step()` or `env.step(action)`."""
    return method in STEPPING and not _NO_OPTIMIZER.search(receiver)


# Regions that are compiled or transformed as a whole: probes inside would be compiled in or break them.
_OPAQUE_PREFIXES = ("numba.", "jax.", "functorch.", "torch.func.", "torch.jit.", "torch.fx.", "torch.export.")
_OPAQUE = words(
    """torch.compile torch.vmap torch.onnx.export torch.cuda.make_graphed_callables tensorflow.function
    torch._dynamo.optimize cupy.fuse cython.compile triton.jit pythran.export"""
)


# Call a module as it is, with other tensors for its parameters: transformed only where something else does it.
_CALLING = words("torch.func.functional_call torch.func.stack_module_state functorch.functional_call")


def makes_opaque(dotted: str) -> bool:
    """Whether what this function is given (by its full dotted name) runs compiled or transformed, or may be."""
    return dotted in _OPAQUE or dotted.startswith(_OPAQUE_PREFIXES)


def only_calls(dotted: str) -> bool:
    """Whether such a function transforms nothing by itself."""
    return dotted in _CALLING
