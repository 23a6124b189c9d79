from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from training.data.images import check_image
from training.data.sample.build import Drawing, build, cleaned, read_drawing, words_of_name
from training.data.tables import FIELDS

SVG = """<svg xmlns="http://www.w3.org/2000/svg"><metadata>
<rdf:RDF xmlns:cc="http://web.resource.org/cc/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><cc:Work rdf:about="">
<dc:title>{title}</dc:title><dc:description>{description}</dc:description>
<dc:subject><rdf:Bag>{tags}</rdf:Bag></dc:subject>
<dc:publisher><cc:Agent><dc:title>Publisher</dc:title></cc:Agent></dc:publisher>
<dc:creator><cc:Agent><dc:title>{creator}</dc:title></cc:Agent></dc:creator>
</cc:Work></rdf:RDF></metadata><path d="M 0 0"/></svg>"""


def draw(
    folder: Path,
    name: str,
    title: str = "",
    creator: str = "Ann Bee",
    tags: tuple[str, ...] = (),
    colour: str | None = None,
) -> None:
    library = folder / "usr/share/openclipart"
    svg = library / "svg" / f"{name}.svg"
    svg.parent.mkdir(parents=True, exist_ok=True)
    items = "".join(f"<rdf:li>{tag}</rdf:li>" for tag in tags)
    svg.write_text(SVG.format(title=title, description="", tags=items, creator=creator))
    png = library / "png" / f"{name}.png"
    png.parent.mkdir(parents=True, exist_ok=True)
    size = (300 + len(list(png.parent.iterdir())), 400)
    Image.new("RGBA", (10, 10) if colour else size, colour or "#ff000080").save(png)


def test_metadata_and_cleaning(tmp_path: Path) -> None:
    draw(
        tmp_path,
        "animals/birds/red_bird_ann_b_02",
        title="Clipart by Ann Bee - red_bird 2 ann",
        tags=("hash", "HASH(0x86524c0)", "", "ann bee", "Gijón", "bird"),
    )
    svg = tmp_path / "usr/share/openclipart/svg/animals/birds/red_bird_ann_b_02.svg"
    drawing = read_drawing(svg, "animals/birds/red_bird_ann_b_02")
    assert drawing is not None and drawing.creator == "Ann Bee"
    good = cleaned(drawing)
    assert (good.title, good.tags) == ("red bird", ("gijon", "bird"))
    assert good.text == "red bird. gijon, bird"
    assert (good.user_id, good.category) == ("ann-bee", "animals")
    assert words_of_name(good) == "red bird"


@pytest.mark.parametrize("content", ["<svg/>", "<rdf:RDF><open></rdf:RDF>", ""])
def test_what_has_no_metadata(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.svg").write_text(content)
    assert read_drawing(tmp_path / "a.svg", "a") is None


def test_long_texts_are_cut() -> None:
    assert len(Drawing("a/b", "c", "t" * 300, "d" * 300, ()).text) == 400


def test_a_set_is_built(tmp_path: Path) -> None:
    for number in range(70):
        draw(tmp_path, f"shapes/star_{number:02}", title="Star", tags=("star",))
    draw(tmp_path, "food/apple", title="Apple", creator="Zoë", colour="red")
    draw(tmp_path, "food/apple_again", title="Apple", creator="Zoë", colour="red")
    draw(tmp_path, "food/nobody", title="Pear", creator="", colour="green")
    draw(tmp_path, "food/silent", creator="Zoë", colour="blue")
    (tmp_path / "usr/share/openclipart/png/food/cut.png").write_bytes(b"\x89PNG")
    out = tmp_path / "posts.parquet"
    assert build(tmp_path, out) == 61
    rows = pq.read_table(out).to_pylist()
    assert set(rows[0]) <= set(FIELDS["posts"])
    assert [row["post_id"] for row in rows] == sorted(row["post_id"] for row in rows)
    apple = rows[0]
    assert (apple["post_id"], apple["user_id"], apple["text"]) == ("food/apple", "zoe", "Apple")
    assert rows[1]["text"] == "star. Star. star"
    for row in rows[:3]:
        check_image(row["image"])
    with Image.open(out.parent / "usr/share/openclipart/png/shapes/star_01.png") as whole:
        assert max(whole.size) == 400


def test_the_shipped_sample_is_small_and_whole(sample_posts: Path) -> None:
    assert sample_posts.stat().st_size < 15_000_000
    posts = pq.read_table(sample_posts, columns=["post_id", "user_id", "category"])
    assert posts.num_rows == 4555
    assert len(set(posts["user_id"].to_pylist())) == 509
    assert len(set(posts["post_id"].to_pylist())) == 4555
