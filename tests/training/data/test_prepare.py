"""The whole way through Ray Data, with files of every format."""

import csv
import gzip
import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from training.data.clean import CleanData
from training.data.config import DataConfig, SplitConfig
from training.data.prepare import check, prepare
from training.data.quarantine import Reason
from training.errors import BadConfig, BadData

pytestmark = pytest.mark.usefixtures("ray_session")


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def write_jsonl(path: Path, rows: list[Any]) -> str:
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return str(path)


def post(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "post_id": f"p/{number}",
        "user_id": f"user{number % 4}",
        "text": f"Post number {number}, “quoted”\nsecond line",
    } | fields


@pytest.fixture
def posts() -> list[dict[str, Any]]:
    """40 posts of four people with tags, dates, pictures and private ones."""
    return [
        post(
            number,
            text=None if number % 7 == 3 else f'Post {number}, "quoted"\nsecond line ä',
            image=f"sub/{number}.png" if number % 7 == 3 or number % 2 else None,
            tags=["a", f"tag {number}"] if number % 3 else [],
            created_at=f"2024-05-{1 + number % 28:02}T12:00:00.25+02:00",
            language="de",
            private=number % 10 == 0,
            category="greetings",
        )
        for number in range(40)
    ]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    (folder / "sub").mkdir(parents=True)
    for number in range(40):
        (folder / "sub" / f"{number}.png").write_bytes(picture(number))
    return folder


