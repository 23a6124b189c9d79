import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from milvus_lite.search.filter.parser import parse_expr
from milvus_lite.search.filter.tokens import TokenKind, tokenize

from recsys.config import IndexConfig
from recsys.events.records import Post
from recsys.filters import (
    Among,
    AtLeast,
    Differs,
    Equal,
    Everything,
    Field,
    HasAny,
    HasNone,
    Without,
    among_ids,
    without_ids,
)
from recsys.milvus import Milvus
from recsys.milvus_server import LocalServer
from recsys.tags import LENGTH, MOST_TAGS, tag_token, tags_text
from recsys.versions import Target
from tests.recsys.world import open_store, publish, unit_rows
from training.errors import BadData

HOSTILE = [
    '" or id != "',
    "' or 1 == 1 --",
    '\\" or id like "%',
    "\\",
    '\\\\"',
    '"] or id not in ["',
    "a\nb",
    "tab\there",
    "{x}",
    "$meta",
    "%",
    "‮\u2028é",
]
any_text = st.text() | st.sampled_from(HOSTILE) | st.text(alphabet="\"'\\[]() ornd=n\n\t")


def test_conditions_read_as_milvus_writes_them():
    assert Everything().render() == ""
    assert Equal(Field.AUTHOR, "ann").render() == 'author == "ann"'
    assert Differs(Field.AUTHOR, "ann").render() == 'author != "ann"'
    assert among_ids(["a", "b"]).render() == 'id in ["a", "b"]'
    assert without_ids({"b", "a"}).render() == 'id not in ["a", "b"]'
    assert AtLeast(Field.CREATED_AT, 7).render() == "created_at >= 7"
    both = Differs(Field.AUTHOR, "ann") & AtLeast(Field.CREATED_AT, 7)
    assert both.render() == '(author != "ann") and (created_at >= 7)'


def test_tags_are_asked_for_by_tokens():
    one, other = tag_token("a"), tag_token('" or 1 == 1')
    asked = HasAny(Field.TAGS, ("a", '" or 1 == 1'))
    assert asked.render() == f'tags like "% {one} %" or tags like "% {other} %"'
    assert HasNone(Field.TAGS, ("a",)).render() == f'not (tags like "% {one} %")'
    assert HasAny(Field.TAGS, ()).render() == "tags in []"
    assert HasNone(Field.TAGS, ()).render() == ""


@given(st.lists(any_text, min_size=1, max_size=5))
def test_of_a_hostile_tag_nothing_reaches_an_expression(tags):
    for where in (HasAny(Field.TAGS, tuple(tags)), HasNone(Field.TAGS, tuple(tags))):
        strings = [one.value for one in tokenize(where.render()) if one.kind is TokenKind.STRING]
        assert strings == [f"% {tag_token(tag)} %" for tag in tags]
        assert all(re.fullmatch("% [0-9a-f]{16} %", one) for one in strings)
        parse_expr(where.render())
        expression, values = where.template()
        assert expression == where.render() and values == {}


@given(st.lists(any_text, max_size=8), any_text)
def test_a_text_of_tags_holds_a_tag_s_token_just_if_the_tag_is_among_them(tags, asked):
    assert (f" {tag_token(asked)} " in tags_text(tags)) == (asked in tags)


def test_the_text_of_very_many_tags_fits_its_field():
    assert len(tags_text(str(number) for number in range(3 * MOST_TAGS))) == LENGTH


def test_a_field_that_rows_lack_is_not_asked():
    where = Equal(Field.AUTHOR, "ann") & (HasAny(Field.TAGS, ("a",)) & AtLeast(Field.CREATED_AT, 7))
    assert where.within({"id", "author"}).render() == 'author == "ann"'
    assert where.within(set(Field)).render() == where.render()


def test_conditions_that_hold_for_all_disappear():
    assert without_ids([]).render() == ""
    assert (Equal(Field.ID, "a") & without_ids([])).render() == 'id == "a"'
    assert (Everything() & Everything()).render() == ""


