"""`commonspace interests` and `describe`: people and posts in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import AsJson, ConfigFile, Overrides, Workspace, configuration
from infra.cli.output import results, shorten, table

if TYPE_CHECKING:
    from infra.product import ProductConfig
    from training.interests.people import Interest
    from training.interests.posts import Description, MissingTag
    from training.surveyed import Surveyed
    from training.tracking.server import Tracking

ALSO_WIDTH, TEXT_WIDTH = 44, 90

User = Annotated[str, typer.Argument(metavar="USER", help="Id of a person.")]
Post = Annotated[str, typer.Argument(metavar="POST", help="Id of a post, of any split.")]
Count = Annotated[
    int, typer.Option("-k", "--count", metavar="K", min=1, help="How many words at most.")
]
Model = Annotated[
    str,
    typer.Option("--model", metavar="MODEL", help="Version or alias of a model, or a run."),
]


def interests(
    user: User,
    count: Count = 20,
    model: Model = "champion",
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """List the words and tags nearest to a person, with their strength.

    Strength is in bits: how much the word tells this person from people in general. Words that are
    near everyone get none. How well the model foretells tags that were held out stands below.

    \b
    Examples:
      commonspace interests alice
      commonspace interests alice -k 5 --json
      commonspace interests alice --model 3
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show, _surveyed(settings, model) as (tracking, survey):
        from training.evaluation.card import read_card
        from training.interests.people import interests

        found = interests(survey.landscape, survey.materials, user, count)
        precision = read_card(tracking, survey.record.run_id).get("tags", {})
        show(
            {
                "user_id": user,
                "model": survey.title,
                "interests": [asdict(interest) for interest in found],
                "held_out_tags": precision.get("people"),
            },
            text=_interests(user, survey, found) + _precision(precision.get("people"), "people"),
        )


def describe(
    post: Post,
    count: Count = 10,
    model: Model = "champion",
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """List the tags that a post lacks, the surest first.

    They are read off the posts around it. Where nobody tags, words of texts take the place of tags.

    \b
    Examples:
      commonspace describe 12345
      commonspace describe 12345 -k 3 --json
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show, _surveyed(settings, model) as (tracking, survey):
        from training.evaluation.card import read_card
        from training.interests.posts import describe

        found = describe(survey.landscape, survey.materials, post, count)
        precision = read_card(tracking, survey.record.run_id).get("tags", {})
        show(
            {
                "model": survey.title,
                **asdict(found),
                "held_out_tags": precision.get("posts"),
            },
            text=_description(found) + _precision(precision.get("posts"), "posts"),
        )


@contextmanager
def _surveyed(settings: "ProductConfig", model: str) -> "Iterator[tuple[Tracking, Surveyed]]":
    from infra.cli.progress import progress
    from infra.product import open_tracking, services
    from training.report.run_record import find_run
    from training.surveyed import survey_model

    tracking = open_tracking(settings)
    record = find_run(tracking, model)  # before Ray starts: a wrong name is told at once
    with services(settings), progress() as observer:
        survey = survey_model(tracking, record, observer)
    yield tracking, survey


def _interests(user: str, survey: "Surveyed", found: "list[Interest]") -> str:
    if not found:
        return f"no word tells {user} from people in general ({survey.title})"
    rows = [
        (
            number,
            interest.word,
            interest.strength,
            f"{interest.lift:.1f}x",
            f"{interest.share:.0%}",
            interest.used,
            shorten(", ".join(interest.also), ALSO_WIDTH),
        )
        for number, interest in enumerate(found, start=1)
    ]
    heads = ("", "word", "strength", "than usual", "of posts around", "own posts", "also")
    return f"{user}, {survey.title}\n\n{table(heads, rows)}"


def _description(found: "Description") -> str:
    lines = [
        f"{found.post_id} by {found.author}",
        f"text  {shorten(found.text or 'none', TEXT_WIDTH)}",
        f"tags  {', '.join(found.tags) or 'none'}",
        "",
    ]
    if not found.lacks:
        return "\n".join([*lines, "no tag is common around it that it lacks"])
    rows = [_missing(number, tag) for number, tag in enumerate(found.lacks, start=1)]
    heads = ("", "lacks", "of posts around", "than usual", "in its text", "also")
    return "\n".join([*lines, table(heads, rows)])


def _missing(number: int, tag: "MissingTag") -> tuple[object, ...]:
    return (
        number,
        tag.tag,
        f"{tag.share:.0%}",
        f"{tag.lift:.1f}x",
        "yes" if tag.in_text else "",
        shorten(", ".join(tag.also), ALSO_WIDTH),
    )


def _precision(figures: dict[str, Any] | None, whose: str) -> str:
    """A line on how far to trust it; nothing where the model's card has no such figure."""
    joint = (figures or {}).get("joint")
    if not joint:
        return ""
    rival = figures["frequent"]["precision@5"] if figures and "frequent" in figures else None
    beside = "" if rival is None else f"; the most frequent tags get {rival:.3f}"
    return (
        f"\n\nprecision@5 against held-out tags, {joint['n']:.0f} {whose}: "
        f"{joint['precision@5']:.3f} ({joint['precision@5/low']:.3f} to "
        f"{joint['precision@5/high']:.3f}){beside}"
    )
