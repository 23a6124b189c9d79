"""From a model and data to a live index: import the events, encode what is new, embed, swap."""

from pathlib import Path
from typing import TYPE_CHECKING

from infra.product import ProductConfig, open_tracking
from training.observer import SILENT, Observer

if TYPE_CHECKING:
    from recsys.index import IndexReport


def index_posts(
    config: ProductConfig, *, model: str | int = "champion", observer: Observer = SILENT
) -> "IndexReport":
    """Bring the configured data into the event database and index all of it with one model.

    Args:
        config: of the product; data and features come from the workspace if they are there.
        model: a registered version or alias.
        observer: sees the progress.
    Raises: NotFound for a model that isn't registered; BadData as `prepare`; as `build_index`.
    """
    from recsys.events.database import Events
    from recsys.events.importing import import_data
    from recsys.index import build_index
    from recsys.vectors import VectorStore
    from training.data.prepare import prepare
    from training.features import compute_features
    from training.tracking.registry import load_space
    from training.tracking.versions import show_model

    tracking = open_tracking(config)
    registered = show_model(tracking, model)
    workspace = Path(config.workspace)
    observer.stage("Reading and checking the posts")
    data = prepare(config.data, config.split, workspace, progress=observer.advance)
    observer.stage(f"Encoding for model version {registered.version}")
    space = load_space(registered.version, tracking)
    features = compute_features(
        data,
        space.image_encoder.config,
        space.text_encoder.config,
        workspace / "features",
        progress=observer.advance,
    )
    observer.stage("Indexing posts and people")
    with (
        Events(config.events, workspace) as events,
        VectorStore(config.index, workspace) as store,
    ):
        import_data(data, events)
        return build_index(
            space,
            features,
            store,
            events,
            str(registered.version),
            history=config.history,
            progress=observer.advance,
        )
