import threading
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.answers import ReasonKind
from recsys.candidates import sources
from recsys.config import RecommendConfig
from recsys.events.boundaries import BoundaryKind
from recsys.events.records import Person, Post, Reaction
from recsys.recommend import Recommender
from recsys.vectors import VectorStore
from recsys.versions import Target
from tests.recsys.world import (
    BEGINNING,
    ProjectionSpace,
    World,
    fill,
    open_events,
    open_store,
    publish,
    small_world,
)
from training.errors import BadConfig, BadData, CommonspaceError, Conflict, NotFound, Unavailable

WORLD = small_world()
SPACE = ProjectionSpace()
SMALL_STEPS = RecommendConfig.parse(
    {"candidates": {"count": 3, "spare": 1}, "diversity": {"near_duplicate": 1}}
)


def index(store: VectorStore, world: World, model: str = "1") -> None:
    """Every post, private ones too, as if the index were behind the database; everyone but zoe."""
    vectors = SPACE.embed_posts(world.features.posts)
    people = {}
    for person in sorted({post.user_id for post in world.posts}):
        mean = vectors[world.features.user_ids == person].mean(0)
        people[person] = mean / np.linalg.norm(mean)
    publish(store, model, dict(zip(world.posts, vectors, strict=True)), people)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("store")) as store:
        index(store, WORLD)
        yield store


@pytest.fixture
def events(tmp_path):
    with open_events(tmp_path) as events:
        fill(events, WORLD)
        yield events


@pytest.fixture
def recommender(store, events):
    return Recommender(store, events)


def test_answers_are_ordered_new_public_and_explained(recommender, events):
    found = recommender.recommend("person0", 12)
    assert len(found) == 12
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    for one in found:
        post = events.posts([one.post_id])[one.post_id]
        assert (one.author, one.title) == (post.user_id, post.title)
        assert not post.private and post.user_id != "person0"
        assert one.post_id not in events.seen_by("person0")
        assert sum(reason.contribution for reason in one.reasons) == pytest.approx(one.score)
        assert set(one.sources) <= set(RecommendConfig().candidates.sources) and one.sources
        assert (one.propensity, one.explored, one.probabilities) == (1, False, {})
    assert not found.fallback and found.model_version == "1"
    assert found == recommender.recommend("person0", 12)


def test_the_score_is_the_mean_of_two_cosines_and_the_reason_names_the_nearest_post(store, events):
    vectors = dict(
        zip(WORLD.features.post_ids, SPACE.embed_posts(WORLD.features.posts), strict=True)
    )
    mine = [p.post_id for p in WORLD.posts if p.user_id == "person0" and not p.private]
    liked = [r.post_id for r in WORLD.reactions if r.user_id == "person0" and r.kind == "like"]
    mean = np.mean([vectors[p.post_id] for p in WORLD.posts if p.user_id == "person0"], axis=0)
    person = mean / np.linalg.norm(mean)
    plain = RecommendConfig.parse(
        {"ranking": {"quality": 0, "neighbours": 0}, "diversity": {"strength": 0}}
    )
    for one in Recommender(store, events, plain).recommend("person0", 12):
        vector = vectors[one.post_id]
        cosines = {post_id: float(vectors[post_id] @ vector) for post_id in mine + liked}
        nearest = max(cosines, key=cosines.__getitem__)
        assert one.score == pytest.approx((cosines[nearest] + float(person @ vector)) / 2, abs=1e-5)
        (reason,) = [reason for reason in one.reasons if reason.kind is ReasonKind.POST]
        assert reason.posts == (nearest,)
        whose = "your post" if nearest in mine else "the post that you liked,"
        title = next(p for p in WORLD.posts if p.post_id == nearest).title
        assert reason.text == f"like {whose} ‘{title}’"


def test_shared_tags_name_the_interest(recommender):
    texts = [
        reason.text
        for one in recommender.recommend("person0", 30)
        for reason in one.reasons
        if reason.kind is ReasonKind.TASTE
    ]
    assert "matches your interest in all" in texts
    assert "matches your interest in all and corner1" in texts  # liked two of theirs


