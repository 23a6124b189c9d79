"""Templates, and the few words and shapes that they need of their own."""

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from serving.wire.answers import PostView, ReasonView

_HERE = Path(__file__).parent
STATIC = _HERE / "static"


@dataclass(frozen=True)
class Segment:
    """A piece of a bar whose whole length, 100, is a score of 1.

    Attributes:
        kind: of the reason.
        start: where it begins.
        length: how long it is.
    """

    kind: str
    start: float
    length: float


def segments(reasons: list[ReasonView]) -> list[Segment]:
    """Contributions side by side; what counts against a post has no length."""
    found, end = [], 0.0
    for reason in reasons:
        length = round(min(100 - end, max(0.0, 100 * reason.contribution)), 2)
        if length:
            found.append(Segment(reason.kind, round(end, 2), length))
            end += length
    return found


def environment() -> Environment:
    """Templates with everything escaped; a name that is missing is an error."""
    from serving.web.site import person_path, post_path

    templates = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    digests = {name: _digest(name) for name in _files()}
    templates.globals["static"] = lambda name: f"/static/{name}?v={digests[name]}"
    templates.filters["person_path"] = person_path
    templates.filters["post_path"] = post_path
    templates.filters["segments"] = segments
    templates.filters["more_text"] = _more_text
    templates.filters["pictured"] = lambda posts, most: [p for p in posts if p.image_url][:most]
    return templates


def _more_text(post: PostView) -> str:
    """What a post's text says beyond its title and its tags."""
    rest = (post.text or "").strip().removeprefix(post.title).strip(" .\n")
    listed = {tag.casefold() for tag in post.tags}
    words = [part.strip().casefold() for part in rest.split(",")]
    return "" if set(words) <= listed else rest


def _files() -> list[str]:
    return [str(path.relative_to(STATIC)) for path in STATIC.rglob("*") if path.is_file()]


def _digest(name: str) -> str:
    return blake2b((STATIC / name).read_bytes(), digest_size=6).hexdigest()
