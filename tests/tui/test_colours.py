"""Every character can be read where there are sixteen colours, in dark and light themes, and where there is none."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color, ColorSystem
from rich.color_triplet import ColorTriplet
from rich.style import Style
from textual.geometry import Region
from textual.widgets import OptionList

from stepper.tui.app import StepperApp
from stepper.tui.panels import heatmap
from stepper.tui.panels.legible import LEAST, PROSE, contrast, legible
from tests.tui.screen import app_of, ready, settled
from tests.tui.standin import Standin
from tests.tui.test_panels import plant_failure, plant_nan

SCENES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "gate": (None, ("i", *"nnnnnnnnn", "b", "3")),
    "viewer": (plant_nan, ("i", "i", "i", "8", "h", "6", "7", "9")),
    "table": (plant_nan, ("i", "i", "i", "8", "t")),
    "failure": (plant_failure, ("c",)),
    "loss": (plant_nan, ("c", "5", "l", "home", "right")),
    "help": (None, ("question_mark",)),
    "picker": (None, ("v", "down")),
    "save": (None, ("x",)),
    "palette": (None, ("ctrl+p",)),
}
SAME = {"🔎", "█", "▀", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "▊", "▎", "▌", "▐", "▔", "╸", "━", "⎸"}
"""Characters that are pictures or edges themselves: what they hide in hides nothing."""

FRAME = set("─│╭╮╰╯├└┬┴┼╌┄ ")
CONTRAST = 2.0
"""Of a text's lightness to its ground's, at the least: less than is asked of prose, for what is meant to be quiet."""


def written(app: StepperApp) -> Iterator[tuple[str, Style]]:
    """All text on the screen, with its style; of a screen over another only its own."""
    shown = [child.region for child in app.screen.children if child.region]
    # of the palette, what holds the rest is itself not shown
    region = Region.from_union(shown or [child.region for child in app.screen.query("*") if child.region])
    strips = app.screen._compositor.render_strips()[region.y : region.bottom]
    for strip in strips:
        for text, style, _ in strip.crop(region.x, region.right):
            if style is not None and text.strip() and not set(text.strip()) <= SAME:
                yield text, style


def standard(colour: Color | None, default: int) -> int:
    """The number of the nearest of the terminal's sixteen colours."""
    if colour is None or colour.is_default:
        return default
    return colour.downgrade(ColorSystem.STANDARD).number or 0


async def in_both_themes(scene: str) -> AsyncIterator[tuple[str, list[tuple[str, Style]]]]:
    """What is written on the screen of a scene, in the one theme and then in the other."""
    plant, keys = SCENES[scene]
    app = app_of(Standin(plant))
    app.theme = "textual-dark"
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for key in keys:
            await pilot.press(key)
            await settled(pilot)
        for theme in ("textual-dark", "textual-light"):
            app.theme = theme
            await settled(pilot)
            texts = list(written(app))
            assert texts, "something can be read"
            yield theme, texts


@pytest.mark.parametrize("scene", SCENES)
async def test_text_differs_from_its_ground_in_sixteen_colours(scene: str) -> None:
    hidden = []
    async for theme, texts in in_both_themes(scene):
        for text, style in texts:
            ink, ground = standard(style.color, 7), standard(style.bgcolor, 0)
            if ink == ground:
                hidden.append((theme, text, str(style)))
    assert not hidden


async def test_each_part_of_a_line_differs_from_what_lies_under_it_in_sixteen_colours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "standard")
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for theme in ("textual-dark", "textual-light", "solarized-light", "nord"):
            app.theme = theme
            await settled(pilot)
            for panel in (app.desk.source, app.desk.tensors):
                for base, part in itertools.product(("", "current", "touched"), sorted(panel.PARTS)):
                    style = panel._style(base, part)
                    same = standard(style.color, 7) == standard(style.bgcolor, 0)
                    assert not same or style.color == style.bgcolor, (theme, base, part, str(style))


def luminance(colour: Color | None, default: float) -> float:
    """Relative luminance, 0 for black to 1 for white (WCAG 2.2)."""
    if colour is None or colour.triplet is None:
        return default
    parts = [part / 255 for part in colour.triplet]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scene", SCENES)
