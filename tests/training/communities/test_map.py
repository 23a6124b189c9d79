"""The map: its places, its page, its picture, and what of it is logged."""

import base64
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.training.encoders.tiny import picture
from tests.training.planted import SCRIPT, Planted
from training.communities.communities import Communities, find_communities
from training.communities.map_figure import COLOURS, colour_of, map_figure, name_spots
from training.communities.map_page import as_script
from training.communities.map_view import MapView, active_people, lay_out
from training.communities.method import NOBODY
from training.communities.thumbnails import SIDE, thumbnail
from training.communities.written import log_communities, write_communities
from training.tracking.config import TrackingConfig
from training.tracking.run import open_run
from training.tracking.server import MLFLOW_SETTINGS, Tracking


@pytest.fixture(scope="module")
def found(planted: Planted) -> Communities:
    return find_communities(planted.landscape, planted.materials)


@pytest.fixture(scope="module")
def view(planted: Planted, found: Communities) -> MapView:
    return lay_out(planted.landscape, found)


@pytest.fixture(scope="module")
def folder(planted: Planted, found: Communities, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written") / "new"
    facts = {"model": "model version 7"}
    write_communities(
        found, planted.landscape, planted.materials, folder, title="A <b>map</b>", facts=facts
    )
    return folder


def entries(page: str) -> list[list[str]]:
    text = re.search(r"const ENTRIES = (\[.*?\]);\n", page, re.DOTALL)
    assert text
    return json.loads(text.group(1))


def test_only_public_training_posts_are_shown(planted: Planted, view: MapView) -> None:
    assert set(view.rows) == set(planted.landscape.rows)
    assert len(view.posts) == len(view.post_community) == len(view.rows)
    assert (view.posts >= 0).all() and (view.posts <= 1).all()
    assert len(view.people) == len(planted.users)


def test_people_stand_among_posts_of_their_community(planted: Planted, view: MapView) -> None:
    apart = np.linalg.norm(view.stars[:, None] - view.posts[None], axis=-1)
    nearest = view.post_community[apart.argmin(axis=1)]
    assert (nearest == view.star_community).mean() > 0.9


def test_the_most_active_come_first_and_nobody_without_a_place(planted: Planted) -> None:
    present = planted.landscape.present.copy()
    present[[0, 5]] = False
    people, activity = active_people(replace(planted.landscape, present=present))
    assert not {0, 5} & set(people.tolist())
    assert (np.diff(activity) <= 0).all()
    assert len(people) == len(planted.users) - 2


def test_every_point_of_the_figure_names_its_entry(planted: Planted, view: MapView) -> None:
    people = [planted.users[person] for person in view.people]
    figure = map_figure(view, people)
    drawn = [place for trace in figure.data for place in trace.customdata]
    assert sorted(drawn) == list(range(len(view.rows) + len(people)))
    for trace in figure.data:
        for place, x in zip(trace.customdata, trace.x, strict=True):
            spots = np.concatenate([view.posts, view.stars])
            assert spots[place, 0] == pytest.approx(x)


def test_names_stand_apart(view: MapView) -> None:
    crowded = replace(view, stars=np.full_like(view.stars, 0.5))
    assert list(name_spots(crowded)) == [0]
    assert next(iter(name_spots(view))) == 0


def test_colours_are_of_the_largest_only() -> None:
    assert len(set(COLOURS)) == 24
    assert colour_of(0) == COLOURS[0]
    assert colour_of(24) == colour_of(NOBODY) != colour_of(23)


def test_the_page_needs_nothing_and_holds_no_markup_of_posts(folder: Path) -> None:
    page = (folder / "map.html").read_text(encoding="utf-8")
    assert "A <b>map</b>" not in page and "A &lt;b&gt;map&lt;/b&gt;" in page
    assert SCRIPT not in page
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=", page)
    assert not list(folder.glob(".*"))


def test_the_page_tells_of_posts_and_people(planted: Planted, view: MapView, folder: Path) -> None:
    shown = entries((folder / "map.html").read_text(encoding="utf-8"))
    assert len(shown) == len(view.rows) + len(view.people)
    posts = planted.materials.data.posts(["user_id", "text", "image_hash"]).to_pylist()
    for entry, row in zip(shown, view.rows, strict=False):
        kind, who, text, _, community, colour, image = entry
        assert (kind, who) == ("post by", posts[row]["user_id"])
        assert text == " ".join((posts[row]["text"] or "").split())
        assert bool(image) == (posts[row]["image_hash"] is not None)
        assert community in view.names
        assert colour in COLOURS
    assert not any("secret" in entry[2] for entry in shown)
    assert any(SCRIPT in entry[2] for entry in shown)  # as text


def test_the_picture_shows_every_community(folder: Path) -> None:
    with Image.open(folder / "map.png") as image:
        assert image.format == "PNG"
        assert image.size == (2100, 1350)
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24) or []}
    for colour in COLOURS[:4]:
        assert tuple(bytes.fromhex(colour[1:])) in colours