def test_no_author_fills_the_list(recommender):
    authors = [one.author for one in recommender.recommend("person0", 9)]
    assert max(authors.count(author) for author in authors) == 3


history = st.lists(
    st.tuples(
        st.sampled_from([f"person{i}" for i in range(6)] + ["zoe"]),
        st.sampled_from([post.post_id for post in WORLD.posts] + ["gone"]),
        st.sampled_from(["like", "view", "hide", "rate", "dislike"]),
    ),
    max_size=40,
)


ids = st.sets(st.sampled_from([post.post_id for post in WORLD.posts]), max_size=12)
kept_apart = st.lists(
    st.tuples(
        st.sampled_from([f"person{i}" for i in range(6)] + ["zoe"]),
        st.one_of(
            st.tuples(
                st.sampled_from([BoundaryKind.MUTED_AUTHOR, BoundaryKind.BLOCKED]),
                st.sampled_from([f"person{i}" for i in range(6)]),
            ),
            st.tuples(
                st.just(BoundaryKind.MUTED_TAG), st.sampled_from([f"corner{i}" for i in range(6)])
            ),
            st.tuples(
                st.just(BoundaryKind.HIDDEN),
                st.sampled_from([post.post_id for post in WORLD.posts]),
            ),
        ),
    ),
    max_size=5,
)
each_alone = st.sampled_from([*sources, None])


@given(
    history,
    ids,
    ids,
    kept_apart,
    each_alone,
    st.sampled_from(["person0", "person3", "zoe"]),
    st.integers(1, 60),
)
@settings(max_examples=40, deadline=None)
def test_what_breaks_a_rule_is_never_recommended_and_all_else_is(
    tmp_path_factory, store, rows, hidden, deleted, boundaries, alone, user, k
):
    """Own, seen, hidden, muted, deleted, private, blocked either way; whatever source there is.

    The index holds every post throughout, so only the rules can keep one back.
    """
    reactions = [Reaction(*row) for row in rows]
    posts = [
        Post(p.post_id, p.user_id, p.text, p.tags, p.created_at, private=p.post_id in hidden)
        for p in WORLD.posts
        if p.post_id not in deleted
    ]
    config = SMALL_STEPS.model_dump()
    config["exploration"]["share"] = 0.5
    if alone:
        config["candidates"] |= {"sources": [alone], "fallback": [alone]}
    settings = RecommendConfig.parse(config)
    clock = lambda: BEGINNING + timedelta(days=3)  # noqa: E731
    with open_events(tmp_path_factory.mktemp("case")) as events:
        events.add_posts(posts)
        events.add_reactions(reactions)
        events.add_people([Person(user)])
        for person, (kind, target) in boundaries:
            if person != target:
                events.boundaries.put(person, kind, target)
        own = events.boundaries.of(user)
        recommender = Recommender(store, events, settings, clock=clock)
        found = recommender.recommend(user, k)
        known = not found.fallback
        hits = recommender.search(user=user, k=99) if found and user != "zoe" else []
        people = {one.user_id for one in recommender.similar(user, 9)} if hits else set()
    seen = {reaction.post_id for reaction in reactions if reaction.user_id == user}
    public = {post.post_id for post in posts if not post.private}
    allowed = {
        post.post_id
        for post in posts
        if not post.private
        and post.user_id not in own.authors | {user}
        and post.post_id not in seen | own.hidden
        and own.muted_tags.isdisjoint(post.tags)
    }
    answers = [one.post_id for one in found]
    assert set(answers) <= allowed
    assert len(set(answers)) == len(answers)
    if alone in (None, "fresh") or (alone == "taste" and known):  # these know every post
        assert len(answers) == min(k, len(allowed))
    assert {hit.id for hit in hits} <= public
    assert not people & (own.authors | {user})


