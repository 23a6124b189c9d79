"""The page, section by section; it holds all it needs and forbids itself everything else."""

from collections.abc import Sequence

from training.evaluation.card import EvaluationCard
from training.report import lineage, tables
from training.report.cards import Cards, gallery
from training.report.content import ReportContent
from training.report.html import Markup, join, tag
from training.report.pictures import PostPictures
from training.report.style import CSS
from training.report.summary import tiles

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'"
"""No script, no request: a post that slipped through the escaping could still do nothing."""

_NO_QUERY = "No post is held out in this data, so that there is nothing to measure."

Section = tuple[str, str, Markup]
"""Anchor, title, content."""


def page(content: ReportContent, *, thumbnail: int) -> str:
    """The HTML.

    Args:
        content: of the run.
        thumbnail: longer side of a post's picture, in pixels; it decides on the page's size.
    """
    name = content.record.name
    sections = [s for s in _sections(content, thumbnail) if s[2]]
    links = [tag("li", tag("a", title, href=f"#{anchor}")) for anchor, title, _ in sections]
    body = tag(
        "body",
        tag("header", tag("h1", f"Commonspace report: {name}"), _introduction(content)),
        tag("nav", tag("ul", *links), aria_label="sections"),
        tag(
            "main",
            *(
                tag("section", tag("h2", title, id=f"{anchor}-title"), inner, id=anchor,
                    aria_labelledby=f"{anchor}-title")
                for anchor, title, inner in sections
            ),
        ),
    )  # fmt: skip
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"Commonspace report: {name}"),
        tag("style", Markup(CSS)),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _introduction(content: ReportContent) -> Markup:
    record, protocol = content.record, content.card.protocol
    version = f"Model version {record.version.version}, m" if record.version else "M"
    posts = protocol.posts.get(protocol.split, 0)
    return join(
        [
            tag(
                "p",
                f"{version}easured on {posts:,} held-out posts "
                f"({protocol.strategy} split) among {protocol.people:,} people.",
            ),
            tag("p", "This page shows posts and names of people. Share it as you would share "
                "those.", class_="notice"),
        ]
    )  # fmt: skip


def _sections(content: ReportContent, thumbnail: int) -> Sequence[Section]:
    card, record, drawings = content.card, content.record, content.drawings
    return [
        ("summary", "Summary", _summary(card)),
        ("retrieval", "Retrieval", _retrieval(card, drawings.get("retrieval"))),
        ("training", "Training", _curves(drawings.get("training"))),
        ("map", "Map", _map(drawings.get("map"))),
        ("scores", "Scores and modality gap", _scores(card, drawings.get("scores"))),
        ("examples", "Examples and worst failures", _examples(content, thumbnail)),
        ("slices", "Slices", _slices(card)),
        ("missing", "Missing images and texts", _missing(card, drawings.get("degradation"))),
        ("tags", "Tags foretold", tables.tags_tables(card)),
        ("data", "Data", lineage.data_section(content.materials.data)),
        ("configuration", "Configuration", lineage.configuration_section(record.config)),
        ("lineage", "Lineage", lineage.lineage_section(record)),
        ("licences", "Licences", lineage.licences_section(record.config)),
    ]


def _summary(card: EvaluationCard) -> Markup:
    if not card.protocol.asked:
        return tag("p", _NO_QUERY)
    protocol = card.protocol
    return join(
        [
            tiles(card),
            tag("p", f"Range: {protocol.interval}. Ranking: {protocol.ranking}.", class_="soft"),
        ]
    )


def _retrieval(card: EvaluationCard, bars: str | None) -> Markup:
    if not card.protocol.asked:
        return Markup("")
    asked = [
        (tables.arrow(name), f"{each.queries:,}", f"{each.candidates:,}")
        for name, each in card.protocol.asked.items()
    ]
    return join(
        [
            _drawing(bars, "Each direction's headline metric by model, with 95 % intervals. The "
                     "table below holds the figures."),
            tables.retrieval_table(card),
            tables.table("What was asked", ("direction", "queries", "candidates of each"), asked),
        ]
    )  # fmt: skip


def _curves(curves: str | None) -> Markup:
    return _drawing(curves, "Left: the loss and its terms by epoch. Right: the headline metrics on "
                    "the validation posts.")  # fmt: skip


def _map(drawn: str | None) -> Markup:
    return _drawing(
        drawn,
        "Posts near each other are near in the space (UMAP); directions and islands' distances "
        "mean nothing. Stars are the most active people, among the posts nearest to them.",
        "map",
    )


def _scores(card: EvaluationCard, histograms: str | None) -> Markup:
    if not card.gaps:
        return Markup("")
    caption = (
        "Cosine similarity of matching pairs and of other pairs. Separation is the chance that a "
        "match scores higher; the gap is the distance between the mean query and the mean "
        "candidate."
    )
    return join([_drawing(histograms, caption), tables.gaps_table(card)])


def _examples(content: ReportContent, thumbnail: int) -> Markup:
    if not content.galleries:
        return Markup("")
    pictures = PostPictures(content.materials.data, thumbnail)
    cards = Cards(content.materials.examples, content.rows, pictures)
    note = (
        "Left the query, then the best results in order. A person is shown by posts they are known "
        "by. The precision is the query's average precision: 1 where all matches come first. A "
        "match is marked ✓ and framed; where none is among the results, the best of the expected "
        "stands at the end with its place."
    )
    return join([tag("p", note), *(gallery(each, cards) for each in content.galleries)])


def _slices(card: EvaluationCard) -> Markup:
    if not card.slices:
        return Markup("")
    note = (
        "People are sliced by how many posts of theirs are in training. A slice that no query "
        "falls into is not shown."
    )
    return join([tag("p", note), tables.slices_table(card)])


def _missing(card: EvaluationCard, curves: str | None) -> Markup:
    if curves is None:
        return Markup("")
    note = (
        "Held-out posts and people's histories lose images, texts, or one of both at evaluation "
        "time; the model stays as it is. A post with nothing left comes last."
    )
    return join(
        [tag("p", note), _drawing(curves, "", "chart half"), tables.degradation_table(card)]
    )


def _drawing(uri: str | None, caption: str, kind: str = "chart") -> Markup:
    """A drawing in a box that scrolls by itself; the text beside it says what it shows."""
    if uri is None:
        return Markup("")
    alt = caption or "The curves of the table below."
    return tag(
        "figure",
        tag("img", src=uri, alt=alt),
        tag("figcaption", caption) if caption else None,
        class_=f"drawing {kind}",
        tabindex=0,
    )
