"""The parameters of a record: what each became, by which update, and the gradient that the update used. Reads
recordings.
"""
