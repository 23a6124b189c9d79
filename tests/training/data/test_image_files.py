import os
from pathlib import Path

import pytest

from training.data.config import ImageLimits
from training.data.image_files import ImageFolder
from training.data.quarantine import BadField, Reason


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_bytes(b"secret")
    images = tmp_path / "images"
    (images / "sub").mkdir(parents=True)
    (images / "sub" / "a b.png").write_bytes(b"picture")
    (images / "in.png").symlink_to(images / "sub" / "a b.png")
    (images / "out.png").symlink_to(tmp_path / "secret")
    (images / "up").symlink_to(tmp_path)
    os.mkfifo(images / "pipe.png")
    (tmp_path / "images-of-others").mkdir()
    (tmp_path / "images-of-others" / "x.png").write_bytes(b"theirs")
    return images


def reason_of(folder: ImageFolder, path: str) -> str:
    with pytest.raises(BadField) as caught:
        folder.read(path)
    return str(caught.value.reason)


def test_paths_inside(folder: Path) -> None:
    for place in (str(folder), f"{folder}/", folder.as_uri()):
        images = ImageFolder(place, ImageLimits())
        for path in ("sub/a b.png", "./sub/a b.png", "in.png", f"{folder}/in.png"):
            assert images.read(path) == b"picture"
    assert ImageFolder(folder.as_uri(), ImageLimits()).read(f"{folder.as_uri()}/in.png")


@pytest.mark.parametrize(
    "path",
    [
        "../secret",
        "sub/../../secret",
        "out.png",
        "up/secret",
        "/etc/hostname",
        "{}/../secret",
        "{}-of-others/x.png",
        "file:///etc/hostname",
        "s3://bucket/x.png",
        "sub/..",
        "..",
    ],
)
def test_paths_that_lead_out(folder: Path, path: str) -> None:
    images = ImageFolder(str(folder), ImageLimits())
    assert reason_of(images, path.format(folder)) == Reason.IMAGE_OUTSIDE


@pytest.mark.parametrize(
    "path", ["http://127.0.0.1/x.png", "HTTPS://example.org/x", "data:image/png;base64,AA"]
)
def test_urls_are_not_fetched(folder: Path, path: str) -> None:
    assert reason_of(ImageFolder(str(folder), ImageLimits()), path) == Reason.IMAGE_URL


@pytest.mark.parametrize(
    "path", ["none.png", "sub", "pipe.png", "a\0.png", "x" * 5000, ".", "data", "http", "\udcff"]
)
def test_what_is_no_file(folder: Path, path: str) -> None:
    assert reason_of(ImageFolder(str(folder), ImageLimits()), path) == Reason.IMAGE_NOT_FOUND


def test_a_large_file_is_not_read(folder: Path) -> None:
    images = ImageFolder(str(folder), ImageLimits(max_bytes=3))
    assert reason_of(images, "in.png") == Reason.IMAGE_TOO_LARGE


def test_other_filesystems(folder: Path, tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.writestr("deep/images/a.png", b"zipped")
        archive.writestr("deep/secret", b"secret")
    images = ImageFolder(f"zip://deep/images::{tmp_path}/images.zip", ImageLimits())
    assert images.read("a.png") == b"zipped"
    assert reason_of(images, "../secret") == Reason.IMAGE_OUTSIDE
    assert reason_of(images, "b.png") == Reason.IMAGE_NOT_FOUND
