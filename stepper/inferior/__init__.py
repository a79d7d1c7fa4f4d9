"""The debuggee's process: it runs the program, keeps its tensors and answers requests.

Only `protocol` may be imported from outside that process.
"""
