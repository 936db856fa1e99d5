"""A page from its template."""

from pathlib import Path
from typing import Any

import jinja2

from kd.results.format import number


def render(folder: Path, **values: Any) -> str:
    """The text of page.html.jinja in `folder` with these values, which are escaped unless they are Markup.

    A name without a value is an error. `number` of kd.results.format is there as a filter.
    """
    options = {"undefined": jinja2.StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(folder), autoescape=True, **options)
    environment.filters["number"] = number
    return environment.get_template("page.html.jinja").render(**values)
