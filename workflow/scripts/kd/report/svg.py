"""Builds the elements of SVG drawings."""

from markupsafe import Markup


def tag(name: str, *inside: str, **attributes: str | float) -> Markup:
    """An element, with text and values escaped; `class_` is written class, `aria_label` aria-label."""
    pairs = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    numbers = ((key, f"{value:.6g}" if isinstance(value, float) else value) for key, value in pairs)
    said = Markup("").join(Markup(' {}="{}"').format(key, value) for key, value in numbers)
    return Markup("<{0}{1}>{2}</{0}>").format(name, said, Markup("").join(inside))
