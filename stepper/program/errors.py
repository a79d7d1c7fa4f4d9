"""What the analysis of a script can complain about."""


class ProgramError(Exception):
    """The script cannot be analysed as asked: one plain line, without the target's name."""


class PartOfPackage(ProgramError):
    """The script can be run only as a module of a package: `line` imports by a relative name, and its relative names
    lead up to `levels` packages up, its own being the first."""

    def __init__(self, line: int, levels: int) -> None:
        super().__init__(f"is part of a package: line {line} imports by a relative name, which works for -m only")
        self.levels = levels
