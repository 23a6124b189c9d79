"""`commonspace index`: put a model's embeddings of all posts and people into use."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import (
    AsJson,
    ConfigFile,
    Overrides,
    PrintConfig,
    Workspace,
    configuration,
)
from infra.cli.output import results, table

if TYPE_CHECKING:
    from recsys.index import IndexReport


def index(
    model: Annotated[
        str, typer.Option("--model", help="Registered version or alias.")
    ] = "champion",
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    print_config: PrintConfig = False,
    as_json: AsJson = False,
) -> None:
    """Put a model's embeddings of everything into use.

    All public posts and people are embedded with the model. Readers keep the old version until the
    new one is complete and counted.

    \b
    Examples:
      commonspace index
      commonspace index --model 3 --set index.uri=http://milvus:19530
    """
    settings = configuration(config, overrides, workspace, print_config)
    with results(as_json) as show:
        from infra.cli.progress import progress
        from infra.indexing import index_posts
        from infra.product import services

        with services(settings), progress() as observer:
            report = index_posts(settings, model=model, observer=observer)
        show(_as_dict(report), text=_page(report))


def _page(report: "IndexReport") -> str:
    counts = table(("indexed", "rows"), [(str(name), n) for name, n in report.counts.items()])
    facts = f"{report.version} is live after {report.seconds:.1f} s"
    left_out = f"left out: {report.private} private posts, {report.unplaced} people without a place"
    return "\n".join([counts, "", facts, left_out])


def _as_dict(report: "IndexReport") -> dict[str, Any]:
    return {
        "build": report.version.build,
        "model_version": report.version.model,
        "counts": {str(target): count for target, count in report.counts.items()},
        "private": report.private,
        "absent": report.absent,
        "unplaced": report.unplaced,
        "seconds": report.seconds,
    }
