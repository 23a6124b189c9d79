"""Rebuilds the sample from Debian's packages of the Open Clip Art Library.

On Debian or Ubuntu, installing nothing (156 MB are fetched into a temporary folder):

    python -m training.data.sample.build --out posts.parquet

or from packages that are unpacked already (`dpkg-deb -x PACKAGE FOLDER`):

    python -m training.data.sample.build --packages FOLDER --out posts.parquet
"""

import argparse
import hashlib
import io
import re
import subprocess
import tempfile
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

PACKAGES = ("openclipart-png", "openclipart-svg")
_SIDE = 224  # pixels
_QUALITY = 80
_MOST_PIXELS = 170_000_000  # ten drawings have nearly that many; decoded, 700 MB for a moment
_LONGEST_TEXT = 400
_MAY_SHARE_A_TEXT = 3
_SAME_AUTHOR_AND_TAGS = 60
_ROWS_A_GROUP = 512

_DC = "{http://purl.org/dc/elements/1.1/}"
_RDF = re.compile(rb"<(?:\w+:)?RDF\b.*?</(?:\w+:)?RDF>", re.DOTALL)
_PREFIX = re.compile(r"^clipart by .*? - ", re.IGNORECASE)
_NOBODY = {"", "none", "unknown"}
_HASH = re.compile(r"\bhash(\(0x[0-9a-f]+\)|$)", re.IGNORECASE)  # a bug of the library's tools

_SCHEMA = pa.schema(
    [
        ("post_id", pa.string()),
        ("user_id", pa.string()),
        ("text", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("category", pa.string()),
        ("image", pa.binary()),
    ]
)


@dataclass(frozen=True)
class Drawing:
    """What the library says of one drawing.

    Attributes:
        name: its path without the ending, such as `animals/birds/parrot_01`.
    """

    name: str
    creator: str
    title: str
    description: str
    tags: tuple[str, ...]

    @property
    def text(self) -> str:
        """What its post says."""
        parts = (self.title, self.description, ", ".join(self.tags))
        return ". ".join(part for part in parts if part)[:_LONGEST_TEXT]

    @property
    def user_id(self) -> str:
        """The creator's name, letter case and accents folded."""
        return re.sub(r"[^a-z0-9]+", "-", _plain(self.creator)).strip("-")

    @property
    def category(self) -> str:
        """The top folder of the library: a label for evaluation."""
        return self.name.split("/")[0]


def read_drawing(svg: Path, name: str) -> Drawing | None:
    """The metadata in an SVG's RDF block; None if there is none, or it is no XML."""
    block = _RDF.search(svg.read_bytes())
    if not block:
        return None
    try:
        rdf = ElementTree.fromstring(block[0])
    except ElementTree.ParseError:
        return None
    subject = rdf.find(f".//{_DC}subject")
    leaves = [] if subject is None else [node for node in subject.iter() if not len(node)]
    return Drawing(
        name=name,
        creator=" ".join(_text(rdf.find(f".//{_DC}creator//{_DC}title")).split()),
        title=" ".join(_text(rdf.find(f"./*/{_DC}title")).split()),
        description=_text(rdf.find(f"./*/{_DC}description")),
        tags=tuple(" ".join(_text(leaf).split()) for leaf in leaves),
    )


def _text(node: ElementTree.Element | None) -> str:
    return "" if node is None else "".join(node.itertext()).strip()


def _plain(text: str) -> str:
    """Lower case without accents."""
    letters = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).lower()


def cleaned(drawing: Drawing) -> Drawing:
    """Without what says who the author is, and without the marks of the library's tools."""
    own = set(_plain(drawing.creator).split())
    title = re.sub(r"[_-]+|\b\d+\b", " ", _PREFIX.sub("", drawing.title).replace("_", " "))
    tags = (_plain(tag) for tag in drawing.tags if not _HASH.fullmatch(tag))
    return replace(
        drawing,
        title=" ".join(word for word in title.split() if _plain(word) not in own),
        description=_HASH.sub("", drawing.description).strip(),
        tags=tuple(tag for tag in tags if not set(tag.split()) <= own),
    )