def test_every_format_gives_the_same_tables(
    tmp_path: Path, posts: list[dict[str, Any]], images: Path
) -> None:
    places = {"jsonl": write_jsonl(tmp_path / "posts.jsonl", posts)}
    with (tmp_path / "posts.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, list(posts[0]))
        writer.writeheader()
        writer.writerows(row | {"tags": "|".join(row["tags"])} for row in posts)
    places["csv"] = str(tmp_path / "posts.csv")
    with_bytes = [
        row | {"image": row["image"] and (images / row["image"]).read_bytes()} for row in posts
    ]
    table = pa.Table.from_pylist(with_bytes)
    moments = table["created_at"].cast(pa.timestamp("ns", "UTC"))
    table = table.set_column(table.schema.get_field_index("created_at"), "created_at", moments)
    (tmp_path / "parts").mkdir()
    for part in range(2):
        name = f"{part}.parquet"
        pq.write_table(table.slice(part * 20, 20), tmp_path / "parts" / name, row_group_size=7)
    places["parquet"] = (tmp_path / "parts").as_uri()
    with zipfile.ZipFile(tmp_path / "dump.zip", "w") as archive:
        archive.write(places["jsonl"], "deep/posts.jsonl")
    places["zip"] = f"zip://deep::{tmp_path}/dump.zip"

    prepared = {}
    for name, place in places.items():
        folder = None if name == "parquet" else str(images)
        config = DataConfig(posts=place, image_folder=folder)
        prepared[name] = prepare(config, SplitConfig(), tmp_path / name)
        assert prepared[name].quarantine().num_rows == 0
    first = prepared["jsonl"]
    columns = [*first.posts().column_names, "image"]
    for data in prepared.values():
        assert data.posts(columns).equals(first.posts(columns))
        assert data.users().equals(first.users())
        assert data.splits().tolist() == first.splits().tolist()
    assert first.posts()["post_id"].to_pylist() == [row["post_id"] for row in posts]
    assert first.posts()["private"].to_pylist() == [row["private"] for row in posts]
    assert first.images([3, 2, 1, 3]) == [picture(3), None, picture(1), picture(3)]
    assert first.manifest.report.posts_without_text == 6
    assert first.manifest.report.private_posts == 4
    assert set(first.splits().tolist()) >= {"train", "test"}


def bad_rows() -> list[tuple[Any, str | None, str]]:
    return [
        (post(100, text=" "), None, Reason.EMPTY_POST),
        (b'{"post_id": "broken', None, Reason.MALFORMED),
        (json.dumps(post(101)).encode().replace(b"number", b"\xff"), "text", "broken UTF-8"),
        (post(1), "post_id", Reason.DUPLICATE),
        (post(102, user_id="back\\slash"), "user_id", Reason.BAD_ID),
        (post(103, text="m" * 2**20), "text", Reason.TOO_LONG),
        (post(104, text="nul\0"), "text", Reason.CONTROL_CHARACTERS),
        (post(105, text=["list"]), "text", Reason.WRONG_TYPE),
        (post(106, created_at=float("nan")), "created_at", Reason.NOT_A_DATE),
        (post(107, created_at="2999-01-01"), "created_at", Reason.FUTURE_DATE),
        (post(108, image="../secret.png"), "image", Reason.IMAGE_OUTSIDE),
        (post(109, image="http://127.0.0.1:1/x.png"), "image", Reason.IMAGE_URL),
        (post(110, image="none.png"), "image", Reason.IMAGE_NOT_FOUND),
        (post(111, image="cut.png"), "image", Reason.IMAGE_TRUNCATED),
        (post(112, image="text.png"), "image", Reason.IMAGE_UNREADABLE),
        (post(113, image="bomb.png"), "image", Reason.IMAGE_TOO_LARGE),
        (post(114, image="drawing.bmp"), "image", Reason.IMAGE_FORMAT),
        ({"user_id": "user1", "text": "no id"}, "post_id", Reason.MISSING),
    ]


def test_each_bad_row_is_quarantined_with_row_field_and_reason(
    tmp_path: Path, images: Path
) -> None:
    (tmp_path / "secret.png").write_bytes(picture(0))
    (images / "cut.png").write_bytes(picture(1)[:-200])
    (images / "text.png").write_bytes(b"no image")
    Image.new("1", (8000, 8000)).save(images / "bomb.png")
    Image.new("RGB", (4, 4)).save(images / "drawing.bmp")
    bad = bad_rows()
    rows = [row for number, (row, _, _) in enumerate(bad) for row in (post(number), row)]
    reactions = [
        {"user_id": "fan", "post_id": "p/1", "kind": "like", "created_at": 1_700_000_000},
        {"user_id": "fan", "post_id": "p/100", "kind": "like", "created_at": 1_700_000_000},
        {"user_id": "fan", "post_id": "p/2", "kind": "lick", "created_at": 1_700_000_000},
        {
            "user_id": "fan",
            "post_id": "p/2",
            "kind": "rate",
            "created_at": 1,
            "value": float("inf"),
        },
        {"user_id": "eve", "post_id": "p/2", "kind": "like", "created_at": 1_700_000_000},
        {"user_id": "user1", "post_id": "p/2", "kind": "like", "created_at": 4_000_000_000},
    ]
    config = DataConfig(
        posts=write_jsonl(tmp_path / "posts.jsonl", rows),
        reactions=write_jsonl(tmp_path / "reactions.jsonl", reactions),
        users=write_jsonl(tmp_path / "users.jsonl", [{"user_id": "fan", "text": "A fan"}]),
        image_folder=str(images),
        max_quarantined_share=0.9,
    )
    data = prepare(config, SplitConfig(), tmp_path / "workspace")
    found = [
        (row["table"], row["file"], row["row"], row["field"], row["reason"])
        for row in data.quarantine().to_pylist()
    ]
    expected = [
        ("posts", "posts.jsonl", 2 * number + 2, field, str(reason))
        for number, (_, field, reason) in enumerate(bad)
    ]
    expected += [
        ("reactions", "reactions.jsonl", row, field, str(reason))
        for row, field, reason in (
            (2, "post_id", Reason.UNKNOWN_POST),
            (3, "kind", Reason.UNKNOWN_KIND),
            (4, "value", Reason.NOT_FINITE),
            (5, "user_id", Reason.UNKNOWN_USER),
            (6, "created_at", Reason.FUTURE_DATE),
        )
    ]
    assert found == expected
    assert data.manifest.counts == {"posts": len(bad), "reactions": 1, "users": 5}
    assert data.manifest.quarantined[Reason.FUTURE_DATE] == 2
    assert sum(data.manifest.quarantined.values()) == len(expected)
    people = dict(zip(*data.users(["user_id", "text"]).to_pydict().values(), strict=True))
    assert people["fan"] == "A fan" and people["user1"] is None and len(people) == 5
    kept = {row["reason"]: row["image"] for row in data.quarantine().to_pylist()}
    assert kept[Reason.IMAGE_TRUNCATED] == picture(1)[:-200]


def test_too_many_bad_rows_stop_the_run_and_stay_readable(tmp_path: Path) -> None:
    rows = [post(i, text=None if i % 10 == 0 else "text") for i in range(100)]
    rows += [post(0), b"not json"]
    config = DataConfig(posts=write_jsonl(tmp_path / "posts.jsonl", rows))
    with pytest.raises(BadData) as caught:
        prepare(config, SplitConfig(), tmp_path / "workspace")
    message = str(caught.value)
    assert "11 of 102 rows of posts are bad (10.8%, at most 5.0%" in message
    assert "10 x empty post, 1 x malformed row" in message
    (kept,) = (tmp_path / "workspace" / "data").glob("refused-*/quarantine.parquet")
    assert str(kept) in message
    assert pq.read_table(kept).num_rows == 11
    folders = [entry for entry in (tmp_path / "workspace" / "data").iterdir() if entry.is_dir()]
    assert folders == [kept.parent]

    patient = config.model_copy(update={"max_quarantined_share": 0.2})
    data = prepare(patient, SplitConfig(), tmp_path / "workspace")
    assert data.manifest.counts["posts"] == 91
    with pytest.raises(BadData, match=r"10\.8%"):
        prepare(config, SplitConfig(), tmp_path / "workspace")
    report = check(config)
    assert report.refusal(config) is not None and report.refusal(patient) is None
    assert len(report.examples) == 4 and report.quarantined == 11


def state(root: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(root)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_data_is_kept_by_its_content(clean_sample: CleanData, small_posts: Path) -> None:
    workspace = clean_sample.root.parent.parent
    before = state(clean_sample.root)
    seen: list[tuple[str, int, int]] = []

    def progress(table: str, done: int, total: int) -> None:
        seen.append((table, done, total))

    config = clean_sample.manifest.config
    again = prepare(config, SplitConfig(), workspace, progress=progress)
    assert again == clean_sample and not seen and state(again.root) == before

    moved = workspace.parent / small_posts.name
    moved.write_bytes(small_posts.read_bytes())
    elsewhere = config.model_copy(update={"posts": str(moved)})
    assert prepare(elsewhere, SplitConfig(), workspace, progress=progress) == clean_sample
    assert not seen

    reseeded = prepare(config, SplitConfig(seed=1), workspace, progress=progress)
    assert not seen and reseeded.root != clean_sample.root
    assert reseeded.posts().equals(clean_sample.posts())
    assert reseeded.splits().tolist() != clean_sample.splits().tolist()

    table = pq.read_table(moved)
    pq.write_table(table.slice(1), moved)
    edited = prepare(elsewhere, SplitConfig(), workspace, progress=progress)
    assert edited.manifest.digest != clean_sample.manifest.digest
    assert seen[-1] == ("posts", len(table) - 1, len(table) - 1)
    assert edited.manifest.counts["posts"] == clean_sample.manifest.counts["posts"] - 1


def test_an_edited_image_is_noticed(tmp_path: Path, images: Path) -> None:
    rows = [post(i, image=f"sub/{i}.png") for i in range(12)]
    config = DataConfig(posts=write_jsonl(tmp_path / "posts.jsonl", rows), image_folder=str(images))
    first = prepare(config, SplitConfig(), tmp_path / "workspace")
    (images / "sub" / "5.png").write_bytes(picture(500))
    second = prepare(config, SplitConfig(), tmp_path / "workspace")
    assert second.root != first.root
    assert first.images([5]) == [picture(5)] and second.images([5]) == [picture(500)]


def test_what_a_killed_run_left_behind_is_swept_away(tmp_path: Path) -> None:
    config = DataConfig(posts=write_jsonl(tmp_path / "p.jsonl", [post(i) for i in range(12)]))
    workspace = tmp_path / "workspace"
    data = prepare(config, SplitConfig(), workspace)
    os.rename(data.root, data.root.with_name(f".{data.root.name}.partial"))
    (data.root.with_name(f".{data.root.name}.partial") / "manifest.json").unlink()
    data.root.mkdir()
    again = prepare(config, SplitConfig(), workspace)
    assert again.posts().num_rows == 12
    assert [entry.name for entry in (workspace / "data").iterdir() if entry.is_dir()] == [
        data.root.name
    ]


def test_mapped_ids(tmp_path: Path) -> None:
    rows = [post(i, user_id="Jörg Müller" if i % 2 else "ann") for i in range(12)]
    config = DataConfig(posts=write_jsonl(tmp_path / "posts.jsonl", rows), ids="map")
    data = prepare(config, SplitConfig(), tmp_path / "workspace")
    assert data.mapped_ids().to_pylist() == [
        {"id": data.posts()["user_id"][1].as_py(), "original": "Jörg Müller"}
    ]
    assert data.users().num_rows == 2


def test_a_file_that_breaks_off_is_an_error_not_a_bad_row(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).integers(0, 2**60, 60_000)
    lines = b"".join(json.dumps(post(int(i))).encode() + b"\n" for i in numbers)
    packed = gzip.compress(lines)
    (tmp_path / "posts.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    config = DataConfig(posts=str(tmp_path / "posts.jsonl.gz"))
    with pytest.raises(BadData, match="can't be read to its end"):
        prepare(config, SplitConfig(), tmp_path / "workspace")
    assert not [path for path in (tmp_path / "workspace" / "data").iterdir() if path.is_dir()]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("posts.csv", b"post_id,user,text\n", "no column 'user_id'.*rename 'user'"),
        ("posts.txt", b"hello", "no ending that is known"),
        ("posts.parquet", b"PAR1", "not a readable Parquet file"),
        ("posts.json", b"[{}]", "can't be streamed"),
        ("posts.jsonl", b"", "there are no posts"),
    ],
)
def test_sources_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadData, match=words):
        prepare(DataConfig(posts=str(tmp_path / name)), SplitConfig(), tmp_path / "workspace")


def test_urls_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="http"):
        check(DataConfig(posts="http://127.0.0.1:1/posts.csv"))
