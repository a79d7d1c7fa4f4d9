"""Text that can be read on its ground: quiet colours, mixed from a theme's own, come too near to it in some themes."""

from __future__ import annotations

from rich.color import Color, ColorSystem
from rich.color_triplet import ColorTriplet
from rich.style import Style

LEAST = 2.7
"""The contrast that text has with its ground at the least. Less than is asked of prose: some is meant to be quiet."""

PROSE = 4.5
"""What prose is to have, by WCAG 2.2, "contrast (minimum)"."""

STEPS = 20
BLACK, WHITE = ColorTriplet(0, 0, 0), ColorTriplet(255, 255, 255)


def contrast(one: ColorTriplet, other: ColorTriplet) -> float:
    """How much lighter the lighter of two colours is: 1 to 21 (WCAG 2.2, "contrast ratio")."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def legible(style: Style, least: float = LEAST) -> Style:
    """`style`, its text lighter or darker where it could not be read. The terminal's own colours stay as they are."""
    if style.color is None or style.bgcolor is None:
        return style
    ink, ground = style.color.triplet, style.bgcolor.triplet
    if ink is None or ground is None or ink == ground or contrast(ink, ground) >= least:
        return style
    end = max(BLACK, WHITE, key=lambda colour: contrast(colour, ground))
    for step in range(1, STEPS + 1):
        mixed = ColorTriplet(*(round(a + (b - a) * step / STEPS) for a, b in zip(ink, end, strict=True)))
        if contrast(mixed, ground) >= least:
            break
    return style + Style.from_color(Color.from_triplet(mixed))


def quiet(style: Style) -> Style:
    """`style` as it is to be read in a list: what is dim is half as far from its ground, unless that is too near."""
    ink, ground = (colour.triplet if colour is not None else None for colour in (style.color, style.bgcolor))
    if style.dim and ink is not None and ground is not None:
        mixed = ColorTriplet(*(round((a + b) / 2) for a, b in zip(ink, ground, strict=True)))
        style += Style(color=Color.from_triplet(mixed), dim=False)
    return legible(style, PROSE)


def told_apart(style: Style) -> Style:
    """`style` for a terminal of sixteen colours: text and ground that would become the same one are made two."""
    if style.color is None or style.bgcolor is None or style.color == style.bgcolor:
        return style
    ground = style.bgcolor.triplet
    if ground is None or _standard(style.color) != _standard(style.bgcolor):
        return style
    return style + Style.from_color(Color.from_triplet(max(BLACK, WHITE, key=lambda ink: contrast(ink, ground))))


def _standard(colour: Color) -> int | None:
    return colour.downgrade(ColorSystem.STANDARD).number


def _luminance(colour: ColorTriplet) -> float:
    """Relative luminance, 0 for black to 1 for white."""
    parts = [part / 255 for part in colour]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
