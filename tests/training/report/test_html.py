import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.report.reading import read
from training.report.html import Markup, escape, join, tag, written

anything = st.text(st.characters(exclude_categories=[])).map(lambda text: text + "<b>&\"'")


@given(anything, anything)
def test_text_stays_text_in_elements_and_attributes(inside, around):
    page = tag("p", inside, title=around)
    page.encode("utf-8")
    seen = read(page)
    assert [name for name, _ in seen.elements] == ["p"]
    assert list(seen.elements[0][1]) == ["title"]
    for kept, given_text in ((seen.text, inside), (seen.elements[0][1]["title"], around)):
        assert kept is not None
        printable = [c for c in given_text if c.isprintable() and c != "\ufffd"]
        assert [c for c in kept if c.isprintable() and c != "\ufffd"] == printable


def test_markup_is_nested_and_not_escaped_twice():
    assert tag("p", "a<b", tag("b", "&"), None) == "<p>a&lt;b<b>&amp;</b></p>"
    assert escape(escape("<")) == "&lt;"
    assert join(["<", Markup("<br>")]) == "&lt;<br>"
    assert tag("img", src="x", alt="") == '<img src="x" alt="">'
    assert tag("td", "1", class_="a", aria_label=None) == '<td class="a">1</td>'
    assert written("\u202e<") == "<bdi>\u202e&lt;</bdi>"


def test_joining_markup_with_text_forgets_that_it_was_safe():
    assert not isinstance(Markup("<b>") + "<i>", Markup)


@pytest.mark.parametrize("name", ["a b", "p>", "", "P"])
def test_names_are_no_data(name):
    with pytest.raises(ValueError, match="no name"):
        tag(name)
    with pytest.raises(ValueError, match="no name"):
        tag("p", **{name: "x"})
