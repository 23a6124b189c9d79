"""What people do on the page, with real clicks in a real browser."""

import pytest
from playwright.sync_api import Page, expect

from recsys.events.boundaries import Boundaries
from recsys.events.records import Reaction
from tests.serving.web.conftest import Served, shoot
from tests.serving.web.demo_backend import NEWCOMER, DemoBackend, drawing
from training.errors import Unavailable

EVERYONE = 13


def reactions(backend: DemoBackend, user_id: str) -> set[tuple[str, str]]:
    return {(one.post_id, one.kind) for one in backend.events.reactions_of(user_id)}


def first_card(page: Page):
    return page.locator("#feed .card").first


def test_choose_a_person(site: Served, page: Page) -> None:
    page.goto(site.url)
    expect(page.locator(".portrait")).to_have_count(12)
    page.get_by_role("link", name="More people").click()
    expect(page.locator(".portrait")).to_have_count(EVERYONE)
    page.keyboard.press("/")
    page.keyboard.type("Person1")
    expect(page.locator(".portrait")).to_have_count(3)  # person1, person10, person11
    page.keyboard.type("x")
    expect(page.locator("#people")).to_contain_text("Nobody’s name begins with “Person1x”")
    page.keyboard.press("Backspace")
    page.get_by_role("link", name="person1", exact=True).click()
    expect(page).to_have_url(f"{site.url}/people/person1")
    expect(page.get_by_role("heading", level=1)).to_have_text("person1")
    expect(page.get_by_role("link", name="For person1", exact=True)).to_be_visible()
    shoot(page, "person")


def test_every_recommendation_says_why_and_its_parts_sum_to_the_score(
    site: Served, page: Page
) -> None:
    page.goto(f"{site.url}/people/person2")
    cards = page.locator("#feed .card")
    expect(cards).to_have_count(12)
    for card in cards.all():
        score = float(card.locator(".score b").inner_text())
        parts = [float(text) for text in card.locator(".why b").all_inner_texts()]
        assert sum(parts) == pytest.approx(score, abs=0.011 * len(parts))
        bars = [float(r.get_attribute("width") or 0) for r in card.locator("rect.part").all()]
        whole = float(card.locator("rect.ground").first.get_attribute("width") or 0)
        assert bars == pytest.approx([whole * abs(part) / score for part in parts], abs=3)
    page.get_by_role("link", name="More for person2").click()
    expect(cards).to_have_count(24)


