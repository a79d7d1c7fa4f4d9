"""The grammar of the command line: its commands, options and help, and what is said of words that do not fit.

Knows nothing of how a command is carried out: each is loaded when it is called, so that help answers at once.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args

from cyclopts import App, CycloptsError, Group, Parameter, Token
from cyclopts.exceptions import (
    CoercionError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from stepper import __version__
from stepper.command_line import COMMANDS, DEFAULT_TARGET, FLAGS, MODULE, as_typed


class NotUnderstood(Exception):
    """The words do not fit the grammar. The message says what is wrong and what to do, without the target."""


HELP = """stepper is a debugger for training loops.

stepper TARGET opens the app on a script: a built-in variant's name (see stepper list) or the path of a script of your \
own; without one it opens the variant numpy. stepper -m package.train opens what python -m package.train would run. \
What follows -- is handed to the script.
"""


def whole(kind: Any, tokens: Sequence[Token]) -> int:
    """A whole number, and nothing that only comes near one: cyclopts itself would take 1.5 for 2."""
    return int(tokens[0].value)


def repeatable(text: str, **more: Any) -> Parameter:
    """An option with one value, which may be given several times; `text` is its help."""
    return Parameter(negative="", consume_multiple=False, help=f"{text} May be repeated.", **more)


_target = Group("Target", sort_key=0)
_how = Group("How the script runs", sort_key=2)
_what = Group("What is shown", sort_key=1)


@Parameter(name="*", group=_how)
@dataclass(frozen=True)
class HowToRun:
    """The options that every command with a target takes."""

    seed: Annotated[
        int | None, Parameter(converter=whole, help="Seed the random generators of Python, NumPy and PyTorch.")
    ] = None
    device: Annotated[
        Literal["cpu", "cuda"] | None, Parameter(help="Set the script's device, where it can have this one.")
    ] = None
    preset: Annotated[str | None, Parameter(help="Take the settings of one of the variant's presets.")] = None
    settings: Annotated[
        tuple[str, ...],
        repeatable("NAME=VALUE: change a setting right after the script's own assignment.", name="--set"),
    ] = ()
    threads: Annotated[
        int | None, Parameter(converter=whole, help="Run with so many threads instead of the libraries' choice.")
    ] = None
    loop: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help="The line of the training loop (FILE:LINE in an imported file), or none: the whole script at once.",
        ),
    ] = None
    loss: Annotated[
        str | None, Parameter(allow_leading_hyphen=True, help="An expression whose value is the loss of an iteration.")
    ] = None
    memory: Annotated[
        str | None,
        Parameter(
            allow_leading_hyphen=True,
            help="Keep so much of recorded values, as 512M or 2G (the default); past it, summaries and small pictures.",
        ),
    ] = None
    what_if: Annotated[
        tuple[str, ...],
        repeatable(
            "ITERATION: STATEMENT, as '100: lr = 0.1': carry it out before that iteration.",
            name="--what-if",
            allow_leading_hyphen=True,
        ),
    ] = ()


DEFAULTS = HowToRun()

TARGET_HELP = "A variant's name or a script's path."
Target = Annotated[str | None, Parameter(help=TARGET_HELP, group=_target)]
Module = Annotated[
    str | None,
    Parameter(
        name=MODULE,
        allow_leading_hyphen=True,
        help="In place of a target: a module's name, as package.train, to be run as python -m runs it.",
        group=_target,
    ),
]
TextOrJson = Literal["text", "json"]
USAGE = "Usage: stepper {} (TARGET | -m MODULE) [OPTIONS] [-- ARGUMENTS]"


def command_line(arguments: Sequence[str]) -> App:
    """The parser. `arguments` are the script's own, those after `--`."""
    app = App(
        name="stepper",
        help=HELP,
        help_format="plaintext",
        usage="Usage: stepper [TARGET | -m MODULE] [OPTIONS] [-- ARGUMENTS]",
        version=__version__,
        version_flags=["--version"],
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
        end_of_options_delimiter="",
        result_action="return_value",
        default_parameter=Parameter(negative="", show_default=False),
    )

    def options(target: str, how: HowToRun) -> Any:
        from stepper.commands.options import options_for

        return options_for(target, how, tuple(arguments))

    @app.default
    def open_app(
        target: Annotated[str | None, Parameter(help=TARGET_HELP + " Without one: numpy.", group=_target)] = None,
        /,
        *,
        module: Module = None,
        config: Annotated[
            str | None, Parameter(help="Keep the app's theme, arrangement and keys in this file.", group=_what)
        ] = None,
        how: HowToRun = DEFAULTS,
    ) -> None:
        """Open the app."""
        from stepper.commands.app import open_app

        target = _named(target, module, DEFAULT_TARGET)
        open_app(target, options(target, how), config)

    @app.command(name="config")
    def config_(
        what: Annotated[
            Literal["path"], Parameter(help="path: where the app keeps its theme, arrangement and keys.", group=_what)
        ] = "path",
        /,
        *,
        config: Annotated[
            str | None, Parameter(help="The file that the app would be given with --config.", group=_what)
        ] = None,
    ) -> None:
        """Tell where the app keeps its theme, arrangement and keys."""
        from stepper.commands.config import print_path

        print_path(config)

    @app.command(name="list")
    def list_(
        *, format: Annotated[TextOrJson, Parameter(help="For people or for programs.", group=_what)] = "text"
    ) -> None:
        """List the built-in variants."""
        from stepper.commands.list import list_variants

        list_variants(format)

    @app.command(usage=USAGE.format("run"))
    def run(
        target: Target = None,
        /,
        *,
        module: Module = None,
        iterations: Annotated[
            int | None, Parameter(converter=whole, help="End after N iterations.", group=_what)
        ] = None,
        format: Annotated[
            Literal["text", "jsonl"], Parameter(help="For people, or one JSON object a line.", group=_what)
        ] = "text",
        output: Annotated[bool, Parameter(help="Show what the script prints, on stderr.", group=_what)] = False,
        how: HowToRun = DEFAULTS,
    ) -> None:
        """Run a script and print the loss of every iteration."""
        from stepper.commands.run import run_target

        target = _named(target, module)
        run_target(target, options(target, how), iterations=iterations, format=format, output=output)

    @app.command(usage=USAGE.format("trace"))
    def trace(
        target: Target = None,
        /,
        *,
        module: Module = None,
        iteration: Annotated[
            str, Parameter(help="Which iteration, counted from 0 (the default), or setup.", group=_what)
        ] = "0",
        values: Annotated[bool, Parameter(help="With the elements of arrays.", group=_what)] = False,
        watch: Annotated[
            tuple[str, ...],
            repeatable("What a Python expression of its values comes to in the end.", group=_what),
        ] = (),
        format: Annotated[TextOrJson, Parameter(help="For people or for programs.", group=_what)] = "text",
        how: HowToRun = DEFAULTS,
    ) -> None:
        """Run a script up to one iteration and print all that this iteration did."""
        from stepper.commands.trace import trace_target

        target = _named(target, module)
        trace_target(target, options(target, how), iteration=iteration, values=values, format=format, watch=watch)

    @app.command(usage=USAGE.format("check"))
    def check(
        target: Target = None,
        /,
        *,
        module: Module = None,
        iteration: Annotated[str, Parameter(help="Which iteration, counted from 0 (the default).", group=_what)] = "0",
        entries: Annotated[
            int | None,
            Parameter(
                converter=whole, help="Try N entries of each parameter (4; of many, as few as tell).", group=_what
            ),
        ] = None,
        parameter: Annotated[
            tuple[str, ...],
            repeatable("Only this one, or those of this module (net.0).", group=_what),
        ] = (),
        format: Annotated[TextOrJson, Parameter(help="For people or for programs.", group=_what)] = "text",
        how: HowToRun = DEFAULTS,
    ) -> None:
        """Compare the gradients of one iteration with finite differences of its loss."""
        from stepper.commands.check import check_target

        target = _named(target, module)
        check_target(
            target, options(target, how), iteration=iteration, entries=entries, parameters=parameter, format=format
        )

    return app


