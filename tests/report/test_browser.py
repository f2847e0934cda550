"""Pages and TensorBoard as a reader sees them: in headless Chromium, where there is one."""

import dataclasses
import io
import itertools
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from tfsergan.report import board, figures, overview, page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run", "--disable-quic"),
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader"),  # the projector draws with WebGL
)
PATIENCE = 120_000  # ms
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1400, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra dev)")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: install it, or put it on the PATH")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS), timeout=PATIENCE)
        yield found
        found.close()


@pytest.fixture(scope="module")
def overview_page(several_runs, tmp_path_factory):
    """The page of several runs, with a figure."""
    folder = tmp_path_factory.mktemp("several")
    figures.save(figures.training_curves({"run": {"loss": [1.0, 2.0]}}), folder / "figures" / "figure2.png")
    sources = [dataclasses.replace(several_runs[0], folder=folder), *several_runs[1:]]
    overview.write_overview(folder / "report.html", sources)
    return folder / "report.html"


@pytest.fixture
def opened(browser):
    """`opened(path, **context)`: a page, and what it complained of or asked the network for."""
    contexts, faults = [], []

    def go(path, viewport=DESK, **options):
        contexts.append(browser.new_context(viewport=viewport, **options))
        contexts[-1].set_default_timeout(PATIENCE)
        found = contexts[-1].new_page()
        found.on("console", lambda message: faults.append(message.text))
        found.on("pageerror", lambda error: faults.append(str(error)))
        found.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else faults.append(r.url))
        found.goto(path.as_uri())
        return found

    yield go
    for context in contexts:
        context.close()
    assert faults == []


def chosen(tab, **values: str) -> list[str]:
    """Chooses filters; gives the anchors of the entries that are visible then."""
    for name, value in values.items():
        tab.select_option(f"select[name={name}]", value)
    return tab.eval_on_selector_all(
        ".run", "all => all.filter(e => e.offsetParent).map(e => e.querySelector('h3').id)"
    )


def distinct_colours(png: bytes) -> int:
    with Image.open(io.BytesIO(png)) as image:
        return len(set(image.convert("RGB").resize((200, 200)).getdata()))


def test_every_link_has_its_target(opened, overview_page):
    from playwright import sync_api

    tab = opened(overview_page)
    links = tab.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href'))")
    ids = tab.eval_on_selector_all("[id]", "all => all.map(e => e.id)")
    assert len(links) > 30
    assert {link[1:] for link in links} <= set(ids)
    assert len(set(ids)) == len(ids)
    tab.click(".contents a[href='#bao2019-1']")
    # The browser scrolls in its next frame.
    sync_api.expect(tab.locator("#bao2019-1")).to_be_in_viewport(timeout=PATIENCE)
    assert 0 <= tab.eval_on_selector("#bao2019-1", "e => e.getBoundingClientRect().top") < 300


def test_filters_hide_and_show_what_they_say(opened, overview_page):
    tab = opened(overview_page)
    everything = chosen(tab)
    assert len(everything) == tab.locator(".run").count()
    assert chosen(tab, paper="bao2019") == ["bao2019-1", "bao2019-2", "bao2019-rest"]
    assert tab.locator(".study:visible").count() == 1
    assert tab.inner_text("#shown").startswith("3 of")
    assert chosen(tab, protocol="paper") == ["bao2019-2"]
    assert chosen(tab, paper="", schedule="paper") == ["yi2019-1"]
    assert chosen(tab, protocol="", schedule="", corpus="emodb") == ["yi2019-1", "yi2019-rest", "su2021-rest"]
    for link in tab.locator("a[href^='#']:visible").all():
        assert tab.locator(f"[id='{link.get_attribute('href')[1:]}']").is_visible()
    tab.click("button[type=reset]")
    tab.locator("#shown", has_text=re.compile("^All")).wait_for()
    assert chosen(tab) == everything


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_tables_scroll_and_the_page_does_not(opened, overview_page, scheme):
    tab = opened(overview_page, viewport=PHONE, color_scheme=scheme, reduced_motion="reduce")
    tab.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert tab.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    wide = tab.eval_on_selector_all(".scroll", "all => all.filter(e => e.scrollWidth > e.clientWidth).length")
    assert wide > 0
    background = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")
    assert distinct_colours(tab.screenshot()) > 10


def test_without_a_script_all_is_shown(opened, overview_page):
    tab = opened(overview_page, java_script_enabled=False)
    assert tab.locator(".run:visible").count() == tab.locator(".run").count()
    assert not tab.locator("#filters").is_visible()


