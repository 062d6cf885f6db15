"""Make the picture of the local page: `PYTHONPATH=. python docs/make_app_picture.py`."""

import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import PIL.Image

from swapcore.app.running import start
from tests.browser import browser

PICTURE = Path(__file__).parent / "images" / "app.jpg"
SOURCE, TEMPLATE = 5, 3
"""Numbers of the examples."""


def main() -> None:
    """Swap two examples in Chromium and write the picture."""
    with TemporaryDirectory() as folder, browser(Path(folder)) as page:
        server = start("builtin:warp", Path(folder) / "none", Path(folder) / "none", "127.0.0.1", 0)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page.emulate(1280, 800)
        page.open(f"http://127.0.0.1:{server.port}/")
        page.wait("document.body.dataset.ready")
        for field, number in (("source", SOURCE), ("template", TEMPLATE)):
            page.click(f"#photo-{field} .examples button:nth-child({number})")
            page.wait(f"document.querySelector('#photo-{field} .drop img').naturalWidth > 0")
        page.click("#photo-go")
        page.wait("document.querySelector('#photo-compare .after').style.clipPath")
        page.run("document.activeElement.blur()")
        page.screenshot(Path(folder) / "page.png")
        PIL.Image.open(Path(folder) / "page.png").convert("RGB").save(PICTURE, quality=88)
        server.shutdown()
    print(PICTURE)


if __name__ == "__main__":
    main()
