"""Arrays in NumPy's own format, losses as CSV."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest

from stepper.record import Array
from stepper.session.files import losses_csv, npy


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8", "bool", "complex64"])
@pytest.mark.parametrize("shape", [(), (7,), (3, 4, 5), (0, 3)])
def test_numpy_reads_what_was_written(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    read = np.load(io.BytesIO(npy(Array(shape, dtype, array.tobytes()))))
    assert read.dtype == dtype
    assert np.array_equal(read, array)


def test_losses_are_lines_and_none_is_empty() -> None:
    assert losses_csv([0.1, None, math.nan]) == b"iteration,loss\n0,0.1\n1,\n2,nan\n"
