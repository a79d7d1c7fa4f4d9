"""`stepper list`: the built-in variants, for people and for programs."""

import ast
import json
import shutil
import sys
import textwrap
from collections.abc import Mapping
from typing import Any, Literal

from stepper.variants import VARIANTS, Variant


def list_variants(format: Literal["text", "json"]) -> None:
    """Print the table of variants on stdout."""
    if format == "json":
        json.dump([_document(variant) for variant in VARIANTS.values()], sys.stdout, indent=2, allow_nan=False)
        sys.stdout.write("\n")
        return
    width = max(60, min(shutil.get_terminal_size((100, 24)).columns, 120))
    sys.stdout.write("\n".join("\n".join(_lines(variant, width)) for variant in VARIANTS.values()))
    sys.stdout.write("\n")


QUOTES = ("'", '"')


def _document(variant: Variant) -> dict[str, Any]:
    return {
        "name": variant.name,
        "style": variant.style,
        "engines": list(variant.engines),
        "devices": list(variant.devices),
        "presets": {name: _typed(settings) for name, settings in variant.presets.items()},
        "settings": _typed(variant.settings),
        "description": variant.description,
        "script": str(variant.path),
    }


def _typed(settings: Mapping[str, str]) -> dict[str, Any]:
    """Settings as JSON has them: numbers as numbers, anything that is not a literal (a dtype) as its text."""
    return {name: _literal(text) for name, text in settings.items()}


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _lines(variant: Variant, width: int) -> list[str]:
    lines = [f"{variant.name:<17}{variant.style}"]
    rows = [
        variant.description,
        f"engines: {', '.join(variant.engines)}; devices: {', '.join(variant.devices)}",
        "settings: " + _assignments(variant.settings),
    ]
    rows += [f"preset {name}: {_assignments(settings)}" for name, settings in variant.presets.items()]
    for row in rows:
        lines += textwrap.wrap(
            row,
            width,
            initial_indent=" " * 17,
            subsequent_indent=" " * 21,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return [*lines, ""]


def _assignments(settings: Mapping[str, str]) -> str:
    return " ".join(f"{name}={_literal(text) if text[:1] in QUOTES else text}" for name, text in settings.items())
