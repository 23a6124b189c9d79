"""The recommender: posts for a person, people like a person, and search."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from recsys.answers import Hit, Recommendations, SimilarUser
from recsys.candidates.asking import Asking
from recsys.candidates.rounds import rounds
from recsys.config import RecommendConfig
from recsys.diversity import diverse
from recsys.events.database import Events
from recsys.exploration import explore
from recsys.filtering import PostFilter
from recsys.filters import Everything
from recsys.measures import STAGE_SECONDS
from recsys.mixing import QueryVector, mixed
from recsys.neighbours import similar_people
from recsys.profiles import Profile, profile_of, profile_of_session
from recsys.ranking import Ranker, Scored, in_order
from recsys.reacting import Reacting
from recsys.rules import allowed
from recsys.searching import search_near
from recsys.vectors import VectorStore
from recsys.versions import Target
from recsys.view import View
from recsys.wording import worded
from training.errors import BadConfig, BadData, Conflict, NotFound, Unavailable
from training.recorder import SILENT, Recorder

if TYPE_CHECKING:
    from training.space import Space

K_MOST = 1000
_COPIES = 50
_STALE_S = 60.0


def _now() -> datetime:
    return datetime.now(UTC)


def _drawn_for(profile: Profile) -> str:
    """Whose draw of new posts it is: the person's, or that of an anonymous session's likes."""
    return profile.user_id or "\0".join(one.post_id for one in profile.reactions)


class Recommender:
    """Answers from one version of the index and the event database; threads may share it.

    Args:
        store: the vectors.
        events: the truth about posts, reactions and people.
        config: sources, weights and limits.
        space: the model, to search by text or image; None if that isn't asked for.
        model_version: of `space`, as it was given to `build_index`.
        reacting: the model of reactions, if there is one; posts are ranked by likeness else.
        clock: tells the time, with its zone.
        recorder: is told how long each stage of a recommendation takes.
    Raises: BadConfig if `config` values a kind of reaction that `reacting` doesn't know.
    """

    def __init__(
        self,
        store: VectorStore,
        events: Events,
        config: RecommendConfig | None = None,
        space: "Space | None" = None,
        model_version: str | None = None,
        reacting: Reacting | None = None,
        clock: Callable[[], datetime] = _now,
        recorder: Recorder = SILENT,
    ) -> None:
        if space is not None and model_version is None:
            raise ValueError("a space needs its model_version, or it could meet another's index")
        self._store = store
        self._events = events
        self._config = config or RecommendConfig()
        self._space = space
        self._model_version = model_version
        self._reacting = reacting
        self._clock = clock
        self._recorder = recorder
        if reacting is not None:
            reacting.check(self._config.ranking.values)

    def recommend(
        self,
        user_id: str,
        k: int | None = None,
        *,
        where: PostFilter | None = None,
        view: View | None = None,
    ) -> Recommendations:
        """Posts for a person, best first; fewer than k only if no other may be shown.

        Own, seen, hidden, muted, private and deleted posts are never among them, nor posts of
        somebody who is blocked or has blocked the person.

        Args:
            user_id: a known person; one of whom nothing is known gets the fallback.
            k: 1 to 1000.
            where: what else must hold of the posts.
            view: the version to keep to; the live one if None.
        Raises: NotFound for an unknown person, with near ids; BadConfig for a bad k; Vanished if a
            given view was dropped.
        """
        k = self._checked(k)
        person = self._events.person(user_id)

        def work(view: View) -> Recommendations:
            with self._stage("profile"):
                profile = profile_of(person.user_id, self._events, view, self._config)
            return self._recommend(profile, k, view, where)

        return work(view) if view else self._store.read(work)

    def for_session(
        self,
        liked: Sequence[str],
        seen: Sequence[str],
        k: int | None = None,
        *,
        view: View | None = None,
    ) -> Recommendations:
        """Posts for someone without an account, by the posts that they liked.

        Args:
            liked: ids, the latest last; those that aren't there are passed over.
            seen: ids not to recommend, beside those liked.
            k: 1 to 1000.
            view: the version to keep to; the live one if None.
        Raises: NotFound if none of the liked posts is there; BadConfig for a bad k; Vanished.
        """
        k = self._checked(k)

        def work(view: View) -> Recommendations:
            with self._stage("profile"):
                profile = profile_of_session(liked, seen, self._events, view, self._config)
            return self._recommend(profile, k, view, None)

        return work(view) if view else self._store.read(work)

    def _recommend(
        self, profile: Profile, k: int, view: View, where: PostFilter | None
    ) -> Recommendations:
        config, ranked = self._config, list[Scored]()
        asking = self._asking(profile, view, where)
        ranker = Ranker(asking)
        for candidates in rounds(asking, k):
            with self._stage("rules"):
                posts = self._events.outlines([candidate.post_id for candidate in candidates])
                candidates = allowed(candidates, posts, profile)
                if where:
                    candidates = [one for one in candidates if where.passes(posts[one.post_id])]
            vectors = {one.post_id: one.vector for one in candidates if one.vector is not None}
            missing = [one.post_id for one in candidates if one.vector is None]
            with self._stage("vectors"):
                # of the minute: an edit that is newer is at its old place in this one answer
                vectors |= view.recent(Target.POSTS, missing, within_s=_STALE_S)
            with self._stage("ranking"):
                ranked = in_order(ranked + ranker.rank(candidates, posts, vectors))
            enough = len(ranked) >= max(k, config.candidates.spare)
            with self._stage("diversity"):
                full = len(diverse(ranked, k, config.diversity, fill=enough)) == k
            if full:
                break
        with self._stage("diversity"):
            chosen = diverse(ranked, k, config.diversity, fill=True)
        with self._stage("exploration"):
            draw = _drawn_for(profile)
            placed = explore(chosen, ranked, config.exploration, config.diversity, draw, asking.now)
        with self._stage("reasons"):
            items = tuple(worded(placed, asking))
        return Recommendations(
            items=items,
            fallback=not asking.known,
            model_version=view.version.model,
        )

    def _asking(self, profile: Profile, view: View, where: PostFilter | None) -> Asking:
        now, reacting = self._clock(), None
        if self._reacting is not None:
            values = self._config.ranking.values
            reacting = self._reacting.person(profile.reactions, now, values)
        condition = where.filter() if where else Everything()
        return Asking(
            profile, view, self._events, self._config, now, condition, reacting, self._recorder
        )

    def _stage(self, name: str) -> AbstractContextManager[object]:
        return self._recorder.stage(STAGE_SECONDS, stage=name, source="")

    def similar(
        self, user_id: str, k: int | None = None, *, view: View | None = None
    ) -> list[SimilarUser]:
        """People like a person, nearest first.

        Args:
            user_id: a known person.
            k: 1 to 1000.
            view: the version to keep to; the live one if None.
        Raises: NotFound for an unknown person, with near ids, and for one who has neither posted
            nor reacted; BadConfig for a bad k.
        """
        k = self._checked(k)
        person = self._events.person(user_id)

        def work(view: View) -> list[SimilarUser]:
            profile = self._placed(person.user_id, view)
            return similar_people(profile, view, self._events, k, self._config)

        return work(view) if view else self._store.read(work)

    def to_follow(
        self, user_id: str, k: int | None = None, *, view: View | None = None
    ) -> list[SimilarUser]:
        """People like a person who post in public and whom the person doesn't follow yet.

        Args:
            user_id: a known person.
            k: 1 to 1000.
            view: the version to keep to; the live one if None.
        Raises: as `similar`.
        """
        k = self._checked(k)
        person = self._events.person(user_id)

        def work(view: View) -> list[SimilarUser]:
            profile = self._placed(person.user_id, view)
            return similar_people(profile, view, self._events, k, self._config, to_follow=True)

        return work(view) if view else self._store.read(work)

    def related(self, post_id: str, k: int | None = None, *, view: View | None = None) -> list[Hit]:
        """Posts near a post, nearest first, without its near-duplicates.

        Args:
            post_id: of a public post.
            k: 1 to 1000.
            view: the version to keep to; the live one if None.
        Raises: NotFound if there is no such post, or it isn't indexed yet; BadConfig for a bad k;
            Vanished.
        """
        k = self._checked(k)

        def work(view: View) -> list[Hit]:
            place = self.place_of_post(post_id, view)
            copies = self._copies_of(post_id, place, view)
            return self.nearest([place], Target.POSTS, k, exclude=copies | {post_id}, view=view)

        return work(view) if view else self._store.read(work)

    def nearest(
        self,
        parts: Sequence[QueryVector],
        for_: Target,
        k: int | None = None,
        *,
        where: PostFilter | None = None,
        exclude: frozenset[str] = frozenset(),
        view: View,
    ) -> list[Hit]:
        """What is near a mix of texts, pictures, people and posts.

        Args:
            parts: of the mix, embedded by the view's model version.
            for_: what kind of thing to find.
            k: 1 to 1000.
            where: what must hold of posts, images and texts; says nothing about people.
            exclude: ids to leave out.
            view: the version to keep to.
        Raises: Conflict if the parts cancel out; BadConfig for a bad k; Vanished.
        """
        k = self._checked(k)
        query = mixed(parts, for_, view)
        return search_near(query, for_, k, view, self._events, exclude, where)

    def place(self, user_id: str, view: View) -> QueryVector:
        """Where a person is. Raises: NotFound for one unknown or without a place."""
        person = self._events.person(user_id)
        vector = self._placed(person.user_id, view).vector
        assert vector is not None  # `_placed` saw to it
        return QueryVector(Target.USERS, vector)

    def place_of_post(self, post_id: str, view: View) -> QueryVector:
        """Where a public post is. Raises: NotFound if it isn't there, or isn't indexed yet."""
        post = self._events.posts([post_id]).get(post_id)
        if post is None or post.private:
            raise NotFound(f"no post {post_id!r:.140}")
        vector = view.fetch(Target.POSTS, [post_id]).get(post_id)
        if vector is None:
            raise NotFound(
                f"post {post_id!r} has no place among the others yet", hint="try again in a minute"
            )
        return QueryVector(Target.POSTS, vector)

    def _copies_of(self, post_id: str, place: QueryVector, view: View) -> frozenset[str]:
        """Posts that are the same to a person."""
        post = self._events.posts([post_id]).get(post_id)
        same = self._events.showing(post.image_hash) if post and post.image_hash else set[str]()
        (found,) = view.search(Target.POSTS, place.vector[None], _COPIES)
        limit = self._config.diversity.near_duplicate
        return frozenset(near.id for near in found if near.score >= limit) | same

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
            aimed = view.aimed(query[None], asker, for_)[0]
            return search_near(aimed, for_, k, view, self._events, exclude)

        return self._store.read(work)

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
