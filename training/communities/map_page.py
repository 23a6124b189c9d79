"""The map as one HTML file that needs nothing else: no network, no server."""

import json
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from training.communities.map_figure import colour_of, map_figure
from training.communities.map_view import MapView
from training.communities.thumbnails import thumbnails
from training.evaluation.style import shorten
from training.materials import Materials

_TEXT = 280
_TAGS = 12

_STYLE = """
:root { color-scheme: light; }
body { margin: 0; font: 14px/1.45 system-ui, sans-serif; color: #222; background: #fff; }
main { display: grid; grid-template-columns: 1fr 17rem; grid-template-rows: auto 1fr;
       height: 100vh; }
header { grid-column: 1 / 3; padding: .6rem 1rem .2rem; }
h1 { font-size: 1.1rem; margin: 0; }
header p { margin: .1rem 0 0; color: #555; }
#map { min-width: 0; min-height: 0; }
aside { padding: .6rem 1rem; border-left: 1px solid #e6e6e6; overflow: auto; }
aside img { width: 9rem; height: 9rem; object-fit: contain; display: block; margin: .4rem 0; }
aside img[hidden] { display: none; }
aside .community { font-weight: 600; }
aside .tags { color: #555; }
@media (max-width: 52rem) {
  main { grid-template-columns: 1fr; grid-template-rows: auto 1fr auto; }
  header { grid-column: 1; } aside { border: 0; border-top: 1px solid #e6e6e6; max-height: 30vh; }
}
"""

# Texts of posts go into the page as text, never as markup.
_SCRIPT = """
const plot = document.getElementById('map');
const part = name => document.getElementById(name);
const show = entry => {
  const [kind, who, text, tags, community, colour, picture] = entry;
  part('kind').textContent = kind;
  part('who').textContent = who;
  part('text').textContent = text;
  part('tags').textContent = tags;
  part('community').textContent = community;
  part('community').style.color = colour;
  part('picture').hidden = !picture;
  if (picture) part('picture').src = picture;
};
plot.on('plotly_hover', event => show(ENTRIES[event.points[0].customdata]));
plot.on('plotly_click', event => show(ENTRIES[event.points[0].customdata]));
"""


def write_map_page(view: MapView, materials: Materials, path: Path, *, title: str) -> Path:
    """Write the page: hovering over a point shows its picture, text, tags and author at the side.

    Args:
        view: where everything is; only public posts are in it.
        materials: of the same data.
        path: of the file; its folder is made.
        title: of the page.
    """
    people = [materials.examples.users[person] for person in view.people]
    figure = map_figure(view, people).to_html(
        full_html=False,
        include_plotlyjs=True,
        include_mathjax=False,
        div_id="map",
        default_height="100%",
        default_width="100%",
        config={"displaylogo": False, "responsive": True, "scrollZoom": True},
    )
    entries = _post_entries(view, materials) + _person_entries(view, people)
    page = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>"
        f"<header><h1>{escape(title)}</h1><p>{escape(_explanation(view))}</p></header>"
        f"{figure}<aside aria-live='polite'><div id='kind'>Point at something.</div>"
        "<div id='who'></div><img id='picture' alt='' hidden><div id='text'></div>"
        "<div id='tags' class='tags'></div><div id='community' class='community'></div></aside>"
        f"</main><script>const ENTRIES = {as_script(entries)};{_SCRIPT}</script></body></html>"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.tmp")
    draft.write_text(page, encoding="utf-8")
    os.replace(draft, path)
    return path


def as_script(value: Any) -> str:
    """JSON that may stand in a script: nothing in it can end the script or begin markup."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


def _explanation(view: MapView) -> str:
    return (
        f"{len(view.rows)} posts as dots, {len(view.people)} people as stars among the posts "
        "nearest to them, in the colour of their community. Near means alike; axes and far "
        "distances mean nothing. A click on a name in the legend hides a community, two clicks "
        "show it alone."
    )


def _post_entries(view: MapView, materials: Materials) -> list[list[str]]:
    posts = materials.data.posts(["user_id", "text", "tags"]).take(view.rows).to_pylist()
    pictures = thumbnails(materials.data.images(view.rows.tolist()))
    return [
        _entry(
            "post by",
            post["user_id"],
            shorten(post["text"] or "", _TEXT),
            post["tags"] or (),
            view,
            int(community),
            picture,
        )
        for post, community, picture in zip(posts, view.post_community, pictures, strict=True)
    ]


def _person_entries(view: MapView, people: Sequence[str]) -> list[list[str]]:
    return [
        _entry("person", person, f"{posts} posts", (), view, int(community), "")
        for person, posts, community in zip(people, view.activity, view.star_community, strict=True)
    ]


def _entry(
    kind: str,
    who: str,
    text: str,
    tags: Sequence[str],
    view: MapView,
    community: int,
    picture: str,
) -> list[str]:
    shown = " · ".join(tags[:_TAGS])
    return [kind, who, text, shown, view.name(community), colour_of(community), picture]
