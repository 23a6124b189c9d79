"""`commonspace forget`: what is stored about a person, and how it goes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import AsJson, ConfigFile, Overrides, Workspace, configuration
from infra.cli.output import note, results, table
from training.errors import CommonspaceError, Conflict

if TYPE_CHECKING:
    from recsys.forgetting.receipt import Receipt
    from recsys.forgetting.search import Found
    from recsys.forgetting.subject import Subject
    from recsys.forgetting.verify import Verified

app = typer.Typer(
    name="forget",
    help="Forget people and posts everywhere; tell a person what is stored.",
    no_args_is_help=True,
)

Person = Annotated[str, typer.Argument(metavar="ID", help="Of the person.")]
Post = Annotated[str, typer.Argument(metavar="ID", help="Of the post.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only say where it stands; nothing is changed.")
]
Folders = Annotated[
    list[Path] | None,
    typer.Option(
        "--folder",
        metavar="DIR",
        exists=True,
        file_okay=False,
        help="Also a folder that commands wrote to (--to). Repeatable.",
    ),
]
SHOWN = 200


class Remains(CommonspaceError):
    """Something that was forgotten still stands somewhere."""


@app.command("person")
def forget_person(
    user_id: Person,
    dry_run: DryRun = False,
    folders: Folders = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Forget a person with all that they posted and did.

    Rows, pictures, vectors, caches, prepared data, maps and reports go, with the bytes that
    deletions leave in files. No import, index or training takes them up again. Prints a receipt.
    Cut short, the same command goes on; repeated, it goes over every place again.

    \b
    Examples:
      commonspace forget person alice --dry-run
      commonspace forget person alice --folder build/demo
      commonspace forget person alice --json > receipt.json
    """
    from recsys.forgetting.subject import person

    settings = configuration(config, overrides, workspace)
    _forget(settings, person(user_id), dry_run, folders, as_json)


@app.command("post")
def forget_post(
    post_id: Post,
    dry_run: DryRun = False,
    folders: Folders = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Forget a post with its picture and the reactions to it.

    \b
    Examples:
      commonspace forget post 12345
      commonspace forget post 12345 --dry-run
    """
    from recsys.forgetting.subject import post

    settings = configuration(config, overrides, workspace)
    _forget(settings, post(post_id), dry_run, folders, as_json)


@app.command()
def verify(
    identity: Annotated[str, typer.Argument(metavar="ID", help="Of a person or a post.")],
    folders: Folders = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Search every store and the bytes of every file for an id.

    Files are decoded where their format is known: SQLite with the space of deleted rows, Parquet,
    Arrow, JSON, archives. Exit code 1 if it stands anywhere; someone else's text that has it among
    its words is listed and doesn't count.

    \b
    Examples:
      commonspace forget verify alice
      commonspace forget verify alice --folder build/demo --json
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.forgetting import places_of
        from recsys.forgetting.forget import opened
        from recsys.forgetting.subject import Subject
        from recsys.forgetting.verify import verify

        with opened(places_of(settings, folders or ())) as stores:
            # by whichever kind it was: both are looked for
            done = verify(stores, Subject("person", identity, posts=(identity,)))
        show(_verified(done), text=_found_page(done))
        if not done.clean:
            raise Remains(
                f"{identity} stands in {len(done.found)} places",
                hint="commonspace forget person ID, or post ID; a name of a file is yours to mend",
            )


@app.command("list")
def forgotten_list(
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="Write it there; else print how many."),
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Write the list of the forgotten, as hashes, for a training on another machine.

    Trainings in this workspace have it already. Elsewhere it goes into the workspace as
    forgotten.txt.

    \b
    Examples:
      commonspace forget list --to forgotten.txt
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.forgetting import bring_list
        from training.data.forgotten import FILE, Forgotten

        bring_list(settings)
        listed = Forgotten.read(settings.workspace / FILE)
        if to is not None:
            try:
                listed.write(to)
            except OSError as error:
                raise Conflict(f"{to} can't be written: {error.strerror}") from None
        text = f"{len(listed)} people and posts were forgotten"
        show(
            {"forgotten": len(listed), "file": str(to) if to else None},
            text=f"{to}: {text}" if to else text,
        )


@app.command()
def export(
    user_id: Person,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="A new or empty folder.")],
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Write all that is stored about a person: readable JSON, and their pictures.

    Profile, posts, reactions made and received, what they set and were shown, their vector, and
    the communities that they were found in.

    \b
    Examples:
      commonspace forget export alice --to alice/
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.forgetting import places_of
        from recsys.forgetting.export import export_person

        done = export_person(places_of(settings), user_id, to)
        rows = [(name, count) for name, count in done.counts.items()]
        show(
            {"folder": str(done.folder), "counts": dict(done.counts)},
            text=f"{done.folder}\n\n{table(('what', 'entries'), rows)}",
        )


def _forget(
    settings: Any, subject: "Subject", dry_run: bool, folders: list[Path] | None, as_json: bool
) -> None:
    with results(as_json) as show:
        from infra.forgetting import places_of
        from recsys.forgetting.forget import forget, opened, require_known, survey
        from recsys.forgetting.receipt import path_of
        from recsys.forgetting.verify import verify

        with opened(places_of(settings, folders or ())) as stores:
            if dry_run:
                require_known(stores, subject)
                subject = survey(stores, subject)
                found = verify(stores, subject)
                text = f"{len(subject.posts)} posts would go, and what is found here:\n\n"
                show(_verified(found), text=text + _found_page(found))
                return
            receipt = forget(stores, subject, step=lambda name: note(f"  {name}"))
        path = path_of(settings.workspace, receipt.digest)
        show(receipt.as_dict(), text=_receipt_page(receipt, path))
        if not receipt.complete:
            raise Conflict("not all places could be gone over now", hint="see what is left, above")


def _receipt_page(receipt: "Receipt", path: Path) -> str:
    rows = [
        (place, ", ".join(f"{count} {what}" for what, count in counts.items()) or "nothing there")
        for place, counts in receipt.places.items()
    ]
    lines = [f"Receipt {receipt.digest}, {receipt.at}", "", table(("place", "gone"), rows)]
    if receipt.left:
        lines += ["", "left to do:"]
        for left in receipt.left:
            lines += [f"  {left.what}", f"    until {left.until}"]
    return "\n".join([*lines, "", f"kept in {path}"])


def _verified(done: "Verified") -> dict[str, Any]:
    def plain(hits: "tuple[Found, ...]") -> list[dict[str, str]]:
        return [{"place": hit.place, "what": hit.what} for hit in hits]

    return {
        "clean": done.clean,
        "files": done.files,
        "found": plain(done.found),
        "mentions": plain(done.mentions),
        "note": done.note,
    }


def _found_page(done: "Verified") -> str:
    lines = [f"{done.files} files searched"]
    if done.clean:
        lines.append("it stands nowhere")
    else:
        lines.append(table(("place", "what"), [(h.place, h.what) for h in done.found[:SHOWN]]))
        if len(done.found) > SHOWN:
            lines.append(f"and {len(done.found) - SHOWN} more")
    if done.mentions:
        lines += ["", "in texts of others, who may change them:"]
        lines.append(table(("place", "what"), [(h.place, h.what) for h in done.mentions[:SHOWN]]))
        if len(done.mentions) > SHOWN:
            lines.append(f"and {len(done.mentions) - SHOWN} more")
    return "\n".join([*lines, *([f"\n{done.note}"] if done.note else [])])
