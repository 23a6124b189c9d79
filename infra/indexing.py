"""From a model and data to a live index: import the events, encode what is new, embed, swap."""

from pathlib import Path
from typing import TYPE_CHECKING

from infra.product import ProductConfig, open_tracking
from training.observer import SILENT, Observer

if TYPE_CHECKING:
    import numpy as np

    from recsys.index import IndexReport
    from training.data.clean import CleanData


def index_posts(
    config: ProductConfig,
    *,
    model: str | int = "champion",
    from_database: bool = False,
    resume: bool = True,
    observer: Observer = SILENT,
) -> "IndexReport":
    """Bring the configured data into the event database and index all that is in that.

    Posts that came by the API since are encoded and indexed, too.

    Args:
        config: of the product; data and features come from the workspace if they are there.
        model: a registered version or alias.
        from_database: read no data, and encode what the event database holds, which is enough.
        resume: go on with a build that was cut short.
        observer: sees the progress.
    Raises: NotFound for a model that isn't registered; BadData as `prepare`; as `build_index`.
    """
    import numpy as np

    from recsys.events.database import Events
    from recsys.events.importing import import_data
    from recsys.index import build_index
    from recsys.later_posts import no_posts, with_later_posts
    from recsys.vectors import VectorStore
    from training.data.prepare import prepare
    from training.features import compute_features
    from training.space import IMAGE_ENCODER, TEXT_ENCODER, Space
    from training.tracking.registry import space_folder
    from training.tracking.versions import show_model

    tracking = open_tracking(config)
    registered = show_model(tracking, model)
    workspace = Path(config.workspace)
    data = None
    if not from_database:
        observer.stage("Reading and checking the posts")
        data = prepare(config.data, config.split, workspace, progress=observer.advance)
    observer.stage(f"Encoding for model version {registered.version}")
    folder = space_folder(registered, tracking)
    space = Space.load(folder)
    features, contents = no_posts(space), np.empty(0, np.int64)
    if data is not None:
        features = compute_features(
            data,
            folder / IMAGE_ENCODER,  # the saved ones: they may have been trained
            folder / TEXT_ENCODER,
            workspace / "features",
            progress=observer.advance,
        )
        contents = _contents(data)
    with (
        Events(config.events, workspace) as events,
        VectorStore(config.index, workspace) as store,
    ):
        if data is not None:
            import_data(data, events)
        features, later = with_later_posts(space, features, events, progress=observer.advance)
        encoded = [later[post_id] for post_id in features.post_ids[len(contents) :].tolist()]
        observer.stage("Indexing posts and people")
        return build_index(
            space,
            features,
            store,
            events,
            str(registered.version),
            history=config.history,
            contents=np.concatenate([contents, np.array(encoded, np.int64)]),
            resume=resume,
            progress=observer.advance,
        )


def _contents(data: "CleanData") -> "np.ndarray":
    """(N,) marks of what the features are of; the API may write other contents meanwhile."""
    import numpy as np

    from recsys.marks import content_mark

    marks = np.empty(data.manifest.counts["posts"], np.int64)
    at = 0
    for batch in data.batches("posts", ["text", "image_hash"]):
        contents = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        marks[at : at + len(batch)] = [content_mark(*content) for content in contents]
        at += len(batch)
    return marks
