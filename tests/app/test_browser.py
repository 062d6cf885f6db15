"""The page in Chromium: each tab, errors, the keyboard, small screens, dark mode, and no request to elsewhere."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import pytest

from swapcore.app import running
from tests.browser import CHROMIUM, DRIVER, MISSING, Browser, browser

SCREENSHOTS = Path(os.environ.get("SWAPCORE_SCREENSHOTS", Path(__file__).parents[2] / "reports" / "screenshots"))
TABS = ("photo", "anonymize", "video", "evaluation", "about")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)]


@pytest.fixture(scope="module")
def address(model, people, report) -> Iterator[str]:
    server = running.start(model, report, people, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/"
    server.shutdown()
    thread.join(20)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture
def page(chromium: Browser, address: str) -> Browser:
    """The page, opened again in the size of a laptop."""
    chromium.emulate(1280, 800)
    chromium.open("about:blank")
    chromium.open(address)
    chromium.wait("document.body.dataset.ready")
    return chromium


def keep(page: Browser, name: str) -> None:
    """Keep a screenshot, which must show something."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(SCREENSHOTS / f"{name}.png")
    assert cv2.imread(str(SCREENSHOTS / f"{name}.png")).std() > 10


def hidden(identifier: str) -> str:
    return f"document.getElementById('{identifier}').hidden"


def test_a_swap_of_two_images_with_an_error_at_its_field(page, photographs, people) -> None:
    page.type("#photo-source-file", str(photographs / "no_face.png"))
    page.click("#photo-go")
    page.wait("document.querySelector('#photo-template .field-error').textContent.includes('Choose an image first')")
    page.type("#photo-template-file", str(people / "person-00001" / "0000.png"))
    page.click("#photo-go")
    page.wait("document.querySelector('#photo-source .field-error').textContent.includes('No face was found')")
    assert page.run("return document.activeElement.id") == "photo-source-file"
    assert page.text("#photo-template .field-error") == ""
    keep(page, "photo-error")
    page.type("#photo-source-file", str(people / "person-00000" / "0000.png"))
    assert page.text("#photo-source .field-error") == ""
    page.click("#photo-go")
    page.wait(f"!{hidden('photo-result')} && document.querySelector('#photo-compare .after').naturalWidth > 0")
    assert "synthetic" in page.text("#photo-note")
    assert page.run("return document.getElementById('photo-save').download") == "0000-swapped.png"
    page.click("#photo-result summary")
    assert "watermark  found" in page.text("#photo-marks")
    metrics = page.text("#photo-metrics")
    assert metrics.index("cosine to source") < metrics.index("result to truth, dB PSNR")
    page.wait("document.getElementById('photo-truth').naturalWidth > 0")
    keep(page, "photo")


def test_the_comparison_slides_and_zooms(page, photographs) -> None:
    for field in ("source", "template"):
        page.type(f"#photo-{field}-file", str(photographs / f"{field}.png"))
    page.click("#photo-go")
    page.wait(f"!{hidden('photo-result')} && document.querySelector('#photo-compare .after').style.clipPath")
    page.run("document.querySelector('#photo-compare .viewport').focus()")
    before = page.run("return document.querySelector('#photo-compare .after').style.clipPath")
    page.press("Right", "Right")
    assert page.run("return document.querySelector('#photo-compare input').value") == "54"
    assert page.run("return document.querySelector('#photo-compare .after').style.clipPath") != before
    page.press("1")
    assert page.text("#photo-compare output") == "100 %"
    assert page.run("return document.querySelector('#photo-compare .canvas').clientWidth") == 400
    page.press("+", "+", "+", "+")
    assert page.text("#photo-compare output") == "506 %"
    assert page.run("const v = document.querySelector('#photo-compare .viewport'); return v.scrollLeft > 100")
    page.press("0")
    assert page.run(
        "const v = document.querySelector('#photo-compare .viewport'); return v.scrollWidth <= v.clientWidth"
    )


def test_examples_and_the_exchange_of_both_images(page) -> None:
    page.click("#photo-source .examples button:nth-child(2)")
    page.wait("document.querySelector('#photo-source .drop img').naturalWidth == 720")
    page.click("#photo-template .examples button:nth-child(4)")
    page.wait("document.querySelector('#photo-template [aria-pressed=true]')")
    page.click("#exchange")
    page.wait("document.querySelector('#photo-source .examples button:nth-child(4)').ariaPressed == 'true'")
    page.click("#photo-template .clear")
    assert page.run("return document.querySelector('#photo-template .drop img').hidden")
    assert page.run("return document.activeElement.id") == "photo-template-file"


def test_images_can_be_pasted_and_dropped(page) -> None:
    page.run(
        "const bytes = Uint8Array.from(atob('R0lGODlhAQABAAAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw=='), c => c.charCodeAt(0));"
        "const data = new DataTransfer(); data.items.add(new File([bytes], 'dot.gif', {type: 'image/gif'}));"
        "document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true}));"
        "document.querySelector('#photo-template .drop').dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true}))"
    )
    for field in ("source", "template"):
        page.wait(f"document.querySelector('#photo-{field} .drop img').naturalWidth == 1")


