import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from recsys.events.pictures import BYTES, SIDE, StoredPicture, displayed
from recsys.events.records import Post
from tests.recsys.world import open_events
from training.errors import BadData, NotFound

RED = StoredPicture("image/png", b"red")
HASH, OTHER = "a" * 32, "b" * 32


@pytest.fixture
def events(tmp_path):
    with open_events(tmp_path) as events:
        yield events


def encoded(kind: str, size: tuple[int, int] = (40, 30), **settings) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(file, kind, **settings)
    return file.getvalue()


def test_a_picture_is_shown_with_its_public_post_alone(events):
    events.put_post(Post("p", "ann", image_hash=HASH), RED)
    assert events.picture("p") == RED
    events.put_post(Post("text", "ann", "words"))
    assert events.picture("text") is None
    events.put_post(Post("p", "ann", image_hash=HASH, private=True))
    for post_id in ("p", "absent", "a'b", "\ud800"):
        with pytest.raises(NotFound, match="no post"):
            events.picture(post_id)


def test_a_picture_goes_with_the_last_post_that_shows_it(events):
    events.put_post(Post("p", "ann", image_hash=HASH), RED)
    events.put_post(Post("q", "bob", image_hash=HASH), RED)
    assert events.showing(HASH) == {"p", "q"}
    events.delete_post("p")
    assert events.pictures([HASH]) == {HASH: RED}
    events.delete_person("bob")
    assert events.pictures([HASH]) == {}


def test_a_picture_goes_with_the_writing_that_no_longer_shows_it(events):
    events.put_post(Post("p", "ann", image_hash=HASH), RED)
    blue = StoredPicture("image/webp", b"blue")
    events.put_post(Post("p", "ann", image_hash=OTHER), blue)
    assert events.pictures([HASH, OTHER]) == {OTHER: blue}
    events.put_post(Post("p", "ann", "words"))
    assert events.pictures([HASH, OTHER]) == {}


def test_no_picture_is_stored_that_no_post_shows(events):
    events.add_posts(
        [Post("p", "ann", image_hash=HASH), Post("q", "ann", image_hash=OTHER, private=True)]
    )
    assert events.lacking_pictures([HASH, OTHER, "c" * 32]) == {HASH}
    events.add_pictures({HASH: RED, "c" * 32: RED})
    events.add_pictures({HASH: StoredPicture("image/png", b"another")})  # those there stay
    assert events.pictures([HASH, "c" * 32]) == {HASH: RED}
    assert events.lacking_pictures([HASH, OTHER]) == set()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_small_picture_is_kept_as_it_is(kind):
    data = encoded(kind)
    assert displayed(data) == StoredPicture(f"image/{kind.lower()}", data)


def test_a_large_picture_becomes_a_small_one_of_the_same_shape():
    wide = displayed(encoded("JPEG", (1200, 300)))
    with Image.open(io.BytesIO(wide.data)) as image:
        assert (wide.media_type, image.format, image.size) == ("image/webp", "WEBP", (SIDE, 128))
    heavy = encoded("PNG", (300, 300))
    assert len(heavy) > BYTES
    assert displayed(heavy).media_type == "image/webp"


def test_a_picture_is_turned_upright_and_loses_its_notes():
    notes = Image.Exif()
    notes[0x0112] = 6  # to be turned by a quarter
    notes[0x010E] = "taken at home"
    data = encoded("JPEG", (40, 20), exif=notes)
    shown = displayed(data)
    with Image.open(io.BytesIO(shown.data)) as image:
        assert image.size == (20, 40) and not image.getexif()
    assert b"taken at home" in data and b"taken at home" not in shown.data


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_what_hides_behind_a_picture_is_cut_off(kind):
    shown = displayed(encoded(kind) + b"<script>alert(1)</script>")
    assert b"<script>" not in shown.data
    assert shown.media_type == "image/webp"


@given(st.binary(max_size=300), st.sampled_from(["JPEG", "PNG", "WEBP", "GIF"]), st.integers(0, 80))
@settings(max_examples=60, deadline=None)
def test_no_bytes_are_shown_that_are_no_picture(noise, kind, start):
    data = encoded(kind)
    broken = data[:start] + noise + data[start + len(noise) :]
    try:
        shown = displayed(broken)
    except BadData:
        return
    with Image.open(io.BytesIO(shown.data)) as image:
        image.load()
        assert f"image/{(image.format or '').lower()}" == shown.media_type
        assert max(image.size) <= SIDE
