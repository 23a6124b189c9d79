"""People of whom only a profile is known."""

import numpy as np
import pytest

from recsys.events.records import Person, Post
from recsys.index import build_index
from recsys.later_posts import no_posts, with_later_posts
from recsys.live import put_profile
from recsys.newcomers import place_of_profile, places_of_profiles
from recsys.recommend import Recommender
from recsys.versions import Target
from tests.recsys.encoding import EncodingSpace, picture
from tests.recsys.world import open_events, open_store
from training.errors import NotFound
from training.space import RawPost


@pytest.fixture
def space():
    return EncodingSpace()


@pytest.fixture
def events(tmp_path):
    with open_events(tmp_path) as events:
        events.add_posts([Post(f"p{i}", f"author{i % 3}", f"Post {i}") for i in range(9)])
        yield events


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path) as store:
        yield store


def build(space, events, store):
    table, contents = with_later_posts(space, no_posts(space), events)
    return build_index(space, table, store, events, "1", contents=contents)


def test_a_profile_is_placed_as_a_post_of_theirs_would_be(space):
    shown = picture().data
    for text, image in (("I paint birds", None), (None, shown), ("I paint birds", shown)):
        place = place_of_profile(space, text, image)
        post = space.embed_posts(space.features([RawPost(text, image)]))[0]
        assert place == pytest.approx(post, abs=1e-6)
        assert np.linalg.norm(place) == pytest.approx(1, abs=1e-5)
    assert place_of_profile(space) is None and place_of_profile(space, "") is None


def test_a_model_that_knows_people_by_id_alone_places_no_profile():
    class ByIdAlone(EncodingSpace):
        def embed_users(self, history, user_ids):
            raise NotFound("no embedding")

    assert place_of_profile(ByIdAlone(), "words") is None
    assert places_of_profiles(ByIdAlone(), [RawPost("a"), RawPost("b")]) == [None, None]


def test_a_build_places_people_with_a_profile_alone(space, events, store):
    people = [
        Person("writer", "I paint birds"),
        Person("shower", None, "a" * 32),
        Person("both", "words", "a" * 32),
        Person("unseen", None, "b" * 32),  # whose picture isn't stored
        Person("silent"),
        Person("author0", "I paint birds"),  # known by posts
    ]
    events.add_people(people)
    events.add_pictures({"a" * 32: picture()})
    report = build(space, events, store)
    view = store.live()
    found = view.fetch(Target.USERS, [person.user_id for person in people])
    assert found.keys() == {"writer", "shower", "both", "author0"}
    assert found["writer"] == pytest.approx(place_of_profile(space, "I paint birds"), abs=1e-6)
    assert found["both"] == pytest.approx(
        place_of_profile(space, "words", picture().data), abs=1e-6
    )
    assert not np.allclose(found["author0"], found["writer"])
    assert report.newcomers == 3 and report.unplaced == 2
    picked = Recommender(store, events).recommend("writer", 3)
    assert len(picked) == 3
    assert all("popular" not in one.sources and "fresh" not in one.sources for one in picked)


def test_a_profile_that_is_put_counts_at_once(space, events, store):
    build(space, events, store)
    version = store.live().version
    person = Person("writer", "I paint birds")
    events.add_people([person])
    place = place_of_profile(space, person.profile)
    assert put_profile(events, store, version, person, place)
    found = store.live().fetch(Target.USERS, ["writer"])["writer"]
    assert found == pytest.approx(place, abs=1e-6)
    events.add_people([Person("writer", "I paint cats")])
    assert not put_profile(events, store, version, person, -place)  # it came late
    assert store.live().fetch(Target.USERS, ["writer"])["writer"] == pytest.approx(place, abs=1e-6)


def test_a_profile_covers_no_history_and_no_deletion(space, events, store):
    build(space, events, store)
    version, place = store.live().version, place_of_profile(space, "words")
    before = store.live().fetch(Target.USERS, ["author0"])["author0"]
    for user in ("author0", "gone"):
        events.add_people([Person(user, "words")])
    events.delete_person("gone")
    for user in ("author0", "gone"):
        assert not put_profile(events, store, version, Person(user, "words"), place)
    found = store.live().fetch(Target.USERS, ["author0", "gone"])
    assert found.keys() == {"author0"} and found["author0"] == pytest.approx(before)
