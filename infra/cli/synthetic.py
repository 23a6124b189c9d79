"""`commonspace data synthetic`: a made-up network whose interests are known."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.options import AsJson
from infra.cli.output import results


def synthetic(
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="New or empty folder.")],
    posts: Annotated[int, typer.Option("--posts", min=1, help="How many posts.")] = 100_000,
    people: Annotated[int, typer.Option("--people", min=1, help="How many people.")] = 10_000,
    interests: Annotated[int, typer.Option("--interests", min=1, help="Of all people.")] = 50,
    images: Annotated[
        float, typer.Option("--images", min=0, max=1, help="Share of posts with a small picture.")
    ] = 0.0,
    reactions: Annotated[
        float, typer.Option("--reactions", min=0, help="A post, on average.")
    ] = 1.0,
    flaws: Annotated[
        float, typer.Option("--flaws", min=0, help="Share of posts that no reader should take.")
    ] = 0.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Equal seeds, equal rows.")] = 0,
    shards: Annotated[int, typer.Option("--shards", min=1, help="Files a table.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Write a made-up network of any size.

    People have a few interests each, posts are about one of them and use its words, reactions go
    where interests are shared. What is true of it lies in DIR/truth and is no input of anything.
    Memory does not grow with the posts.

    \b
    Examples:
      commonspace data synthetic --to made-up
      commonspace data synthetic --posts 1000000 --people 100000 --images 0.1 --to large --shards 8
      commonspace data check made-up
    """
    with results(as_json) as show:
        from infra.cli.progress import progress
        from training.synthetic.config import SyntheticConfig
        from training.synthetic.write import write

        config = SyntheticConfig.parse(
            {
                "posts": posts,
                "people": people,
                "interests": interests,
                "images": images,
                "reactions": reactions,
                "flaws": flaws,
                "seed": seed,
            }
        )
        with progress() as observer:
            observer.stage(f"Writing {to}")
            counts = write(config, to, shards=shards, progress=observer.advance)
        said = f"{counts.posts} posts and {counts.reactions} reactions in {to}"
        show(asdict(counts) | {"folder": str(to)}, text=said)
