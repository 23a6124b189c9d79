"""The `commonspace` command: its groups put together, and how errors leave it."""

import sys
from typing import Annotated

import typer

from infra.cli import (
    backup,
    benchmark,
    communities,
    data,
    demo,
    doctor,
    drift,
    evaluate,
    events,
    experiments,
    forget,
    index,
    interests,
    jobs,
    keys,
    models,
    pipeline,
    reactions,
    recommend,
    report,
    serve,
    sizing,
    train,
    tune,
)
from infra.cli.output import note
from infra.quiet import quiet
from training.errors import CommonspaceError

app = typer.Typer(
    name="commonspace",
    help="One embedding space for the users, images and texts of a social network.",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: examples keep their lines, and it starts twice as fast
    pretty_exceptions_enable=False,  # an unexpected error is a fault of ours: the plain traceback
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        from infra.version import product_version

        typer.echo(f"commonspace {product_version()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """One embedding space for the users, images and texts of a social network."""


app.command()(demo.demo)
app.add_typer(data.app)
app.add_typer(events.app)
app.command()(train.train)
app.command()(tune.tune)
app.add_typer(evaluate.app)
app.command()(benchmark.benchmark)
app.command()(report.report)
app.command()(drift.drift)
app.add_typer(pipeline.app)
app.add_typer(models.app)
app.add_typer(reactions.app)
app.add_typer(index.app)
app.command()(recommend.recommend)
app.command()(recommend.similar)
app.command()(recommend.search)
app.command()(interests.interests)
app.command()(interests.describe)
app.command()(communities.communities)
app.add_typer(experiments.app)
app.command()(serve.serve)
app.add_typer(keys.app)
app.add_typer(forget.app)
app.command()(backup.backup)
app.command()(backup.restore)
app.command(context_settings=jobs.SUBMIT_CONTEXT)(jobs.submit)
app.add_typer(jobs.app)
app.command()(sizing.sizing)
app.command()(doctor.doctor)


def main() -> None:
    """Run the command line. Exit codes: 0, those of `training.errors`, 2 for usage, 130 for Ctrl-C.

    An error that a user can act on is two lines without a traceback; any other stays loud.
    """
    quiet()
    try:
        app(prog_name="commonspace")
    except CommonspaceError as error:
        note(f"error: {error.message}")
        if error.hint:
            note(f"hint: {error.hint}")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
