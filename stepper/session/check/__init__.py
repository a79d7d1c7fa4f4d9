"""The check of gradients by finite differences, and what it says."""