def test_like_and_hide_change_the_list_at_once(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/people/person3")
    liked = first_card(page).locator("h3").inner_text()
    path = first_card(page).locator("h3 a").get_attribute("href")
    first_card(page).get_by_role("button", name="Like").click()
    expect(page.get_by_role("status").last).to_contain_text(f"You like “{liked}”")
    expect(page.locator(f"#feed h3 a[href='{path}']")).to_have_count(0)
    assert path and (path.removeprefix("/posts/"), "like") in reactions(site.backend, "person3")
    expect(first_card(page).locator(".face")).to_be_focused()  # the next one is where it was

    hidden = first_card(page).locator("h3 a").get_attribute("href")
    first_card(page).get_by_role("button", name="Hide").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").last).to_contain_text("won’t come back")
    expect(page.locator(f"#feed h3 a[href='{hidden}']")).to_have_count(0)
    assert hidden
    kept = site.backend.events.boundaries.of("person3")
    assert kept.hidden == {hidden.removeprefix("/posts/")}
    expect(first_card(page).locator(".face")).to_be_focused()
    shoot(page, "hidden")
    page.reload()
    expect(page.locator(f"#feed h3 a[href='{hidden}']")).to_have_count(0)
    page.locator("#kept").get_by_role("button", name="Undo").click()
    expect(page.locator("#kept")).to_be_hidden()
    expect(page.locator("#recommended")).to_be_focused()
    assert not site.backend.events.boundaries.of("person3").hidden


def test_mute_and_block_and_take_it_back(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/people/person6")
    author = first_card(page).locator(".by a").inner_text()
    less = first_card(page).locator(".less")
    less.locator("summary").click()
    less.get_by_role("button", name=f"Mute author {author}").click()
    expect(page.locator("#said")).to_contain_text(f"Nothing by {author}")
    expect(page.locator("#feed .by").get_by_text(author, exact=True)).to_have_count(0)
    page.locator("#said").get_by_role("button", name="Undo").click()
    expect(page.locator("#said")).to_contain_text("may show up again")
    expect(page.locator("#feed .by").get_by_text(author, exact=True)).not_to_have_count(0)

    first_card(page).locator("summary").click()
    tag = first_card(page).get_by_role("button", name="Mute tag").first.inner_text()
    first_card(page).get_by_role("button", name=tag, exact=True).click()
    expect(page.locator("#kept")).to_contain_text(tag.removeprefix("Mute tag "))
    expect(page.locator("#feed").get_by_role("button", name=tag, exact=True)).to_have_count(0)

    other = page.locator(".alike h3").first.inner_text()
    page.locator("#alike").get_by_role("button", name=f"Block {other}", exact=True).click()
    expect(page.locator("#said")).to_contain_text(f"{other} is blocked")
    expect(page.locator("#alike").get_by_text(other, exact=True)).to_have_count(0)
    expect(page.locator("#follow").get_by_text(other, exact=True)).to_have_count(0)
    page.locator("#kept").scroll_into_view_if_needed()
    shoot(page, "kept")
    for left in (1, 0):
        page.locator("#kept").get_by_role("button", name="Undo").first.click()
        expect(page.locator("#kept li")).to_have_count(left)
    assert site.backend.events.boundaries.of("person6") == Boundaries()


def test_people_to_follow(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/people/person8")
    people = page.locator("#follow .portrait")
    expect(people).to_have_count(6)
    name = people.first.locator(".title").inner_text()
    page.get_by_role("button", name=f"Follow {name}", exact=True).click()
    expect(page.locator("#said")).to_contain_text(f"You follow {name}")
    expect(page.locator("#follow .title").get_by_text(name, exact=True)).to_have_count(0)
    assert "follow" in {kind for _, kind in reactions(site.backend, "person8")}


def test_the_fallback_says_that_it_is_one_until_the_first_like(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/people/{NEWCOMER}")
    expect(page.locator("#feed")).to_contain_text("We know nothing of their taste yet")
    expect(page.locator("main")).to_contain_text("Nobody yet")
    first_card(page).get_by_role("button", name="Like").click()
    expect(page.locator("#recommended")).to_have_text("Recommended")
    expect(first_card(page).locator(".why")).to_contain_text("the post that you liked")
    expect(page.locator(".alike > li")).to_have_count(6)


def test_without_scripts_everything_is_read_and_written_too(site: Served, browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.url}/people/person5")
    path = first_card(page).locator("h3 a").get_attribute("href")
    first_card(page).get_by_role("button", name="Like").click()
    assert page.url.startswith(f"{site.url}/people/person5?done=like")
    assert page.locator(f"#feed h3 a[href='{path}']").count() == 0
    assert "You like" in page.locator("#said").inner_text()
    path = first_card(page).locator("h3 a").get_attribute("href")
    first_card(page).get_by_role("button", name="Hide").click()
    assert "won’t come back" in page.locator("#said").inner_text()
    assert page.locator(f"#feed h3 a[href='{path}']").count() == 0
    page.locator("#kept").get_by_role("button", name="Undo").click()
    assert "may show up again" in page.locator("#said").inner_text()
    assert page.locator("#kept").is_hidden()
    page.goto(f"{site.url}/search")
    page.locator("#image").set_input_files(
        {"name": "x.webp", "mimeType": "image/webp", "buffer": drawing(3, 0.2)}
    )
    page.get_by_role("button", name="Search").click()
    assert page.locator("#results .tile").count() == 24
    first = page.locator("#results .tile a").first.get_attribute("href")
    page.get_by_role("button", name="More").click()  # the picture is kept in the page
    assert page.locator("#results .tile a").first.get_attribute("href") != first
    context.close()


def test_similar_people_and_what_binds_them(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/people/person4")
    alike = page.locator(".alike > li")
    expect(alike).to_have_count(6)
    expect(alike.first.locator(".why li").first).to_contain_text("their post")
    name = alike.first.locator("h3").inner_text()
    alike.first.locator("h3 a").click()
    expect(page).to_have_url(f"{site.url}/people/{name}")


def test_a_post_large_with_what_is_like_it(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/people/person7")
    title = first_card(page).locator("h3").inner_text()
    first_card(page).locator(".face").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.locator(".tiles .tile")).to_have_count(18)
    page.get_by_role("button", name="Like").click()  # as the person who was chosen
    expect(page.locator("#said")).to_contain_text("You like")
    path = page.url.removeprefix(f"{site.url}/posts/")
    assert (path, "like") in reactions(site.backend, "person7")
    page.get_by_role("link", name="Mix it into a search").click()
    expect(page.locator("#results .tile")).to_have_count(24)


def test_arrows_walk_through_the_pictures(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/people/person1")
    faces = page.locator("#feed .card .face")
    faces.first.focus()
    page.keyboard.press("ArrowRight")
    expect(faces.nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(faces.nth(5)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowLeft")
    expect(faces.first).to_be_focused()


def test_the_map_is_zoomed_and_clicked(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/map")
    page.wait_for_selector("#map[data-ready]")
    place = """([kind, id]) => {
        const map = echarts.getInstanceByDom(document.getElementById("map"));
        const name = kind === "person" ? "people" : kind === "post" ? "posts" : "names";
        const series = map.getOption().series.find((each) => each.id === name);
        const found = series.data.find((each) => each.id === id);
        return map.convertToPixel({ seriesId: name }, found.value);
    }"""

    def click(kind: str, name: str) -> None:
        x, y = page.evaluate(place, [kind, name])
        page.locator("#map").click(position={"x": x, "y": y})

    click("person", "person4")
    expect(page.locator("#panel h2")).to_have_text("person4")
    click("community", "1")
    expect(page.locator("#panel h2")).to_have_text("boats, flags")
    for _ in range(3):
        page.get_by_role("button", name="Nearer").click()
    zoom = page.evaluate(
        "echarts.getInstanceByDom(document.getElementById('map')).getOption().dataZoom[0]"
    )
    assert zoom["end"] - zoom["start"] < 30
    page.get_by_role("button", name="All of it").click()
    click("post", "post/000")
    expect(page.locator("#panel h2")).to_have_text("Title 0")
    shoot(page, "map")
    page.get_by_role("link", name="birds, fruit").click()  # the list, for keyboards
    expect(page.locator("#panel .portrait")).to_have_count(6)
    page.locator("#panel .portrait a").first.click()
    expect(page).to_have_url(f"{site.url}/people/person0")


def test_no_map_yet(site: Served, page: Page, monkeypatch) -> None:
    monkeypatch.setattr(site.backend, "_map", None)
    page.goto(f"{site.url}/map")
    expect(page.locator("main")).to_contain_text("commonspace communities finds the communities")


def test_errors_are_pages_with_a_way_on(site: Served, page: Page, monkeypatch) -> None:
    page.goto(f"{site.url}/people/persom1")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not here")
    page.get_by_role("link", name="person1", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("person1")
    answer = page.goto(f"{site.url}/no/such/page")
    assert answer and answer.status == 404
    expect(page.locator("main")).to_contain_text("There is no page here")

    async def down(*_: object) -> None:
        raise Unavailable("the recommender is starting", hint="a moment")

    page.goto(f"{site.url}/people/person8")
    with monkeypatch.context() as broken:
        broken.setattr(site.backend, "react", down)
        first_card(page).get_by_role("button", name="Like").click()
        expect(page.locator("#said .wrong")).to_contain_text("The recommender is starting")
        broken.setattr(site.backend, "recommend", down)
        answer = page.reload()
        assert answer and answer.status == 503 and answer.headers["retry-after"]
        expect(page.get_by_role("heading", level=1)).to_have_text("One moment, please")
        shoot(page, "unavailable")
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("person8")


def test_signing_in_and_out(locked: Served, page: Page) -> None:
    page.goto(f"{locked.url}/people/person9")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.get_by_label("API key").fill("cs_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not good")
    shoot(page, "sign-in")
    page.get_by_label("API key").fill(locked.reader)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{locked.url}/people/person9")
    cookie = next(c for c in page.context.cookies() if c["name"] == "commonspace_key")
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict" and cookie["secure"]
    first_card(page).get_by_role("button", name="Like").click()
    expect(page.locator("#said")).to_contain_text("This key may not write")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("API key").fill(locked.writer)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{locked.url}/")
    page.goto(f"{locked.url}/people/person9")
    first_card(page).get_by_role("button", name="Like").click()
    expect(page.locator("#said")).to_contain_text("You like")
    page.context.clear_cookies()  # as when the key is revoked while someone looks
    first_card(page).get_by_role("button", name="Like").click()
    expect(page).to_have_url(f"{locked.url}/sign-in?next=%2Fpeople%2Fperson9")


def test_the_theme_is_the_systems_until_chosen_and_then_remembered(
    site: Served, page: Page
) -> None:
    def ground() -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    page.emulate_media(color_scheme="dark")
    page.goto(site.url)
    dark = ground()
    toggle = page.get_by_role("button", name="Dark theme")
    expect(toggle).to_have_attribute("aria-pressed", "true")
    toggle.click()
    assert ground() != dark
    page.goto(f"{site.url}/search")
    assert ground() != dark
    expect(toggle).to_have_attribute("aria-pressed", "false")
    toggle.click()
    assert ground() == dark


def test_a_post_that_vanished_meanwhile(site: Served, page: Page) -> None:
    site.backend.events.add_reactions([Reaction("person10", "post/001", "view")])
    page.goto(f"{site.url}/posts/post/none")
    expect(page.locator("main")).to_contain_text("No post")
