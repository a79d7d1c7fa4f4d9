"""Run as `python -m tools.fit`, in a namespace package: imports by full names, and from the folder that it is run in."""

import sys

from tools.data import batches

from lab import nets
from lab.step import train_step


def main(count):
    model = nets.MLP(8, 12, 2)
    for x, y in batches(count):
        loss = train_step(model, x, y)
        print(float(loss).hex())
    print([float(w).hex() for weights in (model.w1, model.w2) for w in weights.ravel()])


if __name__ == "__main__":
    print(__name__, __package__, __file__, __cached__, __doc__, type(__loader__).__name__)
    print(__spec__.name, __spec__.parent, __spec__.origin, __spec__.loader is __loader__)
    print(sys.argv, sys.path[0], sys.modules["__main__"].__dict__ is globals(), sorted(vars()))
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
