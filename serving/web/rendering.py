"""Templates, and the few words and shapes that they need of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from serving.wire.answers import PostView, ReasonView

_EXCERPT = 180
_HERE = Path(__file__).parent
STATIC = _HERE / "static"


@dataclass(frozen=True)
class Share:
    """A reason with its part of a score, on a track from 0 to 100 that all parts share.

    Attributes:
        reason: in words.
        start: where its bar begins; the end of one that speaks against the post is at `zero`.
        length: of its bar.
        zero: where 0 is.
        whole: where the score is.
        percent: of the score; None if that isn't above 0.
    """

    reason: ReasonView
    start: float
    length: float
    zero: float
    whole: float
    percent: int | None


def shares(reasons: Sequence[ReasonView], score: float) -> list[Share]:
    """How much each reason makes of a score; those against it stand left of 0."""
    parts = [reason.contribution for reason in reasons]
    low, high = min(0.0, score, *parts), max(0.0, score, *parts)
    span = (high - low) or 1.0
    zero, whole = -100 * low / span, 100 * (score - low) / span
    return [
        Share(
            reason,
            start=round(zero + 100 * min(0.0, part) / span, 2),
            length=round(100 * abs(part) / span, 2),
            zero=round(zero, 2),
            whole=round(whole, 2),
            percent=round(100 * part / score) if score > 0 else None,
        )
        for reason, part in zip(reasons, parts, strict=True)
    ]


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
    templates.filters["shares"] = shares
    templates.filters["excerpt"] = _excerpt
    templates.filters["figure"] = _figure
    templates.filters["more_text"] = _more_text
    templates.filters["pictured"] = lambda posts, most: [p for p in posts if p.image_url][:most]
    return templates


def _excerpt(post: PostView) -> str:
    """What stands where a picture would: the beginning of the text."""
    text = " ".join((post.text or post.title).split())
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1].rsplit(" ", 1)[0] + "…"


def _figure(value: float) -> str:
    """Two digits behind the point, and no minus before a 0."""
    return f"{round(value, 2) + 0.0:.2f}"


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
