import io
import zipfile
import zlib

import anyio
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from serving.security.pictures import PictureCheck, is_polyglot
from serving.security.refusals import BadFields
from tests.serving.local_backend import picture
from training.data.sample import sample_path


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        # A date of its own: with today's, two test processes would see two names of one test.
        file.writestr(zipfile.ZipInfo("a.txt"), "hello")
    return out.getvalue()


def check(images):
    anyio.run(PictureCheck(), images)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_passes(kind):
    check({"image": picture(kind)})


def test_every_bad_picture_is_named_by_its_field():
    with pytest.raises(BadFields) as caught:
        check({"a.0": picture(), "a.1": picture()[:30], "a.2": b"<svg/>", "a.3": picture()})
    assert set(caught.value.fields) == {"a.1", "a.2"}


@pytest.mark.parametrize("size", [(8000, 5001), (40_000_001, 1)])
def test_too_many_pixels_are_refused_by_the_header_alone(size):
    header = bytearray(picture("PNG"))
    header[16:24] = size[0].to_bytes(4, "big") + size[1].to_bytes(4, "big")
    header[29:33] = zlib.crc32(bytes(header[12:29])).to_bytes(4, "big")
    with pytest.raises(BadFields, match="megapixels"):
        check({"image": bytes(header)})


@pytest.mark.parametrize(
    "more",
    [
        b"<script>alert(1)</script>",
        b"<SCRIPT src=x>",
        b"<?php system($_GET[0]);",
        b"<html><body>",
        b"%PDF-1.7",
        archive(),
    ],
    ids=["script", "SCRIPT", "php", "html", "pdf", "zip"],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_that_is_something_else_too_is_refused(kind, more):
    with pytest.raises(BadFields, match="something else"):
        check({"image": picture(kind) + more})


def test_a_script_in_a_comment_is_found_too():
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "<script>alert(1)</script>")
    out = io.BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG", pnginfo=notes)
    assert is_polyglot(out.getvalue())


def test_no_picture_of_the_sample_is_taken_for_one():
    images = pq.read_table(sample_path(), columns=["image"])["image"]
    assert not any(is_polyglot(one.as_py()) for one in images if one.is_valid)


@given(st.binary(max_size=300), st.sampled_from(["PNG", "JPEG", "WEBP", "GIF"]))
@settings(max_examples=60, deadline=None)
def test_whatever_comes_is_taken_or_refused(junk, kind):
    for data in (junk, picture(kind)[: len(junk)] + junk):
        try:
            check({"image": data})
        except BadFields as refused:
            assert refused.fields["image"]


def test_nothing_to_check_is_fine():
    check({})