@given(any_text)
@settings(max_examples=300)
def test_a_hostile_string_stays_one_string(value):
    try:
        rendered = Equal(Field.AUTHOR, value).render()
    except BadData:
        assert any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in value)
        return
    kinds = [token.kind for token in tokenize(rendered)]
    assert kinds == [TokenKind.IDENT, TokenKind.EQ, TokenKind.STRING, TokenKind.EOF]
    assert tokenize(rendered)[2].value == value
    assert json.loads(rendered.removeprefix("author == ")) == value


@given(st.lists(any_text, max_size=5))
def test_a_hostile_list_stays_a_list_of_its_strings(values):
    try:
        rendered = Among(Field.ID, tuple(values)).render()
    except BadData:
        return
    strings = [token.value for token in tokenize(rendered) if token.kind is TokenKind.STRING]
    assert strings == values
    if values:
        parse_expr(rendered)


@pytest.mark.parametrize("value", [True, 1.5, None, b"x", ["a"]])
def test_other_types_never_reach_a_filter(value):
    with pytest.raises(TypeError):
        Equal(Field.ID, value).render()


def test_milvus_finds_exactly_the_hostile_author(tmp_path):
    rows = unit_rows(len(HOSTILE))
    posts = {Post(f"p{i}", name): rows[i] for i, name in enumerate(HOSTILE)}
    with open_store(tmp_path) as store:
        publish(store, "1", posts)
        view = store.live()
        for number, name in enumerate(HOSTILE):
            (found,) = view.search(Target.POSTS, rows[:1], 99, Equal(Field.AUTHOR, name))
            assert [near.id for near in found] == [f"p{number}"]
            (others,) = view.search(Target.POSTS, rows[:1], 99, Differs(Field.AUTHOR, name))
            assert len(others) == len(HOSTILE) - 1
        (rest,) = view.search(Target.POSTS, rows[:1], 99, Without(Field.AUTHOR, tuple(HOSTILE[1:])))
        assert [near.id for near in rest] == ["p0"]
        assert view.search(Target.POSTS, rows[:1], 99, Among(Field.AUTHOR, ())) == [[]]
        assert view.search(Target.POSTS, np.empty((0, 16), np.float32), 3) == []


@given(any_text, st.lists(any_text, min_size=1), st.integers(0, 2**40))
def test_in_a_template_no_value_is_part_of_the_expression(author, languages, since):
    where = (
        Differs(Field.AUTHOR, author)
        & Among(Field.LANGUAGE, tuple(languages))
        & AtLeast(Field.CREATED_AT, since)
    )
    expression, values = where.template()
    assert expression == "((author != {v0}) and (language in {v1})) and (created_at >= {v2})"
    assert values == {"v0": author, "v1": languages, "v2": since}


class Answering:
    """A client of a server that notes how it was asked."""

    def __init__(self, version: str) -> None:
        self.version = version

    def get_server_version(self, **_: object) -> str:
        return self.version


@pytest.mark.parametrize(
    ("version", "asked"),
    [
        ("2.6.1", {"filter": "author == {v0}", "filter_params": {"v0": "a"}}),
        ("milvus-lite-3.2.2", {"filter": 'author == "a"'}),
    ],
)
def test_servers_get_templates_and_lite_gets_quoted_values(tmp_path, monkeypatch, version, asked):
    monkeypatch.setattr(Milvus, "_connect", lambda self: Answering(version))
    milvus = Milvus(IndexConfig(uri="http://127.0.0.1:19530"), tmp_path)
    assert milvus.condition(Equal(Field.AUTHOR, "a")) == asked


def test_the_server_of_lite_says_that_it_is_lite(tmp_path):
    with LocalServer(tmp_path / "vectors.db") as server:
        milvus = Milvus(IndexConfig(uri=server.address.uri), tmp_path)
        assert milvus.condition(Equal(Field.AUTHOR, "a")) == {"filter": 'author == "a"'}
        milvus.close()