def test_the_json_says_what_was_found(found: Communities, folder: Path) -> None:
    told = json.loads((folder / "communities.json").read_text(encoding="utf-8"))
    assert told["model"] == "model version 7"
    assert told["stability"]["seeds"] == found.grouping.seeds
    assert [each["name"] for each in told["communities"]] == [c.name for c in found.communities]
    assert told["communities"][0]["people"] == list(found.communities[0].people)


def test_the_map_as_data_says_the_same_as_the_view(
    planted: Planted, found: Communities, view: MapView, folder: Path
) -> None:
    told = json.loads((folder / "map.json").read_text(encoding="utf-8"))
    assert told["title"] == "A <b>map</b>"
    posts = planted.materials.data.posts(["post_id", "private"]).to_pylist()
    public = {post["post_id"] for post in posts if not post["private"]}
    points = told["points"]
    assert {kind for kind, *_ in points} == {"post", "person"}
    assert {name for kind, name, *_ in points if kind == "post"} <= public
    assert {name for kind, name, *_ in points if kind == "person"} == set(planted.users)
    places = np.array([[x, y] for *_, x, y, _ in points])
    assert places == pytest.approx(np.concatenate([view.posts, view.stars]), abs=1e-4)
    assert [point[-1] for point in points] == [*view.post_community, *view.star_community]
    for number, (community, each) in enumerate(
        zip(found.communities, told["communities"], strict=True)
    ):
        assert each["id"] == number
        assert (each["name"], each["size"]) == (community.name, community.size)
        assert each["colour"] == colour_of(number)
        assert set(each["people"]) <= set(community.people)
        assert {name for name, _ in each["posts"]} <= public


def test_all_of_it_is_left_with_the_run(
    planted: Planted, found: Communities, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in MLFLOW_SETTINGS.items():
        monkeypatch.setenv(name, value)
    written = write_communities(
        found, planted.landscape, planted.materials, tmp_path / "files", title="map"
    )
    tracking = Tracking(TrackingConfig(), tmp_path)
    with open_run(tracking, tmp_path / "run", name="first") as run:
        log_communities(run, found, written)
    artifacts = tracking.call(lambda client: client.list_artifacts(run.run_id, "communities"))
    assert {each.path for each in artifacts} == {
        f"communities/{name}" for name in ("communities.json", "map.html", "map.json", "map.png")
    }
    metrics = tracking.call(lambda client: client.get_run(run.run_id)).data.metrics
    assert metrics["communities/count"] == len(found.communities)
    assert metrics["communities/stability_seeds"] == found.grouping.seeds


@settings(deadline=None)
@given(st.recursive(st.text(), lambda inner: st.lists(inner, max_size=4), max_leaves=8))
def test_json_in_a_script_neither_ends_it_nor_changes(value) -> None:
    text = as_script(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


def test_thumbnails_are_small_and_bad_pictures_are_none() -> None:
    uri = thumbnail(picture(1, size=(400, 300)))
    assert uri.startswith("data:image/webp;base64,")
    assert len(uri) < 6000
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as small:
        assert max(small.size) == SIDE
    assert thumbnail(None) == thumbnail(b"no picture") == ""
