"""`commonspace recommend`, `similar` and `search`: questions to the recommender."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.options import AsJson, ConfigFile, Overrides, Workspace, configuration
from infra.cli.output import note, results, shorten, table
from training.errors import BadConfig, BadData

if TYPE_CHECKING:
    from infra.product import ProductConfig
    from recsys.answers import Reason
    from recsys.recommend import Recommender

TITLE_WIDTH, REASON_WIDTH = 48, 90

User = Annotated[str, typer.Argument(metavar="USER", help="Id of a person.")]
Count = Annotated[int | None, typer.Option("-k", "--count", metavar="K", help="How many answers.")]


class For(StrEnum):
    """What a search looks for."""

    USERS = "users"
    IMAGES = "images"
    TEXTS = "texts"
    POSTS = "posts"


def recommend(
    user: User,
    count: Count = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Recommend posts to a person, each with why.

    Only posts that are new to them, and not their own; none that they hid or muted, nor of anyone
    whom they blocked or who blocked them. To a person of whom nothing is known yet, popular and
    fresh posts, and the answer says so.

    \b
    Examples:
      commonspace recommend alice
      commonspace recommend alice -k 5 --json
      commonspace recommend alice --set recommend.diversity.strength=0.3
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show, _recommender(settings) as recommender:
        found = recommender.recommend(user, count)
        rows = [
            (number, f.score, shorten(f.title, TITLE_WIDTH), f.author, f.post_id, _why(f.reasons))
            for number, f in enumerate(found, start=1)
        ]
        if found.fallback:
            note(f"nothing is known of {user}'s taste yet: these are popular and fresh posts")
        show(
            [asdict(answer) for answer in found],
            text=table(("", "score", "title", "author", "post", "why"), rows),
        )


def similar(
    user: User,
    count: Count = None,
    to_follow: Annotated[
        bool,
        typer.Option("--to-follow", help="Only people who post and whom USER doesn't follow yet."),
    ] = False,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Find people like a person, with what binds them.

    \b
    Examples:
      commonspace similar alice
      commonspace similar alice -k 3 --json
      commonspace similar alice --to-follow
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show, _recommender(settings) as recommender:
        ask = recommender.to_follow if to_follow else recommender.similar
        found = ask(user, count)
        rows = [
            (number, f.score, f.user_id, _why(f.reasons)) for number, f in enumerate(found, start=1)
        ]
        show(
            [asdict(answer) for answer in found],
            text=table(("", "score", "person", "why"), rows),
        )


def search(
    text: Annotated[str | None, typer.Option("--text", help="Words to look for.")] = None,
    image: Annotated[
        Path | None, typer.Option("--image", metavar="FILE", help="A picture to look for.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", help="A person to look around.")] = None,
    target: Annotated[For, typer.Option("--for", help="What to find.")] = For.POSTS,
    count: Count = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Find what is near a text, a picture or a person.

    \b
    Examples:
      commonspace search --text "a red bicycle"
      commonspace search --text jazz --for users
      commonspace search --image cat.png --for texts
      commonspace search --user alice --for images --json
    """
    if sum(query is not None for query in (text, image, user)) != 1:
        raise BadConfig("search by exactly one of --text, --image and --user")
    settings = configuration(config, overrides, workspace)
    picture = _read(image) if image else None
    with results(as_json) as show, _recommender(settings, with_model=user is None) as recommender:
        from recsys.versions import Target

        found = recommender.search(
            text=text, image=picture, user=user, for_=Target(target.value), k=count
        )
        rows = [
            (number, f.score, shorten(f.title, TITLE_WIDTH), f.author, f.id)
            for number, f in enumerate(found, start=1)
        ]
        show(
            [asdict(answer) for answer in found],
            text=table(("", "score", "title", "author", "id"), rows),
        )


@contextmanager
def _recommender(settings: "ProductConfig", *, with_model: bool = False) -> "Iterator[Recommender]":
    from infra.product import open_recommender

    with open_recommender(settings, with_model=with_model) as recommender:
        yield recommender


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadData(f"{path} can't be read: {error.strerror}") from None


def _why(reasons: "tuple[Reason, ...]") -> str:
    """What speaks for an answer; what speaks against it is in the JSON."""
    texts = [reason.text for reason in reasons if reason.contribution >= 0]
    return shorten("; ".join(texts), REASON_WIDTH)