def words_of_name(drawing: Drawing) -> str:
    """The words of the file's name without digits, and without the author's (they may be cut)."""
    own = re.findall(r"[a-z]+", _plain(drawing.creator))
    words = re.sub(r"[\W\d_]+", " ", drawing.name.rsplit("/", 1)[1]).split()
    return " ".join(word for word in words if not any(name.startswith(word) for name in own))


def thumbnail(png: Path) -> bytes | None:
    """The picture on white, 224 pixels at most, as WebP; None if it is a bomb or broken.

    The library has a real PNG of 231 megapixels.
    """
    try:
        with _opened(png) as image:
            if image.width * image.height > _MOST_PIXELS:
                return None
            picture = image.convert("RGBA")
    except (OSError, SyntaxError, Image.DecompressionBombError):
        return None
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    white = Image.new("RGBA", picture.size, "white")
    encoded = io.BytesIO()
    Image.alpha_composite(white, picture).convert("RGB").save(
        encoded, "WEBP", quality=_QUALITY, method=6
    )
    return encoded.getvalue()


def _opened(png: Path) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit is ours
        return Image.open(png)


def collect(library: Path) -> Iterator[tuple[Drawing, Path]]:
    """Drawings with an author, a text, and a picture that none before them has; by name."""
    seen: set[bytes] = set()
    for svg in sorted((library / "svg").rglob("*.svg")):
        name = svg.relative_to(library / "svg").with_suffix("").as_posix()
        png = library / "png" / f"{name}.png"
        drawing = read_drawing(svg, name)
        if drawing is None or not png.exists():
            continue
        drawing = cleaned(drawing)
        picture = hashlib.blake2b(png.read_bytes(), digest_size=16).digest()
        if drawing.user_id not in _NOBODY and drawing.text and picture not in seen:
            seen.add(picture)
            yield drawing, png


def select(drawings: Iterable[tuple[Drawing, Path]]) -> Iterator[tuple[Drawing, Path, str]]:
    """At most 60 of one author with the same tags, drawn by the hash of their names; with texts.

    Where more than three posts say the same, the words of the file's name come first.
    """
    drawn = sorted(drawings, key=lambda pair: hashlib.blake2b(pair[0].name.encode()).digest())
    says = Counter(drawing.text for drawing, _ in drawn)
    had = Counter[tuple[str, tuple[str, ...]]]()
    for drawing, png in drawn:
        had[drawing.user_id, drawing.tags] += 1
        if had[drawing.user_id, drawing.tags] > _SAME_AUTHOR_AND_TAGS:
            continue
        words = words_of_name(drawing) if says[drawing.text] > _MAY_SHARE_A_TEXT else ""
        yield drawing, png, f"{words}. {drawing.text}" if words else drawing.text


def build(packages: Path, out: Path) -> int:
    """Write the posts of unpacked packages to a Parquet file; returns how many."""
    rows = [
        {
            "post_id": drawing.name,
            "user_id": drawing.user_id,
            "text": text,
            "tags": list(drawing.tags),
            "category": drawing.category,
            "image": image,
        }
        for drawing, png, text in select(collect(packages / "usr/share/openclipart"))
        if (image := thumbnail(png))
    ]
    rows.sort(key=lambda row: row["post_id"])
    pq.write_table(pa.Table.from_pylist(rows, _SCHEMA), out, row_group_size=_ROWS_A_GROUP)
    return len(rows)


def download(folder: Path) -> None:
    """Fetch and unpack both packages with Debian's own tools."""
    subprocess.run(["apt-get", "download", *PACKAGES], cwd=folder, check=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--packages", type=Path, help="folder with the unpacked packages")
    parser.add_argument("--out", type=Path, required=True, help="the Parquet file to write")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.packages is None:
            download(Path(folder))
        count = build(given.packages or Path(folder), given.out)
    print(f"{count} posts in {given.out}")


if __name__ == "__main__":
    main()
