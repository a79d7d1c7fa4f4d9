"""A package that does something when it is imported: seeds, prints, and looks at how it was called."""

import sys

import numpy as np

np.random.seed(3)
print("imported", __name__, __package__, sys.argv[0] == "-m", sys.argv[1:], "__file__" in vars(sys.modules["__main__"]))
