import threading

import pytest
import uvicorn

from serving.api.application import create_app
from serving.client import Client
from serving.security.config import SecurityConfig
from serving.security.guard import Guard
from serving.security.keys import Scope
from serving.security.refusals import BadFields, TooMany
from serving.wire.embeddings import HistoryPost, UserContent
from serving.wire.search import Filters, QueryPart
from serving.wire.writes import PostWrite, ReactionWrite
from tests.serving.local_backend import picture
from training.errors import Forbidden, Gone, NotFound, Refused, Unavailable


class Serving:
    """An application behind a real server on a free port of the loopback."""

    def __init__(self, app):
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", ws="none")
        self._server = uvicorn.Server(config)
        self._socket = config.bind_socket()
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self):
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            self._thread.join(0.01)
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()


@pytest.fixture(scope="module")
def url(backend):
    with Serving(create_app(backend, Guard(None))) as serving:
        yield serving.url


@pytest.fixture
def client(url):
    with Client(url) as client:
        yield client


def test_embeddings_of_every_kind_are_unit_vectors(client):
    found = [
        client.embed_texts(["a red bird", "a house"]),
        client.embed_images([picture(), picture("WEBP")]),
        client.embed_users(
            [
                UserContent(user_id="person0"),
                UserContent(posts=[HistoryPost(image=picture(), weight=2), HistoryPost(text="x")]),
            ]
        ),
    ]
    for one in found:
        assert len(one.embeddings) == 2 and one.dimension == len(one.embeddings[0])
        for vector in one.embeddings:
            assert sum(x * x for x in vector) == pytest.approx(1, abs=1e-5)


def test_people_and_what_suits_them(client):
    assert client.users("person1").items[0].user_id == "person1"
    found = client.recommendations("person0", limit=3)
    assert [one.score for one in found.items] == sorted(
        (i.score for i in found.items), reverse=True
    )
    authors = {"person2", "person3"}
    filtered = client.recommendations("person0", filters=Filters(authors=sorted(authors)))
    assert {one.post.user_id for one in filtered.items} == authors
    assert client.similar("person0", limit=1).items[0].user_id != "person0"
    assert {post.user_id for post in client.posts_of("person2", limit=3)} == {"person2"}


def test_boundaries_and_people_to_follow(client):
    assert client.put_user("reader/one", "I look at birds.").created
    for kind, target in (("hidden", "post/001"), ("muted_tag", "a/b c?"), ("blocked", "person1")):
        assert client.put_boundary("reader/one", kind, target).changed
        assert not client.put_boundary("reader/one", kind, target).changed
    found = client.boundaries("reader/one")
    assert (found.hidden, found.muted_tags, found.blocked) == (
        ["post/001"],
        ["a/b c?"],
        ["person1"],
    )
    assert client.delete_boundary("reader/one", "muted_tag", "a/b c?").changed
    assert client.boundaries("reader/one").muted_tags == []
    assert "person1" not in {one.user_id for one in client.to_follow("person1", limit=100).items}
    with pytest.raises(BadFields):
        client.put_boundary("reader/one", "muted_author", "a b")
    with pytest.raises(NotFound):
        client.boundaries("nobody")


def test_search_and_related_and_sessions(client):
    assert client.search(QueryPart(text="a red bird"), limit=2).items
    assert client.search(QueryPart(image=picture()), target="images", limit=2).items
    people = client.search(QueryPart(user_id="person0"), target="users", limit=2).items
    assert "person0" not in {one.id for one in people} and people[0].post is None
    assert client.related("post/001", limit=1).items
    liked = ["post/001", "post/002"]
    session = client.session(liked, seen=["post/003"], limit=100)
    assert session.items and not {one.post.post_id for one in session.items} & {*liked, "post/003"}


def test_pages_go_on_where_the_last_one_ended(client):
    pages = list(client.pages(lambda cursor: client.users(limit=2, cursor=cursor)))
    ids = [user.user_id for page in pages for user in page.items]
    assert len(pages) > 1 and len(ids) == len(set(ids))
    assert set(ids) >= {f"person{number}" for number in range(6)}


def test_a_post_is_written_seen_replaced_and_deleted(client):
    post = PostWrite(user_id="writer", text="A bird. It sings.", image=picture(), tags=["bird"])
    for post_id in ("new/one", "ends/like/related", "ends/like/image"):
        assert client.put_post(post_id, post).created
        assert not client.put_post(post_id, post).created
        assert client.post(post_id).title == "A bird"
        shown = client.picture(post_id)
        assert (shown.data, shown.media_type) == (picture(), "image/png") and shown.digest
        assert client.delete_post(post_id).posts == [post_id]
        with pytest.raises(NotFound):
            client.post(post_id)
    with pytest.raises(Gone, match="deleted"):
        client.put_post("new/one", post)


def test_reactions_get_a_key_each_and_count_once(client):
    one = ReactionWrite(user_id="person0", post_id="post/020", kind="like")
    assert client.react(one, one).recorded == 2
    keyed = one.model_copy(update={"key": "just-once"})
    assert client.react(keyed, keyed.model_copy()).recorded >= 1
    assert client.react(keyed).repeated == 1


def test_problems_come_back_as_the_errors_that_they_were(client):
    with pytest.raises(NotFound, match="no person 'persn0'") as caught:
        client.recommendations("persn0")
    assert "person0" in caught.value.hint
    with pytest.raises(BadFields) as caught:
        client.embed_images([picture(), picture()[:40]])
    assert set(caught.value.fields) == {"body.images.1"}
    with pytest.raises(BadFields):
        client.users(limit=1000)
    with pytest.raises(BadFields):
        client.session([])
    assert client.readiness().ready


def test_keys_are_sent_and_their_refusals_told(backend, keys):
    read = keys.create("reader", [Scope.READ])[1]
    with Serving(create_app(backend, Guard(keys))) as serving:
        with Client(serving.url) as client, pytest.raises(Refused, match="API key"):
            client.users()
        with Client(serving.url, key=read) as client:
            assert client.users(limit=1).items
            with pytest.raises(Forbidden, match="may not write"):
                client.delete_post("post/001")


def test_too_many_requests_are_waited_for_until_patience_ends(backend, keys):
    key = keys.create("eager", [Scope.READ])[1]
    guard = Guard(keys, SecurityConfig(rate="2/hour"))
    waits = []
    with (
        Serving(create_app(backend, guard)) as serving,
        Client(serving.url, key=key, sleep=waits.append) as client,
    ):
        client.users()
        client.users()
        with pytest.raises(TooMany) as caught:
            client.users()
    assert not waits, "an hour is beyond its patience"
    assert caught.value.retry_after > 60


def test_a_busy_server_is_asked_again(backend):
    class Busy:
        left = 3

        def __getattr__(self, name):
            return getattr(backend, name)

        async def users(self, *arguments):
            if self.left:
                self.left -= 1
                raise Unavailable("the queue is full")
            return await backend.users(*arguments)

    waits, busy = [], Busy()
    with Serving(create_app(busy, Guard(None))) as serving:
        with Client(serving.url, sleep=waits.append) as client:
            assert client.users(limit=1).items
            assert len(waits) == 3 and all(1 <= wait <= 1.25 for wait in waits)
        busy.left = 10**6
        client = Client(serving.url, sleep=waits.append, patience_s=5)
        with client, pytest.raises(Unavailable):
            client.users()
    assert 3 + 3 <= len(waits) <= 3 + 5


def test_no_server_is_an_error_with_a_hint():
    with Client("http://127.0.0.1:9") as client, pytest.raises(Unavailable) as caught:
        client.users()
    assert "commonspace serve" in caught.value.hint
