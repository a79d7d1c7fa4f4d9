"""The table of derivatives, continued: triangular systems, and what takes a matrix apart. Such a node has several
outputs, and a gradient comes only to those that the loss is made of.

After torch's own tools/autograd/derivatives.yaml; what each line means is tested against what torch computes.
"""

from __future__ import annotations

from functools import partial

from stepper.engines.formulas import Chain, Rule, Unnamed
from stepper.engines.graph import GRADIENT, atom


def _came(c: Chain, number: int) -> str:
    """The gradient of an output; empty where none comes."""
    return GRADIENT + atom(c.named(number)) if c.comes_to(number) else ""


def _triangular(c: Chain, place: int) -> str:
    """`solve_triangular(A, B)`: what comes back is solved for, too, and stays within the triangle."""
    if not c.attribute("left") or c.attribute("unitriangular"):
        raise Unnamed("a system from the right, or with ones on its diagonal")
    if c.shape_of(place)[:-2] != c.shape[:-2]:
        raise Unnamed("one for several systems")
    part = "triu" if c.attribute("upper") else "tril"
    back = f"solve({part}({c['self']})ᵀ, {c.g})"
    return back if place == 1 else f"−{part}({back} · {c.y}ᵀ)"


def _cholesky(c: Chain, factor: str) -> str:
    if c.attribute("upper"):
        raise Unnamed("the upper factor")
    c.only_real()
    lower = c.kept(factor, "factor")
    where = f"S = tril(P) + tril(P, (−1))ᵀ; P = {lower}ᵀ · {c.g}"
    return f"inv({lower})ᵀ · S · inv({lower}) / 2 where {where}"


def _eigen(c: Chain) -> str:
    """Of a symmetric matrix."""
    c.only_real()
    to_values, to_vectors = _came(c, 0), _came(c, 1)
    vectors, count = c.kept("eigenvectors", "eigenvectors"), c.shape_of(0)[-1]
    if len(c.shape_of(0)) > 2:
        raise Unnamed("several matrices")
    if not to_vectors:
        return f"({vectors} ⊙ expand_dims({to_values}, 0)) · {vectors}ᵀ"
    values, eye = c.kept("eigenvalues", "eigenvalues"), f"eye({count}, {count})"
    apart = f"E = expand_dims({values}, 0) − expand_dims({values}, 1) + {eye}"
    inner = f"(1 − {eye}) ⊙ ({vectors}ᵀ · {to_vectors}) / E"
    inner += f" + diag({to_values})" if to_values else ""
    return f"(G + Gᵀ) / 2 where G = {vectors} · ({inner}) · {vectors}ᵀ; {apart}"


def _singular(c: Chain) -> str:
    """What the vectors have on the way back differs with the shapes."""
    to_values = _came(c, 1)
    if not to_values or c.comes_to(0) or c.comes_to(2) or len(c.shape_of(0)) > 2 or c.attribute("full_matrices"):
        raise Unnamed("the singular vectors")
    return f"({c.kept('U', 'U')} ⊙ expand_dims({to_values}, 0)) · {c.kept('Vh', 'Vh')}"


def _orthogonal(c: Chain) -> str:
    """QR, of a matrix that has no more columns than rows."""
    c.only_real()
    rows, columns = c.shape_of(0)[-2:]
    if c.attribute("mode") != "reduced" or rows < columns:
        raise Unnamed("more columns than rows")
    q, r = c.kept("Q", "Q"), c.kept("R", "R")
    to_q, to_r = _came(c, 0), _came(c, 1)
    first, less = (f"{to_q} + ", f"{q}ᵀ · {to_q}") if to_q else ("", "")
    inner = f"−{less}" if not to_r else f"{to_r} · {r}ᵀ" + (f" − {less}" if less else "")
    return f"({first}{q} · (triu(M) + triu(M, 1)ᵀ)) · inv({r})ᵀ where M = {inner}"


DECOMPOSITIONS: dict[str, Rule] = {
    "LinalgSolveTriangularBackward0": Rule("self B", many=_triangular),
    "LinalgCholeskyExBackward0": Rule("A", partial(_cholesky, factor="L")),
    "CholeskyBackward0": Rule("A", partial(_cholesky, factor="result")),
    "LinalgEighBackward0": Rule("A", _eigen),
    "LinalgSvdBackward0": Rule("A", _singular),
    "LinalgQrBackward0": Rule("A", _orthogonal),
}
