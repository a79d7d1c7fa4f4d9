"""What is written down while the script runs: events, drafts of values, copies of what they hold, and the
parameters that are followed. It knows nothing of what will be found in it.
"""
