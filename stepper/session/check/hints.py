"""What there is to say of all parameters together, whose gradients were checked, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from stepper.record import MIXED, SOFTMAX, STRETCHED, Record
from stepper.session.check.common_factor import common_factor
from stepper.session.check.gradient_check import ParameterCheck
from stepper.session.check.unlike_steps import unlike_steps
from stepper.session.findings.begun_with import Begun, told
from stepper.session.findings.carried import maximized
from stepper.session.findings.pointed_out import pointed_out
from stepper.session.findings.wrong_axis import wrong_axis


def hints(record: Record, checked: tuple[ParameterCheck, ...], begun: dict[int, Begun]) -> Iterator[str]:
    """`begun`: what backward passes began with, that were not to begin with 1."""
    yield from told(record, begun)
    yield common_factor(record, checked) or unlike_steps(record, checked)
    yield maximized(record, [each.name for each in checked])
    yield from wrong_axis(record)
    yield from pointed_out(record, (STRETCHED, SOFTMAX, MIXED))
