from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from infra.cli import keys as group
from recsys.config import EventsConfig
from serving.security.keys import KeyStore, split_key
from training.errors import BadConfig, CommonspaceError, Conflict, NotFound

if TYPE_CHECKING:
    from click.testing import Result


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.delenv("COMMONSPACE_EVENTS_URL", raising=False)

    def run(*arguments: str) -> "Result":
        return CliRunner().invoke(group.app, [*arguments, "--workspace", str(tmp_path)])

    return run


@pytest.fixture
def store(tmp_path):
    with KeyStore(EventsConfig(), tmp_path) as store:
        yield store


def made(run, *more: str) -> str:
    result = run("create", "--name", "shop", "--scope", "read", *more)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def test_a_key_is_shown_once_and_kept_as_a_digest(run, store, tmp_path):
    key = made(run)
    key_id, secret = split_key(key)
    assert store.get(key_id).opens(secret, datetime.now(UTC))
    assert secret not in run("list").output + run("list", "--json").output
    for file in tmp_path.iterdir():
        assert secret.encode() not in file.read_bytes()


def test_scopes_and_expiry_are_what_was_asked_for(run, store):
    key_id, _ = split_key(made(run, "--scope", "write", "--expires-days", "30"))
    key = store.get(key_id)
    assert sorted(key.scopes) == ["read", "write"]
    assert key.is_good(datetime.now(UTC) + timedelta(days=29))
    assert not key.is_good(datetime.now(UTC) + timedelta(days=31))


def test_a_rotated_key_has_a_new_secret_and_the_old_one_for_a_while(run, store):
    old = made(run)
    key_id, old_secret = split_key(old)
    result = run("rotate", key_id)
    new_id, new_secret = split_key(result.stdout.strip())
    now = datetime.now(UTC)
    assert new_id == key_id and new_secret != old_secret
    assert store.get(key_id).opens(new_secret, now)
    assert store.get(key_id).opens(old_secret, now)
    assert not store.get(key_id).opens(old_secret, now + timedelta(hours=25))
    run("rotate", key_id, "--grace-hours", "0")
    assert not store.get(key_id).opens(new_secret, datetime.now(UTC))


def test_a_revoked_key_is_listed_as_such_and_can_not_come_back(run, store):
    key_id, secret = split_key(made(run))
    assert "shop is revoked" in run("revoke", key_id).stdout
    assert not store.get(key_id).opens(secret, datetime.now(UTC))
    assert "revoked" in run("list").stdout
    assert isinstance(run("rotate", key_id).exception, Conflict)


def test_without_keys_the_list_says_how_to_make_one(run):
    assert "commonspace keys create" in run("list").stdout
    assert run("list", "--json").stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("create", "--name", "x", "--scope", "everything"), BadConfig),
        (("create", "--name", " ", "--scope", "read"), BadConfig),
        (("create", "--name", "x", "--scope", "read", "--expires-days", "0"), BadConfig),
        (("create", "--name", "x", "--scope", "read", "--expires-days", "1e9"), BadConfig),
        (("create", "--name", "x", "--scope", "read", "--expires-days", "1e30"), BadConfig),
        (("create", "--name", "x", "--scope", "read", "--expires-days", "nan"), BadConfig),
        (("revoke", "nobody"), NotFound),
        (("rotate", "' or 1=1 --"), NotFound),
    ],
)
def test_mistakes_are_told(run, arguments, error):
    result = run(*arguments)
    assert isinstance(result.exception, error)
    assert isinstance(result.exception, CommonspaceError) and result.exception.message


def test_the_group_is_named_keys():
    assert isinstance(group.app, typer.Typer) and group.app.info.name == "keys"
