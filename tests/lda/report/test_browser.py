"""Topic reports in a headless browser.

Requires Chromium, for example Debian's: ``apt-get install chromium``. Without it the tests are
skipped, unless ``GIBBOUS_BROWSER=required``, as in ``.ci/run``.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from gibbous import Corpus
from gibbous.report_lda import write_report
from support.report_models import HOSTILE, corpus, fitted, many_topics, texts

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        told = f"no browser: none of {', '.join(NAMES)} is on the PATH; apt-get install chromium"
        if os.environ.get("GIBBOUS_BROWSER") == "required":
            pytest.fail(told)
        # a browser cannot be installed with pip
        pytest.skip(told)
    with sync_playwright() as playwright:
        # in a container there is no user to protect from the browser's processes
        launched = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("letters") / "report.html"
    documents = corpus()
    write_report(fitted(documents, 4), path, documents, texts=texts(), title="Letters")
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "report.html"
    write_report(many_topics()[0], path, many_topics()[1], n_documents=1)
    return path


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a file; on exit, check for errors and external requests."""
    context: Any = None
    wrong: list[str] = []
    asked: list[str] = []
    files: list[str] = []

    def show(path: Path, **options: Any) -> Page:
        nonlocal context
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        page: Page = context.new_page()
        page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        files.append(path.as_uri())
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-ready=yes]")
        return page

    yield show
    context.close()
    assert wrong == []
    assert [url for url in asked if not url.startswith("data:")] == files


def words(page: Page) -> list[str]:
    return page.locator("#words li button").all_inner_texts()


def chosen(page: Page) -> str:
    return page.locator('#list [aria-selected="true"] .number').inner_text()


def test_page_renders(open_page: Any, letters: Path) -> None:
    page = open_page(letters)
    assert page.title() == "Letters" == page.locator("h1").inner_text()
    assert page.locator("#map circle").count() == 4 == page.locator("#list .row").count()
    assert page.locator("#topic-title").inner_text().startswith("Topic 0: ")
    assert len(words(page)) >= 8
    assert page.locator("#time svg .curve").count() == 1
    assert page.locator("#time svg .dot").count() == 10
    assert page.locator("#documents .document").count() == 5
    assert page.locator("#documents span[class^=level]").count() >= 5
    assert page.locator("#quality .measure").count() == 6
    assert page.locator("#charts svg").count() == 1
    page.locator("#settings-details summary").click()
    assert "random_state" in page.locator("#settings").inner_text()
    # every bar has a length, and the part of the topic is no longer than the total
    lengths = page.locator("#words .bar").evaluate_all(
        "bars => bars.map(bar => [...bar.children].map(b => b.getBoundingClientRect().width))"
    )
    assert all(0 < part <= whole + 1 for whole, part in lengths)


def test_the_slider_orders_words_by_relevance(open_page: Any, letters: Path) -> None:
    page = open_page(letters)
    told = page.evaluate("JSON.parse(document.getElementById('data').textContent)")

    def expected(weight: float) -> list[str]:
        topic = told["topics"][0]
        pairs = list(zip(topic["words"], topic["p"], strict=True))
        relevance = {
            w: weight * math.log(p) + (1 - weight) * math.log(p / told["words"]["p"][w])
            for w, p in pairs
        }
        order = sorted(relevance, key=lambda w: (-relevance[w], w))[: told["shownWords"]]
        return [told["words"]["text"][w] for w in order]

    seen = []
    for place, weight in ((0, 0.0), (12, 0.6), (20, 1.0)):
        page.locator("#lambda").fill(str(place))
        assert page.locator("#lambda-value").inner_text() == f"{weight:.2f}"
        assert words(page) == expected(weight)
        seen.append(words(page))
    assert seen[0] != seen[2]
    page.locator("#lambda").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#lambda-value").inner_text() == "0.95" and chosen(page) == "0"


def test_the_search_finds_a_word_and_its_topics(open_page: Any, letters: Path) -> None:
    page = open_page(letters)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("Divid")
    assert page.locator("#found .word").inner_text() == "dividend"
    told = page.evaluate("JSON.parse(document.getElementById('data').textContent)")
    pairs = told["words"]["topics"][told["words"]["text"].index("dividend")]
    holders = pairs[::2]
    assert page.locator("#map g.held").count() == len(holders) < 4
    rows = page.locator("#list .row")
    assert rows.nth(0).locator(".number").inner_text() == str(holders[0])
    assert rows.nth(0).locator(".value").inner_text() == f"{pairs[1]}%"
    page.keyboard.press("Enter")
    assert chosen(page) == str(holders[0])
    assert page.locator("#words li.searched button").inner_text() == "dividend"
    page.locator("#search").fill("xyzzy")
    assert "No word of the model contains “xyzzy”" in page.locator("#found").inner_text()
    assert page.locator("#map g.held").count() == 0
    page.keyboard.press("Escape")
    assert page.locator("#search").input_value() == "" == page.locator("#found").inner_text()
    # the words of a topic can be selected, too
    page.locator("#words li button").first.click()
    assert page.locator("#found .word").inner_text() == words(page)[0]
    assert page.locator("#map g.held").count() >= 1


