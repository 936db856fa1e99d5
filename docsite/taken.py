"""The files outside docs/ that the site includes, and their links there.

Every page is written for a reader of the repository: its links are relative to its own file. On the site a
link to another page leads to that page, and a link to any other file of the repository to a copy of it. The
files of methods and the notebook have pages of their own, generated from them.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = {  # file of the repository: page of the site
    "README.md": "index.md",
    "config/README.md": "configuration.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
TOUR = "notebooks/tour.ipynb"
_METHOD = re.compile(r"workflow/scripts/kd/methods/([a-z]\w*)\.py")
# A link of Markdown, or an address in a tag: what is before it, the address, its anchor and what is behind.
_LINK = re.compile(r'(\]\(|(?:src|srcset|href)=")([^)\s#"]+)((?:#[^)\s"]*)?[)"])')
_FENCE = re.compile(r"(^ *```.*?^ *```)", re.MULTILINE | re.DOTALL)


def place(file: str, page: str = "") -> str:
    """Where a file of the repository is on the site, for a link of `page`."""
    if file.startswith("docs/"):
        return file.removeprefix("docs/")
    generated = PAGES.get(file) or _generated(file)
    return generated if generated and generated != page else f"files/{file}"


def _generated(file: str) -> str | None:
    """The page that is generated from a file, if there is one."""
    if file == TOUR:
        return "tour.md"
    method = _METHOD.fullmatch(file)
    return f"methods/{method[1]}.md" if method else None


def source(page: str) -> str:
    """The file of the repository that a page of the site is made of."""
    return next((file for file, name in PAGES.items() if name == page), f"docs/{page}")


def _prose(text: str) -> Iterator[tuple[str, bool]]:
    for number, part in enumerate(_FENCE.split(text)):
        yield part, number % 2 == 0


def _target(link: str, file: str) -> str | None:
    """The file of the repository that a link of `file` means; None for an address elsewhere."""
    if ":" in link or link.startswith("/"):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), link))


def linked(text: str, page: str) -> set[str]:
    """The files outside docs/ that a page links to and that have no pages themselves."""
    links = (link[2] for part, prose in _prose(text) if prose for link in _LINK.finditer(part))
    targets = {target for link in links if (target := _target(link, source(page)))}
    return {
        target for target in targets if place(target, page).startswith("files/") and (ROOT / target).is_file()
    }


def relinked(text: str, page: str) -> str:
    """A page's text with its links as they are on the site."""
    file, folder = source(page), posixpath.dirname(page) or "."

    def on_the_site(match: re.Match) -> str:
        target = _target(match[2], file)
        link = match[2]
        if target:
            link = posixpath.relpath(place(target, page), folder)
        if target and match[1] != "](":  # MkDocs changes the suffix in links of Markdown alone
            link = re.sub(r"\.md$", ".html", link)
        return f"{match[1]}{link}{match[3]}"

    return "".join(_LINK.sub(on_the_site, part) if prose else part for part, prose in _prose(text))
