import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.cursors import MOST, next_cursor, page_start
from training.errors import Conflict


@given(st.integers(1, MOST - 1), st.text())
def test_a_cursor_leads_to_where_the_page_ended(given: int, question: str):
    cursor = next_cursor(given, given + 1, question)
    assert cursor is not None
    assert page_start(cursor, question) == given


def test_the_last_page_has_none():
    assert next_cursor(20, 20, "q") is None
    assert next_cursor(MOST, MOST + 1, "q") is None


def test_a_cursor_of_another_question_is_refused():
    cursor = next_cursor(20, 21, "one")
    with pytest.raises(Conflict, match="another question"):
        page_start(cursor, "other")


@given(st.text(max_size=200))
def test_any_text_is_a_cursor_of_ours_or_refused(text: str):
    with pytest.raises(Conflict):
        page_start(text or "-", "question")


@pytest.mark.parametrize("start", [-5, 0, MOST + 1, 1.5, "1", None, True, [1]])
def test_no_page_begins_at_an_impossible_place(start: object):
    good = next_cursor(1, 2, "question")
    assert good is not None
    _, digest = json.loads(base64.urlsafe_b64decode(good + "=" * (-len(good) % 4)))
    forged = base64.urlsafe_b64encode(json.dumps([start, digest]).encode()).decode().rstrip("=")
    with pytest.raises(Conflict):
        page_start(forged, "question")
