"""WCAG 2: how well a colour is seen on another."""

from matplotlib.colors import to_rgb


def contrast(first, second) -> float:
    """The contrast ratio of two colours, 1 to 21."""
    low, high = sorted(map(luminance, (first, second)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour) -> float:
    """The relative luminance of a colour, 0 to 1: what a print without colours shows."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
