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
    """Bring the configured data into the event database and index all that is in that.

    Posts that came by the API since are encoded and indexed, too.

    Args:
        config: of the product; data and features come from the workspace if they are there.
        model: a registered version or alias.
        observer: sees the progress.
    Raises: NotFound for a model that isn't registered; BadData as `prepare`; as `build_index`.
    """
    from recsys.events.database import Events
    from recsys.events.importing import import_data
    from recsys.index import build_index
    from recsys.later_posts import with_later_posts
    from recsys.vectors import VectorStore
    from training.data.prepare import prepare
    from training.features import compute_features
    from training.space import IMAGE_ENCODER, TEXT_ENCODER, Space
    from training.tracking.registry import space_folder
    from training.tracking.versions import show_model

    tracking = open_tracking(config)
    registered = show_model(tracking, model)
    workspace = Path(config.workspace)
    observer.stage("Reading and checking the posts")
    data = prepare(config.data, config.split, workspace, progress=observer.advance)
    observer.stage(f"Encoding for model version {registered.version}")
    folder = space_folder(registered, tracking)
    space = Space.load(folder)
    features = compute_features(
        data,
        folder / IMAGE_ENCODER,  # the saved ones: they may have been trained
        folder / TEXT_ENCODER,
        workspace / "features",
        progress=observer.advance,
    )
    observer.stage("Indexing posts and people")
    with (
        Events(config.events, workspace) as events,
        VectorStore(config.index, workspace) as store,
    ):
        import_data(data, events)
        features = with_later_posts(space, features, events, progress=observer.advance)
        return build_index(
            space,
            features,
            store,
            events,
            str(registered.version),
            history=config.history,
            progress=observer.advance,
        )
