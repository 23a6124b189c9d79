"""Many at once: nothing is counted twice, nothing comes back, and who reads sees one moment."""

import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import func, select

from recsys.events.records import Post, Reaction
from recsys.events.tables import reactions
from recsys.events.transactions import changing, reading


def together(*works) -> list:
    """Run functions in threads that start at one moment; what they return."""
    start = threading.Barrier(len(works))

    def run(work):
        start.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return [one.result() for one in [pool.submit(run, work) for work in works]]


def test_the_same_reactions_sent_by_many_at_once_count_once(events):
    batch = [Reaction(f"u{n % 7}", f"p{n % 5}", "like") for n in range(40)]
    keys = [str(n) for n in range(40)]

    def send(turn: int):
        order = batch[turn:] + batch[:turn], keys[turn:] + keys[:turn]
        return lambda: events.react(*order)

    done = together(*(send(turn) for turn in (0, 11, 23, 37)))
    assert sum(one.recorded for one in done) == 40
    assert all(one.recorded + one.repeated == 40 for one in done)
    assert len(events.reactions_table()) == 40
    assert events.tallies.wrong() == []


def test_people_and_posts_written_in_any_order_make_nobody_wait_for_ever(events):
    posts = [Post(f"p{n:02d}", f"u{n % 9}", "x") for n in range(30)]
    works = [lambda: events.add_posts(posts), lambda: events.add_posts(posts[::-1])] * 2
    assert together(*works) == [30] * 4
    assert len(events.posts([post.post_id for post in posts])) == 30


def test_what_is_deleted_meanwhile_stays_deleted(events):
    for turn in range(6):
        post, user = f"p{turn}", f"u{turn}"
        events.put_post(Post(post, "zoe", "x"))
        events.add_reactions([Reaction(user, "other", "like")])

        def write(post=post, user=user):
            for number in range(5):
                events.react([Reaction(user, post, "like"), Reaction("bob", post, f"k{number}")])

        def erase(post=post, user=user):
            events.delete_post(post)
            events.delete_person(user)

        together(write, write, erase)
        assert post not in events.seen_by("bob")
        assert not events.seen_by(user) and user not in events.people()
    assert events.tallies.wrong() == []


def test_who_reads_sees_one_moment(events):
    query = select(func.count()).select_from(reactions)
    events.add_reactions([Reaction("ann", "p", "like")])
    with reading(events._engine) as connection:
        before = connection.scalar(query)
        events.add_reactions([Reaction("bob", "p", "like")])
        assert connection.scalar(query) == before == 1
    with reading(events._engine) as connection:
        assert connection.scalar(query) == 2


def test_an_error_undoes_all_of_a_change(events):
    try:
        with changing(events._engine) as connection:
            connection.execute(reactions.delete())
            raise RuntimeError("stop")
    except RuntimeError:
        pass
    events.add_reactions([Reaction("ann", "p", "like")])
    assert events.tallies.of(["p"]) == {"p": {"like": 1}}
