"""What ends a run that cannot be had as it was asked for."""


class Refusal(BaseException):
    """The target cannot be run as asked; no `except Exception` of the script's may swallow it."""
