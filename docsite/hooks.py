"""The hooks of MkDocs: they add the generated pages to the site, and correct links."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "workflow" / "scripts")]

from mkdocs.config.defaults import MkDocsConfig  # noqa: E402
from mkdocs.structure.files import File, Files  # noqa: E402
from mkdocs.structure.pages import Page  # noqa: E402

from docsite import method_pages, reference, taken  # noqa: E402
from docsite.formulas import to_mathml  # noqa: E402

DOCS = ROOT / "docs"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Complete the menu."""
    menu = {title: entries for item in config.nav for title, entries in item.items()}
    menu["Methods"] += [{name: f"methods/{name}.md"} for name in method_pages.pages()]
    named = {page for entries in menu.values() for page in _pages(entries)}
    written = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    menu["How to"] += [page for page in written if page not in named]
    return config


def _pages(entries: str | list) -> list[str]:
    return [entries] if isinstance(entries, str) else [page for item in entries for page in item.values()]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add generated pages, those from outside docs/, and every file that a page links to."""
    texts = {"reference.md": reference.page()}
    texts |= {f"methods/{name}.md": text for name, text in method_pages.pages().items()}
    for page, text in texts.items():
        files.append(File.generated(config, page, content=text))
    for file, page in taken.PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / file)))
    pages = [(file.content_string, taken.source(file.src_uri)) for file in files.documentation_pages()]
    for file in sorted(set().union(*(taken.linked(text, source) for text, source in pages))):
        files.append(File.generated(config, taken.place(file), abs_src_path=str(ROOT / file)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Correct the links of a page for the site."""
    return taken.relinked(markdown, page.file.src_uri)


def on_page_content(html: str, **_: object) -> str:
    """Turn formulas into MathML."""
    return to_mathml(html)