def test_a_folder_is_anonymized(page, photographs) -> None:
    page.click("#tab-anonymize")
    page.click("#anonymize-go")
    page.wait("document.querySelector('#anonymize .field-error').textContent.includes('Choose one or more images')")
    page.type("#anonymize-files-folder", str(photographs))
    page.wait("document.querySelectorAll('.thumbs li').length == 3")
    page.click(".thumbs li:last-child .clear")
    assert page.text("#anonymize-files .faint").startswith("2 images")
    page.click("#anonymize-go")
    page.wait(f"!{hidden('anonymize-result')}", seconds=300)
    page.wait("document.querySelector('#anonymize-film img').naturalWidth > 0")
    assert "1 face in 1 image" in page.text("#anonymize-note")
    assert "no_face.png No face was found" in page.text("#anonymize-left")
    keep(page, "anonymize")
    url = page.run("return document.getElementById('anonymize-save').href")
    assert page.run(f"const r = new XMLHttpRequest(); r.open('GET', '{url}', false); r.send(); return r.status") == 200
    page.click("#anonymize-result .outcome .secondary")
    page.wait(f"!{hidden('anonymize-empty')}")
    assert page.run(f"const r = new XMLHttpRequest(); r.open('GET', '{url}', false); r.send(); return r.status") == 404


def test_a_video_is_previewed_canceled_and_swapped(page, photographs, clip) -> None:
    page.click("#tab-video")
    page.type("#video-source-file", str(photographs / "source.png"))
    page.type("#video-clip-file", str(clip))
    page.wait("document.querySelector('#video-original video').readyState >= 2")
    page.click("#video-try")
    page.wait(f"!{hidden('video-preview')} && document.querySelector('#video-compare .after').naturalWidth == 320")
    page.click("#video-go")
    page.click("#video-progress button")
    page.wait(hidden("video-progress"))
    assert page.run(f"return {hidden('video-result')}")
    page.wait("!document.getElementById('video-go').disabled")
    page.click("#video-go")
    page.wait(f"!{hidden('video-result')} || document.getElementById('video-error').textContent", seconds=300)
    assert page.text("#video-error") == ""
    assert "8 of 8 frames" in page.text("#video-note")
    page.wait("document.querySelector('#video-result video').readyState >= 2")
    keep(page, "video")


def test_the_evaluation_and_the_about_tab(page) -> None:
    page.click("#tab-evaluation")
    page.wait("document.querySelector('.sheet img')?.naturalWidth > 0")
    assert "Evaluated: model." in page.text("#evaluations")
    assert "91.5 %" in page.text(".headlines")
    assert page.run("return document.querySelectorAll('.table tbody tr').length") == 4 + 2
    keep(page, "evaluation")
    page.click("#tab-about")
    assert "at most 25 megapixels" in page.text("#limits")
    assert "digest" in page.text("#models")
    keep(page, "about")


def test_the_keyboard_reaches_everything(page) -> None:
    page.run("document.getElementById('tab-photo').focus()")
    for name in (*TABS[1:], TABS[0]):
        page.press("Right")
        assert page.run("return document.activeElement.id") == f"tab-{name}"
        assert page.run(f"return !{hidden(name)}")
        assert page.run("return document.querySelectorAll('main > section:not([hidden])').length") == 1
    page.press("End")
    assert page.run("return location.hash") == "#about"
    page.press("Home", "Tab")
    assert page.run("return document.activeElement.id") == "model"
    page.press("Tab", "Tab")
    assert page.run("return document.activeElement.closest('.examples').parentElement.id") == "photo-source"
    page.press("Enter")
    page.wait("document.querySelector('#photo-source .drop img').naturalWidth > 0")
    outline = "const s = getComputedStyle(document.activeElement); return s.outlineStyle + s.outlineWidth"
    assert page.run(outline) == "solid3px"
    unnamed = "element => !(element.ariaLabel || element.labels?.length || element.textContent.trim())"
    controls = "document.querySelectorAll('button, input, select, a[href]')"
    names = page.run(f"return [...{controls}].filter({unnamed}).map(element => element.outerHTML)")
    assert names == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_small_screens_and_dark_mode(page, scheme) -> None:
    page.emulate(360, 740, scheme=scheme)
    for name in TABS:
        page.click(f"#tab-{name}")
        assert page.run("return document.documentElement.scrollWidth") == 360, name
        keep(page, f"{name}-360-{scheme}")
    light = page.run(
        "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every(value => value > 128)"
    )
    assert light == (scheme == "light")
    sizes = page.run(
        "return [...document.querySelectorAll('[role=tab]')].map(tab => tab.getBoundingClientRect().height)"
    )
    assert min(sizes) >= 36


def test_no_request_leaves_the_machine_and_the_policy_is_kept(page, address) -> None:
    page.log("performance")
    page.open(f"{address}#photo")
    page.open("about:blank")
    page.open(address)
    page.wait("document.body.dataset.ready")
    for name in TABS:
        page.click(f"#tab-{name}")
    messages = [json.loads(entry["message"])["message"] for entry in page.log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert {urlsplit(url).hostname for url in urls if url.startswith("http")} == {"127.0.0.1"}
    assert any(url.endswith("/main.js") for url in urls)
    assert [entry["message"] for entry in page.log("browser") if "Content Security Policy" in entry["message"]] == []
    page.run("const i = document.createElement('img'); i.src = 'http://example.invalid/x.png'; document.body.append(i)")
    page.wait("document.querySelector('body > img').complete")
    assert any("Content Security Policy" in entry["message"] for entry in page.log("browser"))