def test_keys_move_between_topics(open_page: Any, letters: Path) -> None:
    page = open_page(letters)
    for key, topic in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("ArrowDown", 1)):
        page.keyboard.press(key)
        assert chosen(page) == str(topic)
    assert page.locator("#map g.chosen").get_attribute("id") == "circle-1"
    assert page.evaluate("location.hash") == "#topic-1"
    for place in ("#map", "#list"):
        page.locator(place).focus()
        for key, topic in (("End", 3), ("ArrowDown", 3), ("ArrowUp", 2), ("Home", 0)):
            page.keyboard.press(key)
            assert chosen(page) == str(topic)
        active = page.locator(place).get_attribute("aria-activedescendant")
        assert page.locator(f"#{active}").get_attribute("aria-selected") == "true"
    # keyboard users see the focus
    page.keyboard.press("Tab")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) != "none"
    page.locator("#map circle").nth(2).click()
    assert page.locator("#map g.chosen circle").count() == 1
    page.locator("#order").select_option("exclusivity")
    values = [float(v) for v in page.locator("#list .value").all_inner_texts()]
    assert values == sorted(values, reverse=True)


def test_every_element_has_an_accessible_name(open_page: Any, letters: Path) -> None:
    page = open_page(letters)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll(
             'button, input, select, [role], [tabindex]')].filter(node => {
               const by = node.getAttribute('aria-labelledby');
               const named = node.getAttribute('aria-label') || node.textContent.trim()
                 || (by && document.getElementById(by).textContent)
                 || (node.labels && node.labels.length);
               return !named && node.getAttribute('role') !== 'status';
             }).map(node => node.outerHTML)"""
    )
    assert nameless == []
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_sufficient_contrast(open_page: Any, letters: Path, scheme: str) -> None:
    page = open_page(letters, color_scheme=scheme)
    pairs = page.evaluate(
        """() => ['#topic-facts', '#facts', '.note', '#list .value', '#words .count',
                  '#documents p', '#list [aria-selected=true] .value'].map(where => {
             const node = document.querySelector(where);
             let under = node;
             while (getComputedStyle(under).backgroundColor === 'rgba(0, 0, 0, 0)')
               under = under.parentElement;
             return [getComputedStyle(node).color, getComputedStyle(under).backgroundColor];
           })"""
    )

    def luminance(colour: str) -> float:
        parts = [int(v) / 255 for v in colour.strip("rgb()").split(",")]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])

    for ink, paper in pairs:
        bright, dim = sorted((luminance(ink), luminance(paper)), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 4.5, (ink, paper)  # WCAG 2.2, level AA
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (luminance(paper) > 0.5) == (scheme == "light")


def test_page_fits_the_width_of_a_phone(open_page: Any, letters: Path) -> None:
    page = open_page(letters, viewport={"width": 360, "height": 740}, is_mobile=True)
    page.locator("#search").fill("moon")
    page.locator("#settings-details summary").click()
    page.locator("#time-section summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    beyond = page.evaluate(
        """() => [...document.querySelectorAll('main *, header *, .tools *')].filter(
             node => node.getBoundingClientRect().right > 361
           ).map(node => node.outerHTML.slice(0, 80))"""
    )
    assert beyond == []


def test_page_can_be_printed(open_page: Any, letters: Path) -> None:
    page = open_page(letters)
    page.emulate_media(media="print")
    assert not page.locator(".tools").is_visible()
    assert page.locator("#words li").first.is_visible()
    assert page.pdf()[:5] == b"%PDF-"


def test_markup_in_texts_has_no_effect(open_page: Any, tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    names = [HOSTILE, "b", "javascript:window.hacked=1"]
    vocabulary = ("moon", HOSTILE, "__proto__", "constructor")
    X = Corpus([0, 2, 4, 6], [0, 1, 1, 2, 0, 3], [9, 1, 9, 1, 9, 1], vocabulary)
    X = Corpus(X.indptr, X.indices, X.counts, vocabulary, names=names, labels=names, dates=names)
    model = fitted(X, 2, max_iter=3).set_topic_labels([HOSTILE, HOSTILE])
    with pytest.warns(UserWarning, match="no prevalence over time"):
        write_report(model, path, X, texts=[HOSTILE, [HOSTILE], "moon"], title=HOSTILE)
    page = open_page(path)
    assert page.locator("h1").inner_text().startswith("</script><script>window.hacked=1")
    page.locator("#search").fill(HOSTILE.split("\u2028")[0].strip())
    assert page.locator("#found .word").text_content() == HOSTILE
    page.locator("#search").fill("__proto__")
    assert page.locator("#found .word").text_content() == "__proto__"
    for key in ("Enter", "Escape"):
        page.keyboard.press(key)
    page.locator("#words li button").first.click()
    for at in range(2):
        page.locator("#list .row").nth(at).click()
        assert page.locator("#documents").text_content().count("onerror=window.hacked=1") >= 1
    page.wait_for_timeout(100)  # an image that fails does so a little later
    assert page.evaluate("window.hacked") is None
    assert page.locator("img, iframe, object, embed, form, a[href^=javascript]").count() == 0
    assert page.locator("script").count() == 2


def test_content_security_policy_blocks_other_scripts(
    browser: Browser, tmp_path: Path, letters: Path
) -> None:
    # even if text became markup, the policy of the page would prevent it from running
    path = tmp_path / "broken.html"
    page_text = letters.read_text(encoding="utf-8")
    mark = '<p id="facts">'
    assert page_text.count(mark) == 1
    path.write_text(
        page_text.replace(
            mark,
            "<script>window.hacked=1</script><img src='x.png' onerror='window.hacked=1'>" + mark,
        ),
        encoding="utf-8",
    )
    page = browser.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-ready=yes]")
    assert page.evaluate("window.hacked") is None
    assert sum("Content Security Policy" in text for text in refused) >= 2
    assert "blocked" in page.evaluate(
        "fetch('data:text/plain,x').then(() => 'went out', () => 'blocked')"
    )
    with pytest.raises(Exception, match="TrustedHTML"):
        page.evaluate("document.body.innerHTML = '<b>x</b>'")
    page.close()


@pytest.mark.parametrize(
    "case", ["one topic", "empty topics", "no documents", "one word", "no date"]
)
def test_pages_of_unusual_models_work(open_page: Any, tmp_path: Path, case: str) -> None:
    path = tmp_path / "odd.html"
    documents = corpus()
    one = np.ones((4, 1), dtype=int)
    dates = ["1900", "", *["1950-02-03"] * 58]
    undated = Corpus.from_texts(texts(), vocabulary=documents.vocabulary, dates=dates)
    model, shown = {
        "one topic": (fitted(documents, 1, max_iter=2), documents),
        "empty topics": (fitted(documents, 40, max_iter=40), documents),
        "no documents": (fitted(documents, 3, max_iter=2), None),
        "one word": (fitted(one, 2, max_iter=2), one),
        "no date": (fitted(undated, 3, max_iter=2), undated),
    }[case]
    write_report(model, path, shown)
    page = open_page(path)
    for key in ("End", "ArrowUp", "Home"):
        page.locator("#list").focus()
        page.keyboard.press(key)
    assert chosen(page) == "0"
    page.locator("#lambda").fill("3")
    page.locator("#search").fill("0" if case == "one word" else "moon")
    assert page.locator("#found .word").count() == 1
    page.set_viewport_size({"width": 700, "height": 700})  # redraws
    assert page.locator("#map circle").count() == model.topics_.n_topics
    assert (
        page.locator("svg").evaluate_all("all => all.some(s => /NaN/.test(s.outerHTML))") is False
    )


def test_five_hundred_topics_load_and_react(open_page: Any, large: Path) -> None:
    page = open_page(large)
    assert page.locator("#map circle").count() == 500 == page.locator("#list .row").count()
    page.locator("#list").focus()
    page.keyboard.press("End")
    assert chosen(page) == "499"
    visible = page.evaluate(
        """() => { const list = document.getElementById('list').getBoundingClientRect();
             const row = document.getElementById('row-499').getBoundingClientRect();
             return row.top >= list.top - 1 && row.bottom <= list.bottom + 1; }"""
    )
    assert visible
    # labels are placed without overlap, so that not all of 500 are shown
    boxes = page.locator("#map text.words").evaluate_all(
        """all => all.map(t => t.getBoundingClientRect())
                     .map(b => [b.left, b.right, b.top, b.bottom])"""
    )
    assert 0 < len(boxes) < 500
    meet = [
        (a, b)
        for i, a in enumerate(boxes)
        for b in boxes[:i]
        if a[1] > b[0] + 2 and a[0] < b[1] - 2 and a[3] > b[2] + 3 and a[2] < b[3] - 3
    ]
    assert meet == []
    before = page.locator("#circle-7 circle").get_attribute("cx")
    assert page.locator("#apart").is_checked()
    page.locator("#apart").uncheck()
    assert page.locator("#circle-7 circle").get_attribute("cx") != before
    page.locator("#search").fill("word77")
    assert page.locator("#found .word").inner_text() == "word77"
    page.locator("#lambda").fill("0")
    assert len(words(page)) >= 5
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
