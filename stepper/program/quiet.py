"""Which statements cannot print, as far as their spelling tells.

Asking how much has been printed takes longer than most statements do. What calls nothing but array functions and
methods of the usual names prints nothing; a function of the script's own that bears such a name has statements of its
own, and those are asked for themselves. Names that loggers share (`log`, `add`) are not among the usual ones.
"""

import re

_CALLED = re.compile(r"([A-Za-z_]\w*)\s*\(")
_LOUD = re.compile(r"\s*(?:import|from|raise|assert|del|def|class|async|@|await|yield|exec)\b")
_NAMES = """
abs amax amin arange argmax argmin argsort array asarray astype bmm bool cat ceil clamp clamp_ clip clone copy
cos cross_entropy cumsum detach diag divide dot dropout einsum empty enumerate exp expand eye flatten float
floor full gather hstack int isfinite isnan item len linspace log10 log2 log_softmax logical_and logical_not
logical_or matmul max maximum mean min minimum mm mse_loss mul multiply mv negative nll_loss no_grad norm numel
numpy ones ones_like outer permute pow prod rand randint randn randperm range ravel relu relu_ reshape round
sigmoid sign sin size softmax sqrt square squeeze stack std sub subtract sum t tanh tensor to tolist transpose
tuple unsqueeze var view vstack where zero_ zeros zeros_like zip
"""
QUIET = frozenset(_NAMES.split())


def is_quiet(text: str) -> bool:
    """Whether a statement (of a compound one, its head) calls nothing that could print."""
    return not _LOUD.match(text) and all(name in QUIET for name in _CALLED.findall(text))
