"""Gradients that go back into earlier iterations: truncated backpropagation through time, where a backward pass runs
every few iterations only. A finite difference moves a parameter in its own iteration. Pure: reads records only.
"""

from stepper.record import Backward, Record

REACHES_BACK = (
    "the graph of gradients reaches into earlier iterations, "
    "and a finite difference moves the parameter in this one only"
)


def reaching_back(record: Record) -> set[str]:
    """The parameters that gradients came to through what earlier iterations made."""
    nodes = (event.detail for event in record.events if isinstance(event.detail, Backward) and event.detail.earlier)
    return {flow.target for node in nodes for flow in node.grad_out}
