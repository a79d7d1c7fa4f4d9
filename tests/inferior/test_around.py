"""What an iteration's record knows of the loops around the training loop."""

from tests.inferior.running import Ran, run

NESTED = """
w = 1.0
for trial in range(2):
    for epoch in range(2):
        for x, y in [(1.0, 2.0), (2.0, 4.0)]:
            loss = (w * x - y) ** 2
            grad = 2 * (w * x - y) * x
            w = w - 0.1 * grad
"""
IN_A_METHOD = """
class Trainer:
    def __init__(self):
        self.w = 1.0
    def train(self, data, number):
        for x, y in data:
            loss = (self.w * x - y) ** 2
            grad = 2 * (self.w * x - y) * x
            self.w -= 0.1 * grad
def main():
    trainer = Trainer()
    for epoch in range(2):
        trainer.train([(1.0, 2.0), (2.0, 4.0)], number=epoch)
main()
"""


def heads(ran: Ran, iteration: int) -> list[tuple[str, object]]:
    """What the head of the loop read, by label."""
    return [(v.label, v.summary.value) for v in ran.record(iteration).events[0].values if v.when == "operand"]


def test_each_record_has_the_counters_of_the_loops_around_it() -> None:
    ran = run(NESTED)
    found = [heads(ran, iteration) for iteration in range(8)]
    assert found == [[("trial", k // 4), ("epoch", k // 2 % 2)] for k in range(8)]


def test_a_counter_that_a_function_is_handed_goes_by_its_parameters_name() -> None:
    ran = run(IN_A_METHOD)
    assert [heads(ran, iteration) for iteration in range(4)] == [[("number", k // 2)] for k in range(4)]


def test_a_counter_that_the_script_deletes_is_not_asked_for() -> None:
    ran = run(NESTED.replace("        for x, y", "        if epoch == 0:\n            del trial\n        for x, y"))
    assert ran.error is None and heads(ran, 0) == [("epoch", 0)]
