"""The copies of a body, with probes in them, and what numbers the places that they stand at."""
