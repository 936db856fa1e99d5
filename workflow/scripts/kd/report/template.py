"""A page from its template."""

from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from kd.report.html import bullets, links
from kd.report.style import STYLE
from kd.results.format import number
from kd.results.markdown import prints

HERE = Path(__file__).parent


def render(folder: str, css: str, **values: Any) -> str:
    """The text of page.html.jinja in `folder` with these values, which are escaped unless they are Markup.

    A name without a value is an error. Control characters of names are dropped. Lists, links and numbers have
    filters, and `style` is that of all pages and of the file `css` in the folder.
    """
    options = {"undefined": jinja2.StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE), autoescape=True, **options)
    environment.filters |= {"bullets": bullets, "links": links, "number": number}
    style = Markup(STYLE + (HERE / folder / css).read_text(encoding="utf-8"))
    return prints(environment.get_template(f"{folder}/page.html.jinja").render(style=style, **values))