def test_someone_of_whom_nothing_is_known_gets_the_fallback_and_is_told(recommender, events):
    events.add_people([Person("zoe")])
    found = recommender.recommend("zoe", 5)
    assert len(found) == 5
    assert found.fallback
    assert {name for one in found for name in one.sources} == {"popular", "fresh"}
    assert all("we don't know your taste yet" in one.reasons[0].text for one in found)
    assert found[0].score == 1 and found[0].sources[0] == "popular"
    assert len({one.author for one in found}) > 1
    with pytest.raises(NotFound, match="no place among the others"):
        recommender.similar("zoe")
    with pytest.raises(NotFound, match="no place among the others"):
        recommender.search(user="zoe")


def test_undated_posts_are_a_last_resort(store, tmp_path):
    undated = [replace(post, created_at=None) for post in WORLD.posts]
    with open_events(tmp_path) as events:
        events.add_posts(undated)
        events.add_people([Person("zoe")])
        events.add_reactions([Reaction("person1", f"post/0{n}", "like") for n in (20, 30, 40)])
        plain = RecommendConfig.parse({"diversity": {"strength": 0}})
        recommender = Recommender(store, events, plain)
        popular = recommender.recommend("zoe", 3)
        assert {one.post_id for one in popular} == {"post/020", "post/030", "post/040"}
        more = recommender.recommend("zoe", 8)
        ids = [one.post_id for one in more]
        assert len(ids) == 8 and ids[:3] == [one.post_id for one in popular]
        events.delete_person("person1")
        assert len(recommender.recommend("zoe", 8)) == 8  # nobody likes anything any more


def test_one_reaction_places_a_new_person(recommender, events):
    events.add_reactions([Reaction("zoe", "post/010", "like")])
    found = recommender.recommend("zoe", 6)
    assert found[0].author == "person1"
    assert found[0].reasons[0].kind in (ReasonKind.POST, ReasonKind.TASTE)
    assert "post/010" not in [one.post_id for one in found]
    assert recommender.similar("zoe", 1)[0].user_id == "person1"


def test_a_dislike_says_nothing_about_taste_but_hides_the_post(recommender, events):
    events.add_reactions([Reaction("zoe", "post/010", "dislike")])
    found = recommender.recommend("zoe", 60)
    assert "post/010" not in [one.post_id for one in found]
    assert found.fallback and "taste yet" in found[0].reasons[0].text


def test_people_to_follow_post_in_public_and_are_not_followed_yet(recommender, events):
    events.add_posts([Post("private", "hermit", private=True)])
    events.add_reactions([Reaction("person0", "post/010", "follow")])  # person1's
    found = recommender.to_follow("person0", 9)
    assert {one.user_id for one in found} == {"person2", "person3", "person4", "person5"}
    for one in found:
        assert 1 <= len(one.posts) <= 3
        assert {post.user_id for post in events.posts(one.posts).values()} == {one.user_id}
    by_id = {one.user_id: one for one in recommender.similar("person0", 9)}
    assert "person1" in by_id and by_id["person1"].interest == "corner1 and all"
    events.boundaries.put("person2", BoundaryKind.BLOCKED, "person0")
    assert "person2" not in [one.user_id for one in recommender.to_follow("person0", 9)]
    assert "person2" not in [one.user_id for one in recommender.similar("person0", 9)]


def test_similar_people_come_with_what_binds_them(recommender, events):
    found = recommender.similar("person0", 3)
    assert len(found) == 3 and "person0" not in [one.user_id for one in found]
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    by_id = {one.user_id: one for one in recommender.similar("person0", 5)}
    liked = by_id["person1"].reasons[0]
    assert liked.kind is ReasonKind.PAIR and "you liked their post" in liked.text
    for one in by_id.values():
        for reason in one.reasons:
            assert not any(post.private for post in events.posts(reason.posts).values())
        assert any(reason.text.startswith("you both use all") for reason in one.reasons[1:])


