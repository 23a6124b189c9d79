"""Maps, communities, reports and pictures that were made from a model, and logs."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from recsys.forgetting.keeper import Erased
from recsys.forgetting.keepers.run_folders import learned_from
from recsys.forgetting.keepers.tracker import replaced
from recsys.forgetting.needles import id_needles
from recsys.forgetting.search import Found, files_below, search_file
from recsys.forgetting.subject import Subject
from training.towers import USERS_FILE

_SHOWN = ("examples.png", "map.png", "map.html", "report.html")
"""Pictures and pages with posts and names of people; nothing can be taken out of them."""
_DOCUMENTS = ("communities.json", "map.json", "summary.json")
_ID_FIELDS = ("post_id", "user_id", "author")
_BY_ID = ("recommendations", "similar_users")
"""Fields of a document whose keys are ids of people."""


class DerivedFiles:
    """What commands write about a model: in run folders, in MLflow's artifacts, where they said.

    Documents lose the entries of the subject. Pages and pictures go as a whole where their model
    learned from the subject, since a picture names nobody that a program could read; the command
    that made them makes them again. Words in logs are written over.

    Args:
        workspace: of the product.
        folders: others that commands were told to write to.
    """

    name = "maps, reports and logs"

    def __init__(self, workspace: Path, folders: Sequence[Path] = ()) -> None:
        self._workspace, self._folders = workspace, tuple(folders)

    def erase(self, subject: Subject) -> Erased:
        """Redact documents and logs, and delete pages and pictures."""
        counts = {"pages and pictures": 0, "entries of documents": 0, "logs": 0}
        for path in list(self._files()):
            if path.name in _DOCUMENTS:
                counts["entries of documents"] += _redact_file(path, subject.ids)
            elif path.suffix == ".log":
                counts["logs"] += _redact_log(path, subject.ids)
            elif path.name in _SHOWN and self._shows(path, subject):
                path.unlink(missing_ok=True)
                counts["pages and pictures"] += 1
        return Erased({what: count for what, count in counts.items() if count})

    def holds(self, subject: Subject) -> list[Found]:
        """None: they are files; what pictures show, no search finds."""
        return []

    def _files(self) -> Iterator[Path]:
        for folder in ("runs", "mlartifacts", "benchmark", "milvus"):
            yield from files_below(self._workspace / folder)
        yield from (path for path in self._workspace.glob("*.log") if path.is_file())
        for folder in self._folders:
            yield from files_below(folder)

    def _shows(self, path: Path, subject: Subject) -> bool:
        """Whether a page or picture may show the subject; where its model is unknown, it may."""
        run = self._run_of(path)
        if run is None:
            return True
        lists = [run / "examples" / USERS_FILE, run / "model" / USERS_FILE]
        known = [users for users in lists if users.is_file()]
        if not known or any(learned_from(users, subject) for users in known):
            return True
        return path.suffix == ".html" and bool(search_file(path, id_needles(subject.ids)))

    def _run_of(self, path: Path) -> Path | None:
        """The folder of the run that a file is of, by place or by MLflow's id."""
        runs, artifacts = self._workspace / "runs", self._workspace / "mlartifacts"
        if path.is_relative_to(runs):
            return runs / path.relative_to(runs).parts[0]
        if path.is_relative_to(artifacts):
            parts = path.relative_to(artifacts).parts
            for record in runs.glob("*/mlflow.json"):
                if json.loads(record.read_text(encoding="utf-8")).get("run_id") in parts:
                    return record.parent
        return None


def redacted(document: Any, ids: frozenset[str]) -> tuple[Any, int]:
    """A document without the entries of some ids, and how many went.

    An entry is what stands in a list and is one of the ids, has it first or second (`[kind, id, …]`
    and `[id, title]`), or has it in a field for ids.
    """
    if isinstance(document, dict):
        kept, gone = {}, 0
        for name, value in document.items():
            if name in _BY_ID and isinstance(value, dict):
                gone += sum(key in ids for key in value)
                value = {key: each for key, each in value.items() if key not in ids}
            kept[name], more = redacted(value, ids)
            gone += more
        return kept, gone
    if isinstance(document, list):
        parts = [redacted(each, ids) for each in document if not _is_of(each, ids)]
        gone = sum(more for _, more in parts) + len(document) - len(parts)
        return [part for part, _ in parts], gone
    return document, 0


def _is_of(entry: Any, ids: frozenset[str]) -> bool:
    if isinstance(entry, str):
        return entry in ids
    if isinstance(entry, list):
        return any(isinstance(each, str) and each in ids for each in entry[:2])
    if isinstance(entry, dict):
        named = any(isinstance(entry.get(f), str) and entry[f] in ids for f in _ID_FIELDS)
        return named or (_is_reason(entry) and any(_names(entry["text"], id) for id in ids))
    return False


def _is_reason(entry: dict[str, Any]) -> bool:
    return isinstance(entry.get("text"), str) and not any(name in entry for name in _ID_FIELDS)


def _names(text: str, id: str) -> bool:
    return id in text and replaced(text, id) != text


def _redact_file(path: Path, ids: Sequence[str]) -> int:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
    kept, gone = redacted(document, frozenset(ids))
    if gone:
        draft = path.with_name(f".{path.name}.tmp")
        indent = 1 if path.name != "map.json" else None
        draft.write_text(json.dumps(kept, ensure_ascii=False, indent=indent), encoding="utf-8")
        os.replace(draft, path)
    return gone


def _redact_log(path: Path, ids: Sequence[str]) -> int:
    """In place: a process may have it open. One if anything was written over."""
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    new = text
    for id in ids:
        if id in new:
            new = replaced(new, id)
    if new == text:
        return 0
    path.write_text(new, encoding="utf-8", errors="surrogateescape")
    return 1
