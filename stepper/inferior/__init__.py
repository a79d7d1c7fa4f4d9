"""The debuggee's process: it runs the program, keeps its tensors and answers requests.

Only `protocol` may be imported from outside that process. The modules here run it; what is written down meanwhile is
the business of `recording`. When an iteration is over, `gates` and `gradients` find in that what there is to see, and
`finishing` makes the record of it. `spelling` reads the text of single statements for them.
"""