def test_in_print_there_are_no_filters_and_nothing_is_cut(opened, overview_page):
    tab = opened(overview_page, viewport={"width": 700, "height": 990})
    tab.emulate_media(media="print")
    assert not tab.locator("#filters").is_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") == 700
    assert tab.eval_on_selector_all(".scroll", "all => all.every(e => e.scrollWidth <= e.clientWidth + 1)")
    assert distinct_colours(tab.screenshot()) > 10
    assert len(tab.pdf()) > 20_000


def test_what_is_read_has_contrast_and_order(opened, overview_page):
    tab = opened(overview_page)
    levels = tab.eval_on_selector_all("h1,h2,h3,h4", "all => all.map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert tab.eval_on_selector_all("th", "all => all.every(th => th.scope)")
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        for selector in (".chip", ".standing", ".size", "a"):
            ratios = tab.eval_on_selector_all(selector, CONTRAST)
            assert min(ratios) >= 4.5, (scheme, selector)


CONTRAST = """
all => all.filter(e => e.offsetParent).map(e => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  let behind = e;
  while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
  const [one, other] = [getComputedStyle(e).color, getComputedStyle(behind || document.body).backgroundColor].map(light);
  return (Math.max(one, other) + .05) / (Math.min(one, other) + .05);
})
"""


def test_the_page_of_one_run_has_no_faults(opened, table, tmp_path):
    page.write_page(
        tmp_path / "report.html",
        title="paper2019",
        citation="A. Author",
        summary=[("Protocol", "strict")],
        warnings=[],
        tables=[table],
        figures=[],
        deviations=[],
        assumptions=[("dropout", "0.2", "assumed")],
        repeat_command="tfsergan reproduce paper2019",
        versions={},
    )
    tab = opened(tmp_path / "report.html", viewport=PHONE)
    assert tab.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    links = tab.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href').slice(1))")
    assert links
    assert all(tab.locator(f"[id='{link}']").count() == 1 for link in links)


# ---- TensorBoard ------------------------------------------------------------------------------------------------


@pytest.fixture
def tensorboard(table, tmp_path):
    """The address of a TensorBoard of a run with curves, results, a figure and a projection."""
    import tensorflow as tf

    curves = tmp_path / "tensorboard" / "training" / "fold 1" / "lambda_cls=2"
    with tf.summary.create_file_writer(str(curves)).as_default(step=1):
        tf.summary.scalar("losses/cycle_loss", 0.5)
        tf.summary.scalar("outputs/D_real", 0.9)
    png = tmp_path / "figures" / "figure2.png"
    figures.save(figures.training_curves({"run": {"loss": [1.0, 2.0]}}), png)
    x = np.random.default_rng(0).normal(size=(30, 5))
    board.project(tmp_path, "figure 2", x, {"emotion": ["angry", "sad"] * 15, "made": ["real"] * 30})
    run = {"paper": "bao2019", "protocol": "strict", "schedule": "quick", "seed": 0, "overrides": {}}
    entry = {"run": run, "corpora": {"labelled": {"name": "iemocap"}}, "settings": {"batch_size": 64}}
    board.write(tmp_path, entry, [table], [("Figure 2. A caption.", png)])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ("-m", "tensorboard.main", "--logdir", str(tmp_path / "tensorboard"), "--port", str(port))
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    server = subprocess.Popen(
        [sys.executable, *words, "--host", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait()


def loaded(address: str, seconds: float = 120) -> bool:
    """Waits until TensorBoard has read the run."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(address + "data/runs", timeout=10) as answer:
                if b"figures" in answer.read():
                    return True
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.5)
    return False


@pytest.mark.slow
def test_tensorboard_shows_curves_figures_sessions_and_vectors(browser, tensorboard):
    assert loaded(tensorboard)
    context = browser.new_context(viewport=DESK)
    context.set_default_timeout(PATIENCE)
    tab = context.new_page()
    expected = {
        "scalars": (
            "losses",
            "outputs",
            "results",
            "training/fold 1/lambda_cls=2",
            "results/table 2, lambda = 0",
        ),
        "images": ("Figure 2. A caption.",),
        "hparams": ("Row", "lambda = 0", "results/UAR, %, Real", "60.300"),
        "projector": ("Points: 30",),
    }
    for name, texts in expected.items():
        tab.goto(f"{tensorboard}#{name}")
        tab.reload()
        # The projector is a page in a frame in a frame.
        shown = tab.frame_locator("iframe").frame_locator("iframe") if name == "projector" else tab
        for text in texts:
            shown.get_by_text(text).first.wait_for(timeout=PATIENCE)
    context.close()
    with urllib.request.urlopen(f"{tensorboard}data/plugin/projector/info?run=figures", timeout=60) as answer:
        assert b"figure 2.labels.tsv" in answer.read()