def test_deleted_people_are_not_similar_to_anyone(recommender, events):
    events.delete_person("person1")
    assert "person1" not in [one.user_id for one in recommender.similar("person0", 9)]
    assert len(recommender.similar("person0", 9)) == 4


def test_unknown_people_and_bad_counts_are_refused(recommender):
    for question in (recommender.recommend, recommender.similar):
        with pytest.raises(NotFound, match="did you mean person"):
            question("persn0")
        for k in (0, -1, 1001, 2.5, True, "7"):
            with pytest.raises(BadConfig, match="from 1 to 1000"):
                question("person0", k)
    with pytest.raises(NotFound):
        recommender.search(user="persn0")


def test_search_by_text_image_and_person(store, events):
    """Against every cosine, computed directly."""
    recommender = Recommender(store, events, space=SPACE, model_version="1")
    posts = WORLD.features.posts
    vectors = SPACE.embed_posts(posts)
    text, picture = posts.text[12:13], posts.image[12:13]
    queries = {
        "text": (",".join(map(str, text[0].tolist())), SPACE.embed_texts(text)[0]),
        "image": (picture[0].numpy().tobytes(), SPACE.embed_images(picture)[0]),
        "user": ("person1", store.live().fetch(Target.USERS, ["person1"])["person1"]),
    }
    for name, (query, vector) in queries.items():
        cosines = {
            post.post_id: float(vectors[row] @ vector)
            for row, post in enumerate(WORLD.posts)
            if not post.private
        }
        hits = recommender.search(**{name: query}, k=100)
        assert [hit.id for hit in hits] == sorted(cosines, key=cosines.__getitem__, reverse=True)
        assert [hit.score for hit in hits] == pytest.approx(
            [cosines[hit.id] for hit in hits], abs=1e-5
        )
        assert hits[0].title == events.posts([hits[0].id])[hits[0].id].title
        people = recommender.search(**{name: query}, for_=Target.USERS, k=100)
        assert len(people) == (5 if name == "user" else 6)
    assert recommender.search(user="person1", for_=Target.TEXTS, k=3)[0].author == "person1"


def test_a_search_without_sense_is_refused(store, events):
    recommender = Recommender(store, events, space=SPACE, model_version="1")
    with pytest.raises(BadConfig, match="exactly one"):
        recommender.search()
    with pytest.raises(BadConfig, match="exactly one"):
        recommender.search(text="x", user="person0")
    with pytest.raises(BadData, match="empty"):
        recommender.search(text="  ")
    with pytest.raises(BadData, match="not UTF-8"):
        recommender.search(text="caf\udce9")
    with pytest.raises(Unavailable, match="needs the model"):
        Recommender(store, events).search(text="x")
    with pytest.raises(ValueError, match="model_version"):
        Recommender(store, events, space=SPACE)


def test_a_model_never_asks_the_index_of_another(store, events):
    recommender = Recommender(store, events, space=SPACE, model_version="2")
    with pytest.raises(Conflict, match="index is of model version 1"):
        recommender.search(text="1,2")
    assert recommender.search(user="person0", k=3)  # both sides are in the index


def test_an_index_that_is_not_there_says_what_to_do(tmp_path, events):
    with (
        open_store(tmp_path) as empty,
        pytest.raises(NotFound, match="commonspace index"),
    ):
        Recommender(empty, events).recommend("person0")


def test_recommending_goes_on_while_versions_change(tmp_path, events):
    problems: list[object] = []
    with open_store(tmp_path) as store:
        index(store, WORLD)
        recommender = Recommender(store, events)
        expected = recommender.recommend("person0", 5)
        done = threading.Event()

        def ask() -> None:
            while not done.is_set():
                try:
                    if recommender.recommend("person0", 5).items != expected.items:
                        problems.append("another answer")
                except CommonspaceError as error:
                    problems.append(error)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for model in "23":
            index(store, WORLD, model)
            store.rollback()
        done.set()
        for thread in threads:
            thread.join()
    assert problems == []
