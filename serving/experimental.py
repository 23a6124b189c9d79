"""Who is answered by which settings, and what is to be logged of it."""

from datetime import UTC, datetime
from pathlib import Path

from recsys.config import RecommendConfig
from recsys.events.database import Events
from recsys.events.exposures import Exposure
from recsys.experiments.answer import ExperimentalAnswer
from recsys.experiments.background import ShadowThread
from recsys.experiments.recommender import ExperimentalRecommender
from recsys.filtering import PostFilter
from recsys.reacting import Reacting, load_reacting
from recsys.recommend import Recommender
from recsys.vectors import VectorStore
from recsys.view import View
from serving.settings import ServingSettings
from serving.wire.answers import Recommendations
from training.errors import CommonspaceError
from training.recorder import SILENT, Recorder


class Experimental:
    """Recommends by the variants that a person is in; without experiments, by the settings.

    Args:
        settings: of the service.
        store: the vectors.
        events: the event database.
        recorder: is told of the recommenders' stages.
    """

    def __init__(
        self,
        settings: ServingSettings,
        store: VectorStore,
        events: Events,
        recorder: Recorder = SILENT,
    ) -> None:
        self._settings, self._store, self._events = settings, store, events
        self._recorder = recorder
        self._reacting: dict[Path | None, Reacting | None] = {}
        self.base = self._made(settings.recommend)
        self._recommender = ExperimentalRecommender(
            store, self._by, settings.recommend, settings.experiments, version_of=self._version_of
        )
        beside = settings.serve.log_exposures and any(one.shadow for one in settings.experiments)
        self._shadows = ShadowThread(events.shadows.add) if beside else None

    def recommend(
        self, user_id: str, k: int, where: PostFilter | None, view: View
    ) -> ExperimentalAnswer:
        """Posts for a person; raises as `Recommender.recommend`."""
        return self._recommender.recommend(user_id, k, where=where, view=view)

    def exposures(
        self, answer: ExperimentalAnswer, page: Recommendations, start: int, limit: int
    ) -> tuple[Exposure, ...]:
        """What a page shows of an answer, to be logged once it is out; none if nothing is logged.

        What shadow variants would have shown is computed and logged meanwhile.

        Args:
            answer: the whole of it.
            page: what is shown of it; has a request_id.
            start: places of the answer before the page.
            limit: places on the page at most.
        """
        if not self._settings.serve.log_exposures:
            return ()
        assert page.request_id is not None  # whoever made the page saw to it
        now = datetime.now(UTC)
        if self._shadows is not None:
            self._shadows.submit(answer, start, limit, request_id=page.request_id, now=now)
        shown = {item.post.post_id for item in page.items}
        found = answer.exposures(start, limit, request_id=page.request_id, now=now)
        return tuple(one for one in found if one.post_id in shown)

    def close(self) -> None:
        """Wait a little for shadows that are being computed."""
        if self._shadows is not None:
            self._shadows.close()

    def _by(self, config: RecommendConfig) -> Recommender:
        return self.base if config == self._settings.recommend else self._made(config)

    def _made(self, config: RecommendConfig) -> Recommender:
        if config.reactions not in self._reacting:
            found = load_reacting(config, self._settings.workspace)
            self._reacting[config.reactions] = found
        reacting = self._reacting[config.reactions]
        recorder = self._recorder
        return Recommender(self._store, self._events, config, reacting=reacting, recorder=recorder)

    def _version_of(self, model: str) -> str:
        """A version as it is; an alias by the registry, or as it is if that knows no such one."""
        if model.isdigit():
            return model
        from training.tracking.server import Tracking
        from training.tracking.versions import show_model

        try:
            tracking = Tracking(self._settings.tracking, self._settings.workspace)
            return str(show_model(tracking, model).version)
        except CommonspaceError:  # no index has that name: its people get the settings' answer
            return model
