"""A page of HTML, taken apart for the tests that ask what is on it."""

from collections import Counter
from html.parser import HTMLParser

ADDRESSES = ("src", "href", "srcset", "action")


class Page(HTMLParser):
    """Its `tags`, `ids` and alternative texts (`alts`); every address on it (`links`), those
    that a browser fetches by itself (`loads`) and those that a reader may follow (`leads`); its `text`, and that outside code (`prose`).
    """

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source, self.text, self.prose = source, "", ""
        self.tags, self.ids, self.alts, self.links, self.loads = [], [], [], [], []
        self.leads = []
        self._inside = Counter()
        self.feed(source)
        self.text, self.prose = (" ".join(text.split()) for text in (self.text, self.prose))

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self._inside[tag] += 1
        self.ids += [value for name, value in attributes if name == "id"]
        self.alts += [value for name, value in attributes if name in ("alt", "aria-label")]
        addresses = [value for name, value in attributes if name in ADDRESSES]
        self.links += addresses
        self.loads += [] if tag in ("a", "form") else addresses
        self.leads += addresses if tag == "a" else []

    def handle_endtag(self, tag):
        self._inside[tag] -= 1

    def handle_data(self, data):
        if not self._inside["style"] and not self._inside["script"]:
            self.text += data
            self.prose += "" if self._inside["code"] else data
