"""Decoding images that strangers made: header first, known formats, no bombs, all of it."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageOps

from training.data.config import ImageLimits
from training.data.quarantine import BadField, Reason
from training.errors import BadData

_WHITE = (255, 255, 255, 255)
_DEFAULT = ImageLimits()


def decode_image(data: bytes, limits: ImageLimits = _DEFAULT) -> Image.Image:
    """The image as RGB, upright (EXIF), transparency on white; the first frame of an animation.

    Raises: BadData naming what is wrong with it.
    """
    try:
        with _opened(data, limits) as image:
            return _to_rgb(image)
    except BadField as bad:
        raise BadData(f"{bad.reason}: {bad.detail}" if bad.detail else str(bad.reason)) from None


def check_image(data: bytes, limits: ImageLimits = _DEFAULT) -> None:
    """Decode every pixel once and keep none. Raises: BadField, without the bytes."""
    with _opened(data, limits):
        pass


@contextmanager
def _opened(data: bytes, limits: ImageLimits) -> Iterator[Image.Image]:
    """A fully loaded image. Raises: BadField."""
    if len(data) > limits.max_bytes:
        detail = f"{len(data)} bytes, at most {limits.max_bytes}"
        raise BadField(Reason.IMAGE_TOO_LARGE, detail)
    with _open(data, limits) as image:
        _check_size(image.size, limits)
        try:
            image.load()
        except Exception as error:  # as in `_open`
            raise _broken(data, error) from None
        yield image


def _open(data: bytes, limits: ImageLimits) -> Image.Image:
    """Parse the header only. Pillow tells formats by content, and tries the allowed ones alone."""
    try:
        return Image.open(io.BytesIO(data), formats=limits.formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadField(Reason.IMAGE_TOO_LARGE, str(error)) from None
    except Image.UnidentifiedImageError:
        raise BadField(*_unidentified(data, limits)) from None
    except Exception as error:  # decoders raise what they like on hostile input, KeyError included
        raise _broken(data, error) from None


_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"%PDF", "PDF"),
    (b"%!PS", "EPS"),
    (b"<svg", "SVG"),
    (b"<?xml", "SVG or XML"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"\x00\x00\x00\x0cjP", "JPEG2000"),
)


def _unidentified(data: bytes, limits: ImageLimits) -> tuple[Reason, str]:
    """Whether bytes that no allowed decoder takes are another format, or a broken one of ours."""
    name = next((name for start, name in _SIGNATURES if data.startswith(start)), None)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        name = "WEBP"
    elif data[4:8] == b"ftyp":
        name = "AVIF or HEIF"
    if name is None:
        return Reason.IMAGE_UNREADABLE, "not an image" if data else "no bytes"
    if name in limits.formats:
        return Reason.IMAGE_UNREADABLE, f"{name} with a broken header"
    return Reason.IMAGE_FORMAT, f"{name}; allowed: {', '.join(limits.formats)}"


def _check_size(size: tuple[int, int], limits: ImageLimits) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise BadField(Reason.IMAGE_UNREADABLE, f"{width} x {height} pixels")
    megapixels = width * height / 1e6
    if megapixels > limits.max_megapixels:
        detail = f"{megapixels:.1f} megapixels, at most {limits.max_megapixels:g}"
        raise BadField(Reason.IMAGE_TOO_LARGE, detail)
    if max(size) > limits.max_aspect * min(size):
        raise BadField(Reason.IMAGE_SHAPE, f"{width} x {height} pixels")


def _broken(data: bytes, error: Exception) -> BadField:
    text = f"{type(error).__name__}: {error}"[:200]
    cut = "truncated" in text.lower() or isinstance(error, EOFError) or _is_cut_webp(data)
    return BadField(Reason.IMAGE_TRUNCATED if cut else Reason.IMAGE_UNREADABLE, text)


def _is_cut_webp(data: bytes) -> bool:
    """Whether a RIFF container announces more bytes than came; its decoder doesn't say."""
    return data[:4] == b"RIFF" and int.from_bytes(data[4:8], "little") + 8 > len(data)


def _to_rgb(image: Image.Image) -> Image.Image:
    image = _upright(image)
    if image.mode.startswith("I"):  # 16-bit grey; convert() would clip it to white
        image = image.point(lambda value: value / 256).convert("L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, _WHITE), image)
    return image.convert("RGB")


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its EXIF says. What is wrong with those notes is no fault of the picture."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # Pillow raises SyntaxError, struct.error and more for a broken block
        return image
