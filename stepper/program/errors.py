"""What the analysis of a script can complain about."""


class ProgramError(Exception):
    """The script cannot be analysed as asked: one plain line, without the target's name."""