NUMBERED = {"trace": "iteration", "check": "iteration", "run": "iterations"}
"""The option of a command that takes a number, which may have been meant by one that stands alone."""


def _named(target: str | None, module: str | None, default: str | None = None) -> str:
    """The target, as the commands take it. Raises NotUnderstood where there is not one."""
    if module is not None and target is not None:
        raise NotUnderstood(f"there are two targets: {target}, too (the script's own arguments go behind --)")
    target = f"{MODULE} {module}" if module is not None else target if target is not None else default
    if target is None:
        raise NotUnderstood("name a target: a variant (stepper list), a script, or -m and a module")
    return target


def obey(own: Sequence[str], arguments: Sequence[str]) -> None:
    """Carry out the words before `--`. Raises NotUnderstood, and what the command raises."""
    app = command_line(arguments)
    _refuse_missing_values(app[own[0]] if own[:1] and own[0] in COMMANDS else app, own)
    try:
        app(list(own))
    except CycloptsError as error:
        raise NotUnderstood(_advice(error)) from error


def _refuse_missing_values(command: App, own: Sequence[str]) -> None:
    """Refuse an option in the place of a value: those that take values with a hyphen in front would take it."""
    options = {name for argument in command.assemble_argument_collection() for name in argument.names}
    options = {name for name in options if name.startswith("-")}
    for word, value in pairwise(own):
        if word in options - FLAGS and value.split("=", 1)[0] in options:
            raise NotUnderstood(f"{word} needs a value")


def _advice(error: CycloptsError) -> str:
    """cyclopts' complaint in our own words: what is wrong, and what to do."""
    if isinstance(error, UnknownOptionError):
        word = (error.token.keyword or error.token.value).split("=", 1)[0]
        names = {name for argument in error.argument_collection for name in argument.names}
        known = {name.lstrip("-"): name for name in sorted(names)}  # the dashes make all of them alike
        close = difflib.get_close_matches(word.lstrip("-"), known, n=1)
        advice = f"did you mean {known[close[0]]}?" if close else "see stepper --help"
        return f"there is no option {word}; {advice} (the script's own options go behind --)"
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        name = error.keyword or error.argument.name
        return f"{name} needs a value"
    if isinstance(error, CoercionError) and error.token is not None:
        if error.target_type is bool:
            return f"{error.token.keyword} takes no value"
        choices = [str(choice) for choice in get_args(error.target_type) if not isinstance(choice, type)]
        wanted = " or ".join(choices) or "a whole number"
        if error.token.keyword is None:
            return f"{as_typed(error.token.value)} is not understood here; use {wanted}"
        return f"{error.token.keyword} must be {wanted}, not {as_typed(error.token.value)}"
    if isinstance(error, RepeatArgumentError):
        return f"{error.token.keyword} is given more than once"
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        words = error.unused_tokens
        counts = NUMBERED.get((error.command_chain or ("",))[-1])
        meant = f"did you mean --{counts} {words[0]}? " if counts and len(words) == 1 and words[0].isdigit() else ""
        return f"too many words: {' '.join(words)} ({meant}the script's own arguments go behind --)"
    error.verbose = False
    return str(error)
