"""Relatives of the ReLU as functions of an array of float64, with their derivatives: SiLU, GELU in both its forms,
softplus, ELU, and a ReLU with a limit."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from stepper.engines.arrays import numpy_module


class Curve(NamedTuple):
    """An activation: its value and its derivative, of an array of float64."""

    name: str
    value: Callable[[Any], Any]
    slope: Callable[[Any], Any]
    soft: bool = True


def _sigmoid(h: Any) -> Any:
    numpy = numpy_module()
    return 1 / (1 + numpy.exp(-h))


def _silu_slope(h: Any) -> Any:
    s = _sigmoid(h)
    return s + h * s * (1 - s)


_ROOT = math.sqrt(2 / math.pi)


def _tanh_of(h: Any) -> Any:
    numpy = numpy_module()
    return numpy.tanh(_ROOT * (h + 0.044715 * h**3))


def _tanh_gelu_slope(h: Any) -> Any:
    t = _tanh_of(h)
    return 0.5 * (1 + t) + 0.5 * h * (1 - t * t) * _ROOT * (1 + 3 * 0.044715 * h * h)


def _normal(h: Any) -> Any:
    """The normal distribution's cumulative function."""
    numpy = numpy_module()
    return 0.5 * (1 + numpy.asarray(_erf()(h / math.sqrt(2)), float))


@cache
def _erf() -> Callable[[Any], Any]:
    """The error function of each number of an array."""
    numpy = numpy_module()
    found: Callable[[Any], Any] = numpy.frompyfunc(math.erf, 1, 1)
    return found


def _gelu_slope(h: Any) -> Any:
    numpy = numpy_module()
    return _normal(h) + h * numpy.exp(-h * h / 2) / math.sqrt(2 * math.pi)


def _softplus(h: Any) -> Any:
    numpy = numpy_module()
    return numpy.logaddexp(0, h)


CURVES = (
    Curve("silu", lambda h: h * _sigmoid(h), _silu_slope),
    Curve("gelu", lambda h: 0.5 * h * (1 + _tanh_of(h)), _tanh_gelu_slope),
    Curve("gelu", lambda h: h * _normal(h), _gelu_slope),
    Curve("softplus", _softplus, _sigmoid),
)


def elu(alpha: float) -> Curve:
    """ELU, which goes to −alpha."""
    numpy = numpy_module()

    def slope(h: Any) -> Any:
        return numpy.where(h > 0, 1.0, alpha * numpy.exp(numpy.minimum(h, 0)))

    return Curve("elu", lambda h: numpy.where(h > 0, h, alpha * numpy.expm1(numpy.minimum(h, 0))), slope)


def limited(high: float) -> Curve:
    """A ReLU that gives no more than `high`."""
    numpy = numpy_module()

    def slope(h: Any) -> Any:
        return ((h > 0) & (h < high)).astype(float)

    return Curve("relu6" if high == 6 else "clip", lambda h: numpy.clip(h, 0, high), slope, soft=False)
