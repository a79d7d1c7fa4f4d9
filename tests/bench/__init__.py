"""The figures that stepper is to reach, measured side by side in one run: `python -m tests.bench`."""
