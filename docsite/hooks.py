"""The hooks of MkDocs: they add the generated pages to the site, and correct links."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "workflow" / "scripts")]

from mkdocs.config.defaults import MkDocsConfig  # noqa: E402
from mkdocs.structure.files import File, Files  # noqa: E402
from mkdocs.structure.pages import Page  # noqa: E402

from docsite import method_pages, reference, taken, tour  # noqa: E402
from docsite.formulas import to_mathml  # noqa: E402
from kd import registry  # noqa: E402

DOCS = ROOT / "docs"
_EMPTY = re.compile(r"<th[^>]*>\s*</th>")
_IN_BOTH = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="([^"]+)">'
    r'\s*<img alt="([^"]+)" src="([^"]+)">\s*</picture>'
)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Complete the menu."""
    menu = {title: entries for item in config.nav for title, entries in item.items()}
    menu["Methods"] += [
        {method_pages.title(entry): f"methods/{name}.md"} for name, entry in registry.methods().items()
    ]
    named = {page for entries in menu.values() for page in _pages(entries)}
    written = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    menu["How to"] += [page for page in written if page not in named]
    return config


def _pages(entries: str | list) -> list[str]:
    return [entries] if isinstance(entries, str) else [page for item in entries for page in item.values()]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add generated pages, those from outside docs/, and every file that a page links to."""
    texts = {"reference.md": reference.page(), "tour.md": tour.page()}
    texts |= {f"methods/{name}.md": text for name, text in method_pages.pages().items()}
    for page, text in texts.items():
        files.append(File.generated(config, page, content=text))
    for file, page in taken.PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / file)))
    copies = [taken.linked(page.content_string, page.src_uri) for page in files.documentation_pages()]
    for file in sorted(set().union(*copies)):
        files.append(File.generated(config, f"files/{file}", abs_src_path=str(ROOT / file)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Correct the links of a page for the site, and let pictures follow its own choice of a colour scheme."""
    return _IN_BOTH.sub(_both, taken.relinked(markdown, page.file.src_uri))


def _both(picture: re.Match) -> str:
    """A picture in two colour schemes as two images, of which the theme shows one."""
    dark, alt, light = picture.groups()
    return f'<img alt="{alt}" src="{light}#only-light"><img alt="{alt}" src="{dark}#only-dark">'


def on_page_content(html: str, **_: object) -> str:
    """Turn formulas into MathML, and the empty heading above the names of rows into a plain cell."""
    return to_mathml(_EMPTY.sub("<td></td>", html))
