"""The page in Chromium: choose, swap, compare with the slider, show an error; a screenshot is kept."""

import os
import threading
from pathlib import Path

import cv2
import pytest

from swapcore.app.running import start
from tests.browser import CHROMIUM, DRIVER, MISSING, browser

SCREENSHOT = (
    Path(os.environ.get("SWAPCORE_SCREENSHOTS", Path(__file__).parents[2] / "reports" / "screenshots")) / "app.png"
)


@pytest.mark.slow
@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason=MISSING)
def test_the_page_in_chromium(model, photographs, people, report, tmp_path) -> None:
    server = start(model, report, people, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with browser(tmp_path) as page:
            page.open(f"http://127.0.0.1:{server.port}/")
            page.wait("document.getElementById('model').textContent.includes('digest')")
            page.type("#source", str(photographs / "no_face.png"))
            assert page.run("return document.getElementById('go').disabled")
            page.type("#template", str(people / "person-00001" / "0000.png"))
            page.click("#go")
            page.wait("document.getElementById('error').textContent.includes('source: no face')")
            page.type("#source", str(people / "person-00000" / "0000.png"))
            page.click("#go")
            page.wait("!document.getElementById('swapped').hidden && document.getElementById('after').naturalWidth > 0")
            assert page.run("return document.getElementById('error').textContent") == ""
            assert "watermark  found" in page.run("return document.getElementById('marks').textContent")
            metrics = page.run("return document.getElementById('metrics').textContent")
            assert (
                metrics.index("cosine to source")
                < metrics.index("cosine to template")
                < metrics.index("result to truth, dB PSNR")
            )
            page.wait("document.getElementById('truth').naturalWidth > 0")
            page.run("const s = document.getElementById('slider'); s.value = 25; s.dispatchEvent(new Event('input'))")
            assert "25%" in page.run("return document.getElementById('after').style.clipPath")
            page.wait("document.getElementById('sheet').naturalWidth > 0")
            SCREENSHOT.parent.mkdir(parents=True, exist_ok=True)
            page.screenshot(SCREENSHOT)
    finally:
        server.shutdown()
        thread.join(20)
    assert cv2.imread(str(SCREENSHOT)).std() > 10
