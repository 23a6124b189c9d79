"""Migrations: what they make is what this release says, and what was there stays."""

import sqlite3
import subprocess
import sys
import time

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from recsys.config import EventsConfig
from recsys.events import schema
from recsys.events.engine import open_engine
from recsys.events.records import Person, Post, Reaction
from recsys.events.tables import metadata
from tests.recsys.world import BEGINNING, open_events
from training.errors import Conflict

# As the first release made it.
RELEASED = """
CREATE TABLE people (user_id VARCHAR(128) NOT NULL, profile TEXT,
    CONSTRAINT pk_people PRIMARY KEY (user_id));
CREATE TABLE posts (post_id VARCHAR(128) NOT NULL, user_id VARCHAR(128) NOT NULL, text TEXT,
    tags JSON NOT NULL, created_at DATETIME, language VARCHAR(64), private BOOLEAN NOT NULL,
    image_hash VARCHAR(32), CONSTRAINT pk_posts PRIMARY KEY (post_id));
CREATE INDEX ix_posts_image_hash ON posts (image_hash);
CREATE INDEX ix_posts_user_id_private ON posts (user_id, private);
CREATE INDEX ix_posts_created_at ON posts (created_at);
CREATE TABLE reactions ("key" VARCHAR(32) NOT NULL, user_id VARCHAR(128) NOT NULL,
    post_id VARCHAR(128) NOT NULL, kind VARCHAR(64) NOT NULL, value FLOAT, created_at DATETIME,
    CONSTRAINT pk_reactions PRIMARY KEY ("key"));
CREATE INDEX ix_reactions_user_id ON reactions (user_id);
CREATE INDEX ix_reactions_post_id ON reactions (post_id);
CREATE TABLE pictures (image_hash VARCHAR(32) NOT NULL, media_type VARCHAR(32) NOT NULL,
    data BLOB NOT NULL, CONSTRAINT pk_pictures PRIMARY KEY (image_hash));
CREATE TABLE unindexed (post_id VARCHAR(128) NOT NULL, mark VARCHAR(16) NOT NULL,
    CONSTRAINT pk_unindexed PRIMARY KEY (post_id));
CREATE TABLE tombstones (digest VARCHAR(32) NOT NULL, created_at DATETIME NOT NULL,
    CONSTRAINT pk_tombstones PRIMARY KEY (digest));
CREATE TABLE leases (name VARCHAR(64) NOT NULL, owner VARCHAR(256) NOT NULL,
    expires_at DATETIME NOT NULL, CONSTRAINT pk_leases PRIMARY KEY (name));
"""
ROWS = """
INSERT INTO people VALUES ('ann', 'paints');
INSERT INTO posts VALUES ('p', 'ann', 'kept', '["x"]', '2026-01-01 00:00:00.000000', 'en', 0, NULL);
INSERT INTO reactions VALUES ('1', 'bob', 'p', 'like', NULL, '2026-01-01 00:00:00.000000');
INSERT INTO reactions VALUES ('2', 'cid', 'p', 'like', NULL, NULL);
INSERT INTO reactions VALUES ('3', 'cid', 'p', 'rate', 4.5, NULL);
INSERT INTO reactions VALUES ('4', 'cid', 'unknown', 'like', NULL, NULL);
"""


def shape(engine):
    """All that `compare_metadata` doesn't look at: names of keys, and order of indexed columns."""
    found = inspect(engine)
    return {
        table: (
            found.get_pk_constraint(table),
            sorted(
                (str(one["name"]), tuple(one["column_names"])) for one in found.get_indexes(table)
            ),
        )
        for table in metadata.tables
    }


def differences(engine):
    with engine.connect() as connection:
        options = {"compare_type": True, "version_table": schema.VERSION_TABLE}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)


def execute(folder, script: str) -> None:
    connection = sqlite3.connect(folder / "events.db")
    connection.executescript(script)
    connection.close()


def test_migrations_make_the_tables_of_this_release(tmp_path):
    migrated = open_engine(EventsConfig(), tmp_path)
    created = create_engine(f"sqlite:///{tmp_path}/created.db")
    metadata.create_all(created)
    assert differences(migrated) == differences(created) == []
    assert shape(migrated) == shape(created)
    migrated.dispose()
    created.dispose()


def test_the_last_file_is_the_head_of_one_line():
    scripts = ScriptDirectory(str(schema.MIGRATIONS), version_locations=[str(schema.MIGRATIONS)])
    assert scripts.get_heads() == [schema.head()]
    assert scripts.get_bases() == ["r0001"]


@pytest.mark.parametrize(
    "lost",
    ["", "DROP TABLE pictures; DROP TABLE unindexed; DROP INDEX ix_posts_image_hash;"],
    ids=["released", "older"],
)
def test_a_database_from_before_migrations_keeps_everything(tmp_path, lost):
    execute(tmp_path, RELEASED + lost + ROWS)
    with open_events(tmp_path) as events:
        assert events.posts(["p"]) == {"p": Post("p", "ann", "kept", ("x",), BEGINNING, "en")}
        assert events.person("ann") == Person("ann", "paints")
        assert events.reactions_of("bob") == [Reaction("bob", "p", "like", None, BEGINNING)]
        tallies = events.tallies.of(["p", "unknown"])
        assert tallies == {"p": {"like": 2, "rate": 1}, "unknown": {"like": 1}}
        assert events.tallies.wrong() == []
        assert events.put_post(Post("q", "ann", "new", category="news"))
    engine = open_engine(EventsConfig(), tmp_path)
    assert differences(engine) == []
    engine.dispose()


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path):
    # a table of ours that an unknown hand has made already stops the second revision
    execute(tmp_path, RELEASED + ROWS + "CREATE TABLE exposures (mine TEXT);")
    with pytest.raises(Exception, match="exposures"):
        open_events(tmp_path)
    engine = create_engine(f"sqlite:///{tmp_path}/events.db")
    names = inspect(engine).get_table_names()
    assert "tallies" not in names and schema.VERSION_TABLE not in names
    assert "category" not in {column["name"] for column in inspect(engine).get_columns("posts")}
    engine.dispose()


def test_a_newer_database_says_what_to_do(tmp_path):
    open_events(tmp_path).close()
    execute(tmp_path, f"UPDATE {schema.VERSION_TABLE} SET version_num = 'r9999'")
    with pytest.raises(Conflict, match=r"newer release .* 'r9999'") as told:
        open_events(tmp_path)
    assert "install that release" in told.value.hint


def test_several_processes_upgrade_one_old_database_once(tmp_path):
    execute(tmp_path, RELEASED + ROWS)
    program = (
        "import pathlib\n"
        "from recsys.config import EventsConfig\n"
        "from recsys.events.database import Events\n"
        f"with Events(EventsConfig(), pathlib.Path({str(tmp_path)!r})) as events:\n"
        "    assert events.tallies.of(['p']) == {'p': {'like': 2, 'rate': 1}}\n"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in processes:
        _, said = process.communicate()
        assert process.returncode == 0, said


def test_opening_a_database_that_is_up_to_date_runs_no_migration(tmp_path, monkeypatch):
    open_events(tmp_path).close()

    def refuse(connection):
        raise AssertionError("nothing to migrate")

    monkeypatch.setattr(schema, "_migrate", refuse)
    begun = time.perf_counter()
    open_events(tmp_path).close()
    assert time.perf_counter() - begun < 1
