"""The recommender: posts for a person, people like a person, and search."""

from typing import TYPE_CHECKING

import numpy as np

from recsys.answers import Hit, Recommendation, SimilarUser
from recsys.candidates.rounds import rounds
from recsys.config import RecommendConfig
from recsys.diversity import diverse
from recsys.events.database import Events
from recsys.neighbours import similar_people
from recsys.profiles import Profile, profile_of
from recsys.ranking import Scored, in_order, rank
from recsys.reasons import why_post
from recsys.rules import allowed
from recsys.searching import search_near
from recsys.vectors import VectorStore
from recsys.versions import Target
from recsys.view import View
from training.errors import BadConfig, BadData, Conflict, NotFound, Unavailable

if TYPE_CHECKING:
    from training.space import Space

K_MOST = 1000


class Recommender:
    """Answers from one version of the index and the event database; threads may share it.

    Args:
        store: the vectors.
        events: the truth about posts, reactions and people.
        config: sources, weights and limits.
        space: the model, to search by text or image; None if that isn't asked for.
        model_version: of `space`, as it was given to `build_index`.
    """

    def __init__(
        self,
        store: VectorStore,
        events: Events,
        config: RecommendConfig | None = None,
        space: "Space | None" = None,
        model_version: str | None = None,
    ) -> None:
        if space is not None and model_version is None:
            raise ValueError("a space needs its model_version, or it could meet another's index")
        self._store = store
        self._events = events
        self._config = config or RecommendConfig()
        self._space = space
        self._model_version = model_version

    def recommend(self, user_id: str, k: int | None = None) -> list[Recommendation]:
        """Posts for a person, best first; fewer than k only if no other may be shown.

        Own, seen, private and deleted posts are never among them.

        Args:
            user_id: a known person; one of whom nothing is known gets the fallback.
            k: 1 to 1000.
        Raises: NotFound for an unknown person, with near ids; BadConfig for a bad k.
        """
        k = self._checked(k)
        person = self._events.person(user_id)
        return self._store.read(lambda view: self._recommend(person.user_id, k, view))

    def _recommend(self, user_id: str, k: int, view: View) -> list[Recommendation]:
        config = self._config
        profile = profile_of(user_id, self._events, view, config)
        ranked: list[Scored] = []
        for candidates in rounds(profile, view, self._events, config):
            posts = self._events.posts([candidate.post_id for candidate in candidates])
            candidates = allowed(candidates, posts, profile)
            vectors = view.fetch(Target.POSTS, [candidate.post_id for candidate in candidates])
            ranked = in_order(ranked + rank(candidates, posts, vectors, profile, config.ranking))
            enough = len(ranked) >= max(k, config.candidates.spare)
            if len(diverse(ranked, k, config.diversity, fill=enough)) == k:
                break
        chosen = diverse(ranked, k, config.diversity, fill=True)
        return [self._answer(scored, profile) for scored in chosen]

    def similar(self, user_id: str, k: int | None = None) -> list[SimilarUser]:
        """People like a person, nearest first.

        Args:
            user_id: a known person.
            k: 1 to 1000.
        Raises: NotFound for an unknown person, with near ids, and for one who has neither posted
            nor reacted; BadConfig for a bad k.
        """
        k = self._checked(k)
        person = self._events.person(user_id)

        def work(view: View) -> list[SimilarUser]:
            profile = self._placed(person.user_id, view)
            return similar_people(profile, view, self._events, k, self._config)

        return self._store.read(work)

    def search(
        self,
        *,
        text: str | None = None,
        image: bytes | None = None,
        user: str | None = None,
        for_: Target = Target.POSTS,
        k: int | None = None,
    ) -> list[Hit]:
        """What is near a text, an encoded picture or a person; exactly one of the three.

        Args:
            text: to look for.
            image: to look for.
            user: to look around.
            for_: what kind of thing to find. A person is not found near themselves.
            k: 1 to 1000.
        Raises: BadConfig for a bad k, or not exactly one query; NotFound for an unknown person;
            BadData for an empty text or unreadable picture; Conflict if the index is of another
            model version.
        """
        k = self._checked(k)
        if sum(query is not None for query in (text, image, user)) != 1:
            raise BadConfig("search by exactly one of text, image and user")
        if user is not None:
            user = self._events.person(user).user_id
        exclude = frozenset({user} if user and for_ is Target.USERS else ())

        def work(view: View) -> list[Hit]:
            asker, query = self._query(text, image, user, view)
            return search_near(query, asker, for_, k, view, self._events, exclude)

        return self._store.read(work)

    def _answer(self, scored: Scored, profile: Profile) -> Recommendation:
        return Recommendation(
            post_id=scored.post.post_id,
            author=scored.post.user_id,
            title=scored.post.title,
            score=scored.score,
            reasons=why_post(scored, profile, self._config.reasons),
            sources=scored.sources,
        )

    def _placed(self, user_id: str, view: View) -> Profile:
        """The profile of a person who has a place on the sphere. Raises: NotFound."""
        profile = profile_of(user_id, self._events, view, self._config)
        if profile.vector is None:
            raise NotFound(
                f"{user_id!r} has no place among the others yet",
                hint="one public post or one reaction of theirs to an indexed post is enough",
            )
        return profile

    def _query(
        self, text: str | None, image: bytes | None, user: str | None, view: View
    ) -> tuple[Target, np.ndarray]:
        """What asks, and its place (D,)."""
        if user is not None:
            vector = self._placed(user, view).vector
            assert vector is not None  # `_placed` saw to it
            return Target.USERS, vector
        space = self._matching_space(view)
        if image is not None:
            return Target.IMAGES, space.encode_image([image])[0]
        if not text or not text.strip():
            raise BadData("the text to search for is empty")
        if any("\ud800" <= character <= "\udfff" for character in text):  # bytes that a shell gave
            raise BadData("the text to search for is not UTF-8")
        return Target.TEXTS, space.encode_text([text])[0]

    def _matching_space(self, view: View) -> "Space":
        if self._space is None:
            raise Unavailable("searching by text or image needs the model, and none is loaded")
        if view.version.model != self._model_version:
            raise Conflict(
                f"the index is of model version {view.version.model}, the model at hand is "
                f"version {self._model_version}",
                hint="run `commonspace index`",
            )
        return self._space

    def _checked(self, k: int | None) -> int:
        if k is None:
            return self._config.k
        if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= K_MOST:
            raise BadConfig(f"k must be a whole number from 1 to {K_MOST}, not {k!r}")
        return k
