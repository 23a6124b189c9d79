"""HTML that is safe by construction: whatever is not `Markup` is escaped.

Posts are written by strangers, and a report is opened by people with access to much. Text therefore
becomes markup in one place only, and the page forbids itself scripts and requests (see `page`).
"""

import html
import re
from collections.abc import Iterable

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_VOID = frozenset({"img", "br", "hr", "meta"})
# Controls have no place in HTML; lone surrogates can't be written as UTF-8.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Markup(str):
    """Text that is HTML already, made by `tag` and `join` alone."""

    __slots__ = ()


Child = str | None


def tag(element: str, *children: Child, **attributes: str | int | None) -> Markup:
    """An element.

    Args:
        element: its name.
        children: inside, in order; a plain string is escaped, None is left out.
        attributes: values are escaped; None leaves one out. `class_` is `class`, `aria_label` is
            `aria-label`.
    Raises: ValueError for a name that is none: names are never taken from data.

    Example:
        >>> tag("p", "<b>", tag("b", "x"), class_="note")
        '<p class="note">&lt;b&gt;<b>x</b></p>'
    """
    names = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    for name in (element, *names):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of an element or attribute")
    given = [f' {name}="{escape(str(v))}"' for name, v in names.items() if v is not None]
    start = f"<{element}{''.join(given)}>"
    return Markup(start if element in _VOID else f"{start}{join(children)}</{element}>")


def join(children: Iterable[Child]) -> Markup:
    """Pieces one after the other; plain strings are escaped."""
    return Markup("".join(escape(each) for each in children if each is not None))


def escape(text: str) -> Markup:
    """Text as HTML shows it, also inside an attribute; markup stays as it is."""
    if isinstance(text, Markup):
        return text
    return Markup(html.escape(_UNPRINTABLE.sub("\ufffd", text), quote=True))


def written(text: str) -> Markup:
    """Text by a stranger: escaped, and without power over the direction of the text around it."""
    return tag("bdi", text)
