"""Numbers that are no floats: decimals, fractions and complex weights, updated by hand."""
from decimal import Decimal
from fractions import Fraction
import numpy as np
rng = np.random.default_rng(0)
w, b = Decimal("0.5"), Fraction(1, 3)
c = rng.normal(size=3) + 1j * rng.normal(size=3)
z = rng.normal(size=(8, 3)) + 1j * rng.normal(size=(8, 3))
target = rng.normal(size=8)
for t in range(6):
    residual = z @ c - target
    off = w + Decimal(b.numerator) / Decimal(b.denominator) - 2
    loss = Decimal(float((np.abs(residual) ** 2).mean())) + off * off
    c -= 0.2 * z.conj().T @ residual / len(target)
    w = w - Decimal("0.1") * off
    b = b - Fraction(1, 10) * Fraction(off)
    print("loss", float(loss).hex(), w, float(b).hex())
print("final", c.tobytes().hex())
