"""Sparse tensors have numbers, those of the dense ones that they stand for; and they are left as they were."""

from collections.abc import Callable

import pytest
import torch

from stepper.engines.sparse import MOST
from stepper.engines.torch import TorchEngine
from tests.engines.recorded import assert_same_bits
from tests.engines.scripts import script

pytestmark = pytest.mark.filterwarnings("ignore:Sparse:UserWarning")

DENSE = torch.tensor([[0.0, -2.0, 0.0, 1.5], [0.0, 0.0, float("inf"), 0.0]])
LAYOUTS: dict[str, Callable[[], torch.Tensor]] = {
    "coo": DENSE.to_sparse,
    "csr": DENSE.to_sparse_csr,
    "csc": DENSE.to_sparse_csc,
    "bsr": lambda: DENSE.to_sparse_bsr((1, 2)),
    "hybrid": lambda: DENSE.to_sparse(1),
    "not coalesced": lambda: torch.sparse_coo_tensor(
        torch.tensor([[0, 1, 0, 0], [1, 2, 3, 1]]), [-1.5, float("inf"), 1.5, -0.5], (2, 4), is_coalesced=False
    ),
    "of a graph": lambda: DENSE.to_sparse().requires_grad_() * 1,
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_its_numbers_are_those_of_the_dense_one(name: str) -> None:
    value, engine = LAYOUTS[name](), TorchEngine()
    coalesced = value.is_coalesced() if value.layout is torch.sparse_coo else None
    version = value._version
    kept = engine.keep(value)
    assert (engine.ndarray(kept) == DENSE.numpy()).all()
    found = engine.describe(kept)
    assert (found.shape, found.zero, found.inf, found.min, found.device) == ((2, 4), 5, 1, -2.0, "cpu")
    assert engine.same(value, kept)
    assert not engine.same(DENSE.to_sparse() * 2, kept)
    assert (value.is_coalesced() if coalesced is not None else None, value._version) == (coalesced, version)


def test_one_that_stands_for_very_many_numbers_is_known_by_its_outside() -> None:
    engine = TorchEngine()
    small, large = (
        torch.sparse_coo_tensor(torch.tensor([[0], [1]]), [1.0], (size, 2)) for size in (MOST // 2, MOST // 2 + 1)
    )
    assert engine.describe(engine.keep(small)).nan == 0
    kept = engine.keep(large)
    assert engine.describe(kept).nan is None
    assert engine.same(large, kept)


def test_it_cannot_be_written_to_and_says_why() -> None:
    with pytest.raises(LookupError, match="stored sparsely"):
        TorchEngine().write(DENSE.to_sparse(), 1, 3.0)


SCRIPT = """
    table, last = nn.Embedding(9, 4, sparse=True), nn.Linear(4, 3)
    weight = nn.Parameter(torch.eye(3).to_sparse())
    optimizers = torch.optim.SparseAdam(table.parameters()), torch.optim.SGD([*last.parameters(), weight], 0.1)
    for t in range(3):
        loss = torch.sparse.mm(weight, last(table(torch.randint(0, 9, (7,)))).t()).square().mean()
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
"""


def test_parameters_and_gradients_that_are_sparse_are_told_and_no_bit_changes() -> None:
    run = assert_same_bits(script(SCRIPT))
    for record in run.records.values():
        if record.iteration is None:
            continue
        assert record.faults == []
        found = {each.name: each for each in record.parameters}
        for parameter in (found["table.weight"], found["weight"]):
            assert parameter.grad is not None and parameter.grad.summary.l2
            assert parameter.cosine is not None and parameter.cosine < 0
            assert parameter.update.summary.l2
