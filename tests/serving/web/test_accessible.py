"""Every view, in both themes and on a phone: axe finds nothing serious, and everything fits."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from recsys.events.boundaries import BoundaryKind
from tests.serving.web.conftest import SHOTS, Served
from tests.serving.web.demo_backend import NEWCOMER, DemoBackend

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
OPEN = "document.querySelectorAll('details').forEach((each) => (each.open = true))"
VIEWS = {
    "home": "/",
    "person": "/people/person0",
    "kept-away": "/people/person11",
    "fallback": f"/people/{NEWCOMER}",
    "search-empty": "/search",
    "search": "/search?text=fruit&person=person1&person_weight=-0.5&by=person1+person2",
    "search-people": "/search?text=fruit&target=users",
    "search-texts": "/search?text=fruit&target=texts",
    "search-wrong": "/search?text=fruit&after=never",
    "post": "/posts/post/000",
    "map": "/map",
    "map-community": "/map?kind=community&id=0",
    "unknown": "/people/persom1",
    "nowhere": "/nowhere",
}


@pytest.fixture(scope="module", autouse=True)
def boundaries(backend: DemoBackend) -> Iterator[None]:
    """One of each kind, for the list of them."""
    targets = ("person1", "fruit", "person2", "post/040")
    kept = list(zip(BoundaryKind, targets, strict=True))
    for kind, target in kept:
        backend.events.boundaries.put("person11", kind, target)
    yield
    for kind, target in kept:
        backend.events.boundaries.remove("person11", kind, target)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_finding(site: Served, locked: Served, browser: Browser, theme) -> None:
    context = browser.new_context(
        color_scheme=theme, viewport={"width": 1280, "height": 900}, reduced_motion="reduce"
    )
    page = context.new_page()
    SHOTS.mkdir(parents=True, exist_ok=True)
    found = {}
    addresses = {name: site.url + path for name, path in VIEWS.items()}
    for name, address in {**addresses, "sign-in": f"{locked.url}/sign-in"}.items():
        page.goto(address)
        if name == "map":
            page.wait_for_selector("#map[data-ready]")
        page.evaluate(OPEN)
        page.evaluate(AXE.read_text(encoding="utf-8"))  # not a tag: the policy allows no scripts
        result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        bad = [
            (one["id"], [node["html"][:120] for node in one["nodes"][:3]])
            for one in result["violations"]
            if one["impact"] in ("serious", "critical")
        ]
        if bad:
            found[name] = bad
        page.screenshot(path=SHOTS / f"{name}-{theme}.png")
    context.close()
    assert not found


def test_on_a_phone_nothing_is_beside_the_screen(
    site: Served, locked: Served, browser: Browser
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    SHOTS.mkdir(parents=True, exist_ok=True)
    addresses = {name: site.url + path for name, path in VIEWS.items()}
    for name, address in {**addresses, "sign-in": f"{locked.url}/sign-in"}.items():
        page.goto(address)
        page.evaluate(OPEN)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, name
        small = page.evaluate(
            """() => [...document.querySelectorAll("main button, .top a")].filter((each) => {
                const { width, height } = each.getBoundingClientRect();
                return width && Math.min(width, height) < 24;
            }).map((each) => each.outerHTML)"""
        )
        assert not small, name
        page.screenshot(path=SHOTS / f"{name}-phone.png")
    context.close()


def test_pictures_have_their_place_before_they_come(site: Served, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.add_init_script(
        """window.shift = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((e) => (shift += e.value)))
            .observe({ type: "layout-shift", buffered: true });"""
    )
    for path in ("/", "/people/person0", "/search?text=fruit", "/posts/post/000"):
        page.goto(site.url + path)
        page.wait_for_load_state("networkidle")
        # up to 0.1 counts as good, and a busy machine draws in steps
        assert page.evaluate("window.shift") < 0.05, path
    context.close()