async def test_text_stands_out_by_its_lightness_alone(scene: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    faint = []
    async for theme, texts in in_both_themes(scene):
        for text, style in texts:
            ink, ground = luminance(style.color, 1.0), luminance(style.bgcolor, 0.0)
            contrast = (max(ink, ground) + 0.05) / (min(ink, ground) + 0.05)
            if contrast < CONTRAST and not set(text.strip()) <= FRAME:
                faint.append((theme, text, str(style), round(contrast, 2)))
    assert not faint


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
async def test_the_heat_map_tells_sign_and_size_by_lightness_and_by_glyph(theme: str) -> None:
    app = app_of(Standin())
    app.theme = theme
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        viewer = app.desk.viewer

        def light(step: int) -> float:
            return luminance(viewer.part_style(f"heat:{step}").bgcolor, 0.0) + 0.05

        levels = range(heatmap.LEVELS + 1)
        for sign in (-1, 1):
            away = [abs(light(sign * step) - light(0)) for step in levels]
            assert away == sorted(away) and len(set(away)) == len(away), "the larger, the farther from zero's"
        ends = sorted((light(-heatmap.LEVELS), light(heatmap.LEVELS)))
        assert ends[1] / ends[0] > 1.5, "without hue, the ends are two"
    below, above = set(heatmap.NEGATIVE), set(heatmap.POSITIVE)
    assert not below & above, "and no glyph stands for both"


@pytest.mark.parametrize("theme", ["ansi-light", "ansi-dark"])
async def test_in_the_terminals_own_colours_nothing_is_written_in_a_colour_on_another_of_them(theme: str) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        app.theme = theme
        await settled(pilot)
        for base, part in (("current", ""), ("current", "keyword"), ("current", "comment")):
            style = app.desk.source._style(base, part)
            assert style.reverse and style.color == style.bgcolor, "both are the terminal's own"
        gate = app.desk.gate
        for part in ("heat:-3", "heat:3", "negative", "positive"):
            style = gate.part_style(part)
            assert style.color is not None and style.bgcolor is not None
            assert style.color.name in ("color(0)", "color(15)") and not style.bgcolor.is_default
        for part in ("heat:0", "mask:0", "mask:3"):
            style = gate.part_style(part)
            assert style.color is not None and style.color.is_default
            assert style.bgcolor is not None and style.bgcolor.is_default


async def test_quiet_text_can_be_read_in_every_kind_of_theme() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("i", *"nnnnnnnnn", "b")
        await settled(pilot)
        for theme in ("solarized-light", "solarized-dark", "catppuccin-latte", "textual-light", "atom-one-dark"):
            app.theme = theme
            await settled(pilot)
            faint = [
                (text, str(style))
                for text, style in written(app)
                if not set(text.strip()) <= FRAME
                and style.color is not None
                and style.bgcolor is not None
                and style.color.triplet is not None
                and style.bgcolor.triplet is not None
                and contrast(style.color.triplet, style.bgcolor.triplet) < LEAST
            ]
            assert not faint, theme


async def test_what_is_quiet_in_a_list_can_be_read_also_where_it_is_highlighted() -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("v", "down")
        for theme in ("gruvbox", "solarized-dark", "atom-one-light", "textual-dark"):
            app.theme = theme
            await settled(pilot)
            lines = app.screen.query_one(OptionList)
            shown = [part for line in lines.render_lines(lines.size.region) for part in line if part.text.strip()]
            assert sum("preset small" in text for text, _, _ in shown) > 1
            for text, style, _ in shown:
                assert style is not None and style.color is not None and style.bgcolor is not None
                found = contrast(style.color.get_truecolor(), style.bgcolor.get_truecolor())
                assert found >= PROSE, (theme, text, str(style))


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        (("v",), ("the script's own, as in a shell", "an expression", "▼")),
        (("g",), ("umber, or setup",)),  # the cursor is on its first letter
        (("ctrl+p",), ("earch for",)),
    ],
    ids=["the picker", "a jump", "the palette"],
)
async def test_what_may_be_typed_can_be_read_before_it_is(keys: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    app = app_of(Standin())
    async with app.run_test(size=(120, 50)) as pilot:
        await ready(pilot)
        await pilot.press(*keys)
        for theme in ("textual-dark", "textual-light", "nord", "solarized-light", "catppuccin-latte"):
            app.theme = theme
            await settled(pilot)
            told = {text.strip(): style for text, style in written(app)}
            for words in wanted:
                style = next(style for text, style in told.items() if words in text)
                assert style.color is not None and style.bgcolor is not None
                found = contrast(style.color.get_truecolor(), style.bgcolor.get_truecolor())
                assert found >= PROSE, (theme, words, found)


@given(ink=st.tuples(*[st.integers(0, 255)] * 3), ground=st.tuples(*[st.integers(0, 255)] * 3))
def test_a_text_that_can_be_read_stays_as_it_is_and_one_that_cannot_becomes_so(
    ink: tuple[int, int, int], ground: tuple[int, int, int]
) -> None:
    style = Style.from_color(Color.from_rgb(*ink), Color.from_rgb(*ground)) + Style(bold=True)
    found = legible(style)
    assert found.bgcolor == style.bgcolor and found.bold and found.color is not None
    if ink == ground or contrast(ColorTriplet(*ink), ColorTriplet(*ground)) >= LEAST:
        assert found == style  # what is drawn in its ground's own colour is meant to be nothing
    else:
        assert contrast(found.color.get_truecolor(), ColorTriplet(*ground)) >= LEAST
