"""Searching on the page, with real clicks in a real browser."""

import pytest
from playwright.sync_api import Page, expect

from tests.serving.web.conftest import Served, shoot
from tests.serving.web.demo_backend import drawing


def test_search_by_words_and_a_mix(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/search")
    page.keyboard.press("/")
    page.keyboard.type("a boat")
    page.keyboard.press("Enter")
    tiles = page.locator("#results .tile")
    expect(tiles).to_have_count(24)
    expect(page).to_have_url(f"{site.url}/search?text=a+boat")
    by_words = tiles.locator(".title").all_inner_texts()
    page.get_by_text("Mix in a person or a post").click()
    page.get_by_label("Person", exact=True).fill("person")
    expect(page.locator("#names option")).to_have_count(10)
    page.get_by_label("Person", exact=True).fill("person6")
    page.keyboard.press("Tab")
    expect(page).to_have_url(f"{site.url}/search?text=a+boat&person=person6")
    mixed = tiles.locator(".title").all_inner_texts()
    assert mixed != by_words
    slider = page.get_by_label("Weight of the person")
    slider.focus()
    for _ in range(16):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("output[for=person_weight]")).to_have_text("-0.6")
    expect(page).to_have_url(f"{site.url}/search?text=a+boat&person=person6&person_weight=-0.6")
    expect(tiles.locator(".title").first).not_to_have_text(mixed[0])
    shoot(page, "mix")
    away = tiles.locator(".title").all_inner_texts()
    page.reload()  # the address says it all
    assert tiles.locator(".title").all_inner_texts() == away
    page.get_by_role("button", name="More").click()
    expect(tiles).to_have_count(48)


def test_search_by_a_picture_chosen_dropped_and_taken_out(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/search")
    big = {"name": "big.webp", "mimeType": "image/webp", "buffer": drawing(5, 0.6)}
    page.locator("#image").set_input_files(big)
    expect(page.locator("#results .tile")).to_have_count(24)
    expect(page.get_by_alt_text("The picture you search by")).to_be_visible()
    chosen = page.locator("#results .title").all_inner_texts()
    page.get_by_role("button", name="More").click()
    expect(page.locator("#results .tile")).to_have_count(48)
    page.get_by_role("button", name="Take it out").click()
    expect(page.locator("#found")).to_have_text("What are you looking for?")
    page.evaluate(
        """async () => {
            const canvas = new OffscreenCanvas(900, 600);
            canvas.getContext("2d").fillRect(0, 0, 300, 600);
            const dataTransfer = new DataTransfer();
            const blob = await canvas.convertToBlob();
            dataTransfer.items.add(new File([blob], "x.png", { type: "image/png" }));
            const event = { dataTransfer, bubbles: true, cancelable: true };
            document.querySelector(".drop").dispatchEvent(new DragEvent("drop", event));
        }"""
    )
    expect(page.locator("#results .tile")).to_have_count(24)
    assert page.locator("#results .title").all_inner_texts() != chosen
    assert page.evaluate("document.getElementById('image').files[0].size") < 20_000


def test_what_is_no_picture_is_told(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/search")
    page.locator("#image").set_input_files(
        {"name": "x.png", "mimeType": "image/png", "buffer": b"<html>no picture"}
    )
    expect(page.locator("#said")).to_contain_text("no picture that can be read")


@pytest.mark.parametrize(
    ("target", "shown"), [("People", ".portrait"), ("Texts", ".line"), ("Pictures", ".tile img")]
)
def test_search_for_other_things(site: Served, page: Page, target: str, shown: str) -> None:
    page.goto(f"{site.url}/search?text=fruit")
    page.locator(".targets").get_by_text(target, exact=True).click()
    expect(page.locator("#found")).to_have_text(f"{target}, nearest first")
    assert page.locator(f"#results {shown}").count() >= 12


def test_filters_and_their_mistakes(site: Served, page: Page) -> None:
    page.goto(f"{site.url}/search?text=fruit")
    page.get_by_text("Only some posts").click()
    page.get_by_label("By", exact=True).fill("person1 person2")
    page.keyboard.press("Tab")
    expect(page).to_have_url(f"{site.url}/search?text=fruit&by=person1+person2")
    authors = page.locator("#results .by").all_inner_texts()
    assert {text.removeprefix("by ") for text in authors} == {"person1", "person2"}
    page.get_by_label("From").fill("2031-01-01")
    page.keyboard.press("Tab")
    expect(page.locator("#found")).to_have_text("Nothing found")
    page.get_by_label("Language").fill("<b>")
    page.keyboard.press("Tab")
    expect(page.locator("#results")).to_contain_text("characters that none has")
