"""A page as a browser would see it: elements, what they ask for, and what they say."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

REQUESTING = {"src", "href", "srcset", "action", "data", "poster", "background", "formaction"}


@dataclass
class Seen(HTMLParser):
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag, attrs) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for element, attributes in self.elements if element == name]


def read(page: str) -> Seen:
    seen = Seen()
    seen.feed(page)
    seen.close()
    assert not seen.open
    return seen


def assert_harmless(page: str) -> Seen:
    """No script, no handler, and nothing asked for but what the page itself holds."""
    seen = read(page)
    names = {name for name, _ in seen.elements}
    forbidden = {"script", "iframe", "object", "embed", "link", "base", "form", "svg", "video"}
    assert not names & forbidden
    for element, attributes in seen.elements:
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name != "style"
            if name in REQUESTING:
                local = ("data:image/webp;base64,", "#")
                assert value is not None and value.startswith(local), (element, name)
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style and "@import" not in style
    return seen
