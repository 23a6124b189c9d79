from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.config import EventsConfig
from serving.security.keys import NOBODY, KeyStore, Scope, split_key
from tests.recsys.world import fill, open_events, small_world
from training.errors import BadConfig, NotFound

NOW = datetime.now(UTC)


def test_a_key_opens_by_its_secret_alone(keys):
    key, sent = keys.create("a", [Scope.READ])
    _, sent_by_other = keys.create("b", [Scope.READ])
    key_id, secret = split_key(sent)
    assert key_id == key.key_id and sent == f"cs_{key_id}_{secret}" and len(secret) == 43
    assert key.opens(secret, NOW)
    assert not key.opens(split_key(sent_by_other)[1], NOW)
    assert not key.opens("", NOW) and not NOBODY.opens(secret, NOW) and not NOBODY.opens("", NOW)


def test_keys_are_read_again_by_another_process_beside_events(tmp_path, keys):
    _, sent = keys.create("a", [Scope.ADMIN, Scope.READ])
    with open_events(tmp_path) as events, KeyStore(EventsConfig(), tmp_path) as again:
        fill(events, small_world())
        (found,) = again.list()
        assert found.opens(split_key(sent)[1], NOW) and found.scopes == {Scope.ADMIN, Scope.READ}
        again.revoke(found.key_id)
    assert keys.get(found.key_id).revoked_at is not None


def test_revoking_twice_keeps_the_first_time(keys):
    key, _ = keys.create("a", [Scope.READ])
    assert keys.revoke(key.key_id).revoked_at == keys.revoke(key.key_id).revoked_at


def test_two_rotations_leave_two_secrets(keys):
    key, first = keys.create("a", [Scope.READ])
    _, second = keys.rotate(key.key_id)
    now, third = keys.rotate(key.key_id, grace=timedelta(minutes=5))
    assert [now.opens(split_key(one)[1], NOW) for one in (first, second, third)] == [
        False,
        True,
        True,
    ]
    later = datetime.now(UTC) + timedelta(minutes=6)
    assert [now.opens(split_key(one)[1], later) for one in (second, third)] == [False, True]


def test_a_grace_period_without_an_end_is_refused(keys):
    key, secret = keys.create("a", [Scope.READ])
    with pytest.raises(BadConfig, match="year 9999"):
        keys.rotate(key.key_id, grace=timedelta(days=10**8))
    assert keys.get(key.key_id).opens(split_key(secret)[1], NOW)


def test_an_expired_key_stays_shut_in_its_grace_period(keys):
    key, first = keys.create("a", [Scope.READ], lifetime=timedelta(hours=1))
    rotated, second = keys.rotate(key.key_id, grace=timedelta(days=9))
    later = datetime.now(UTC) + timedelta(hours=2)
    assert not rotated.opens(split_key(first)[1], later)
    assert not rotated.opens(split_key(second)[1], later)


@given(st.text(max_size=80) | st.from_regex(r"cs_[a-z0-9]{11,13}_[A-Za-z0-9_-]{42,44}"))
def test_what_is_no_key_has_no_id(text):
    key_id, secret = split_key(text)
    assert (key_id, secret) == ("", "") or text == f"cs_{key_id}_{secret}"


def test_an_unknown_key_is_not_found(keys):
    assert keys.find("' or 1=1 --") is None
    with pytest.raises(NotFound):
        keys.get("nobody")
