import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from training.data.config import ImageLimits
from training.data.images import check_image, decode_image
from training.data.quarantine import BadField, Reason
from training.errors import BadData


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def noise(width: int = 80, height: int = 64) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def reason_of(data: bytes, limits: ImageLimits | None = None) -> str:
    with pytest.raises(BadField) as caught:
        check_image(data, limits or ImageLimits())
    return str(caught.value.reason)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_whole_image_is_good_and_half_of_it_is_truncated(kind: str) -> None:
    data = encoded(noise(), kind)
    check_image(data)
    assert decode_image(data).size == (80, 64)
    assert reason_of(data[: len(data) // 2]) == Reason.IMAGE_TRUNCATED


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("length", [0, 1, 4, 12, 30])
def test_hardly_any_bytes(kind: str, length: int) -> None:
    reason = reason_of(encoded(noise(), kind)[:length])
    assert reason in (Reason.IMAGE_UNREADABLE, Reason.IMAGE_TRUNCATED)


def test_what_is_no_image() -> None:
    assert reason_of(b"") == Reason.IMAGE_UNREADABLE
    assert reason_of(b"hello") == Reason.IMAGE_UNREADABLE
    png = bytearray(encoded(noise()))
    png[len(png) // 2] ^= 0xFF
    assert reason_of(bytes(png)) == Reason.IMAGE_UNREADABLE


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "ICO", "PPM", "PDF"])
def test_formats_go_by_content(kind: str) -> None:
    data = encoded(noise(), kind)
    assert reason_of(data) in (Reason.IMAGE_FORMAT, Reason.IMAGE_UNREADABLE)
    assert reason_of(b"<svg xmlns='http://www.w3.org/2000/svg'/>") == Reason.IMAGE_FORMAT
    assert reason_of(encoded(noise(), "GIF"), ImageLimits(formats=("PNG",))) == Reason.IMAGE_FORMAT


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds hardly anything."""

    def chunk(name: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + checksum

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(100))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [8_000, 12_000, 15_200, 60_000])
def test_bombs_are_refused_by_their_header(side: int) -> None:
    # 15,200 squared is the 231 megapixels of the real one; nothing here could be decoded.
    assert reason_of(png_header(side, side)) == Reason.IMAGE_TOO_LARGE


def test_limits() -> None:
    data = encoded(noise(100, 100))
    assert reason_of(data, ImageLimits(max_megapixels=0.009)) == Reason.IMAGE_TOO_LARGE
    assert reason_of(data, ImageLimits(max_bytes=100)) == Reason.IMAGE_TOO_LARGE
    assert reason_of(encoded(noise(1, 101))) == Reason.IMAGE_SHAPE
    check_image(encoded(noise(1, 100)))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    decoded = decode_image(encoded(Image.new(mode, (4, 3)), kind))
    assert (decoded.mode, decoded.size) == ("RGB", (4, 3))


def test_transparency_is_white_and_deep_grey_is_scaled() -> None:
    assert decode_image(encoded(Image.new("RGBA", (2, 2), (255, 0, 0, 0)))).getpixel((0, 0)) == (
        255,
        255,
        255,
    )
    deep = Image.fromarray(np.full((2, 2), 0x8000, dtype=np.uint16))
    assert decode_image(encoded(deep)).getpixel((0, 0)) == (128, 128, 128)


def test_a_turned_photograph_is_set_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: to be turned by 90 degrees
    assert decode_image(encoded(noise(80, 64), "JPEG", exif=exif)).size == (64, 80)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "notes", [b"", b"garbage!", b"MM\0*\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\0\5\1"]
)
@pytest.mark.filterwarnings("ignore:.*EXIF:UserWarning", "ignore:Truncated:UserWarning")
def test_a_picture_with_broken_exif_is_taken_as_it_is(kind: str, notes: bytes) -> None:
    data = encoded(noise(80, 64), kind, exif=b"Exif\0\0" + notes)
    check_image(data)
    assert decode_image(data).size == (80, 64)


def test_an_animation_is_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert decode_image(data).getpixel((0, 0)) == (255, 0, 0)


def test_decoding_a_bad_image_raises_an_error_for_users() -> None:
    with pytest.raises(BadData, match="truncated image"):
        decode_image(encoded(noise())[:-2000])
