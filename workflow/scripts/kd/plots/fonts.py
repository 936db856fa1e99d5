"""Names whose signs the usual font lacks: from another font that is installed, or as codes."""

from collections.abc import Collection, Iterable

from matplotlib.font_manager import findfont, get_font

from kd.errors import shown

USUAL = "DejaVu Sans"  # comes with Matplotlib
# Families with signs of other scripts, of which any may be installed.
OTHERS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Noto Sans JP", "Noto Sans KR"),
    *("Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback"),
    *("IPAGothic", "NanumGothic", "Microsoft YaHei", "SimHei", "Yu Gothic", "Malgun Gothic"),
    *("PingFang SC", "Hiragino Sans", "Noto Sans", "Noto Sans Devanagari", "Noto Sans Bengali"),
    *("Noto Sans Tamil", "Noto Sans Thai", "Noto Emoji", "Symbola", "Arial Unicode MS", "Unifont"),
)


def families_for(texts: Iterable[str]) -> tuple[list[str], set[str]]:
    """The usual family and those that have signs of the texts which it lacks; and the signs that none has."""
    signs = {sign for text in texts for sign in text if sign.isprintable()}
    families, lacking = [USUAL], signs - _signs(USUAL)
    for family in OTHERS:
        if lacking and (drawn := lacking & _signs(family)):
            families.append(family)
            lacking -= drawn
    return families, lacking


def drawable(text: str, lacking: Collection[str]) -> str:
    """The text, with each sign that no font has, or that does not print, as its code."""
    return "".join(
        sign.encode("unicode_escape").decode("ascii") if sign in lacking else shown(sign) for sign in text
    )


def _signs(family: str) -> set[str]:
    """What a family can draw; nothing if it is not installed."""
    try:
        path = findfont(family, fallback_to_default=False)
    except ValueError:
        return set()
    return set(map(chr, get_font(path).get_charmap()))
