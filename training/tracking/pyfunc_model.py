"""The model as MLflow's pyfunc: rows of a table in, embeddings out.

Travels with the model (see `artifact.py`), so it imports nothing of ours but what a `Space` needs.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel

from training.errors import BadData

if TYPE_CHECKING:
    from training.space import RawPost, Space

MODALITIES = ("post", "text", "image", "user")
COLUMNS = ("text", "image", "user_id", "weight")


class SpaceModel(PythonModel):
    """`mlflow.pyfunc.load_model("models:/commonspace@champion")` gives one of these, wrapped.

    Example:
        >>> model.predict(pd.DataFrame({"text": ["a red bird"]}), params={"modality": "text"})
    """

    def load_context(self, context: Any) -> None:
        """Load the space; `model_config={"device": "cuda"}` puts it on a GPU."""
        from training.space import Space

        device = (context.model_config or {}).get("device", "cpu")
        self._space = Space.load(Path(context.artifacts["space"]), device=device)

    def predict(  # pyright: ignore[reportIncompatibleMethodOverride]  (the base returns None)
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> np.ndarray:
        """Embed N rows; see `encode_rows`."""
        return encode_rows(self._space, model_input, (params or {}).get("modality", "post"))


def encode_rows(space: "Space", rows: pd.DataFrame, modality: str = "post") -> np.ndarray:
    """Embeddings of N rows: (N, D) float32 unit rows, in the order of the rows.

    Args:
        space: the model.
        rows: any of the columns `text` (str), `image` (encoded picture, bytes; base64 in a JSON
            request), `user_id` (str) and `weight` (float, 1 if absent). None, NaN and "" mean
            absent.
        modality: what a row is.
            "post": its text and image together, either may be absent.
            "text", "image": that column alone.
            "user": a post in somebody's history. Rows of one `user_id` are one person and all get
            that person's embedding; a row without `user_id` is a person of its own, and a row with
            nothing but a `user_id` stands for a person the model knows. A history must come in one
            call: what splits a table into batches must not split a person.

    Raises: BadData naming the row (from 0) and what it lacks.
    """
    if modality not in MODALITIES:
        raise BadData(
            f"params: modality is {modality!r}", hint=f"it must be one of {', '.join(MODALITIES)}"
        )
    hint = f"a row may hold {', '.join(COLUMNS)}"
    unknown = [str(name) for name in rows.columns if name not in COLUMNS]
    if unknown:
        raise BadData(f"no such column: {', '.join(unknown)}", hint=hint)
    if not len(rows.columns):  # MLflow drops what its signature does not name, down to nothing
        raise BadData("the rows have none of the model's columns", hint=hint)
    texts, images = _column(rows, "text", str), _column(rows, "image", bytes)
    if not len(rows):
        return np.zeros((0, space.dimension), np.float32)
    if modality == "text":
        return space.encode_text(_all_present(texts, "text"))
    if modality == "image":
        return space.encode_image(_all_present(images, "image"))
    if modality == "post":
        return space.encode_post(_posts(rows, texts, images))
    return _people(space, rows, texts, images)


def _posts(rows: pd.DataFrame, texts: list[Any], images: list[Any]) -> "list[RawPost]":
    from training.space import RawPost

    bare = [row for row in range(len(rows)) if texts[row] is None and images[row] is None]
    if bare:
        raise BadData(f"row {bare[0]} has neither text nor image")
    return [RawPost(text, image) for text, image in zip(texts, images, strict=True)]


def _people(space: "Space", rows: pd.DataFrame, texts: list[Any], images: list[Any]) -> np.ndarray:
    """Each person is encoded once, then handed to all of their rows."""
    from training.space import RawPost

    ids, weights = _column(rows, "user_id", str), _weights(rows)
    person_of: dict[str | int, int] = {}
    histories: list[list[RawPost]] = []
    owner = []
    for row, user in enumerate(ids):
        person = person_of.setdefault(row if user is None else user, len(histories))
        if person == len(histories):
            histories.append([])
        if texts[row] is not None or images[row] is not None:
            histories[person].append(RawPost(texts[row], images[row], weights[row]))
        owner.append(person)
    known = set(space.users)
    users = [key if isinstance(key, str) else None for key in person_of]
    for row, person in enumerate(owner):
        if not histories[person] and users[person] not in known:
            raise BadData(
                f"row {row}: no text or image, and the model does not know the person "
                f"{users[person]!r}",
                hint="give at least one post or reaction of theirs",
            )
    return space.encode_user(histories, users)[np.array(owner)]


def _column(rows: pd.DataFrame, name: str, kind: type) -> list[Any]:
    """Values of a column, None where absent."""
    if name not in rows.columns:
        return [None] * len(rows)
    values = []
    for row, value in enumerate(rows[name]):
        if isinstance(value, bytearray | memoryview):
            value = bytes(value)
        if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
            value = None
        elif not isinstance(value, kind):
            raise BadData(f"row {row}: {name} is {type(value).__name__}, not {kind.__name__}")
        values.append(value or None)
    return values


def _weights(rows: pd.DataFrame) -> list[float]:
    if "weight" not in rows.columns:
        return [1.0] * len(rows)
    weights = []
    for row, value in enumerate(rows["weight"]):
        weight = 1.0 if value is None or value is pd.NA or value != value else value
        if isinstance(weight, str) or not 0 <= weight < np.inf:
            raise BadData(f"row {row}: weight is {value!r}, not a number of 0 or more")
        weights.append(float(weight))
    return weights


def _all_present(values: list[Any], name: str) -> Sequence[Any]:
    for row, value in enumerate(values):
        if value is None:
            raise BadData(f"row {row} has no {name}")
    return values
