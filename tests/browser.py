"""A headless Chromium controlled over the W3C WebDriver protocol, without further packages."""

import base64
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MISSING = "chromium and chromedriver are not installed (Debian: apt-get install chromium chromium-driver)"
LOGS = {"browser": "ALL", "performance": "ALL"}
TIMEOUT_S = 240.0
"""Of requests and conditions; a loaded machine needs minutes for what takes a second."""
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1200,1900",
]  # fmt: skip

KEYS = {
    "Tab": "\ue004", "Enter": "\ue007", "Home": "\ue011", "End": "\ue010", "Left": "\ue012", "Right": "\ue014", "Space": " ",
}  # fmt: skip
"""Names to the code points of the WebDriver protocol."""


class Browser:
    """One session."""

    def __init__(self, driver: str, capabilities: dict[str, Any]) -> None:
        self._driver = driver
        self._session = ""
        answer = self._ask("POST", "session", capabilities={"alwaysMatch": capabilities})
        self._session = f"session/{answer['sessionId']}/"

    def _ask(self, method: str, path: str, **body: Any) -> Any:
        url = f"{self._driver}/{self._session}{path}"
        answer = requests.request(method, url, json=body if method == "POST" else None, timeout=TIMEOUT_S)
        value = answer.json()["value"]
        assert answer.ok, f"{path}: {value}"
        return value

    def open(self, url: str) -> None:
        self._ask("POST", "url", url=url)

    def run(self, script: str) -> Any:
        """Return the value of a JavaScript function body."""
        return self._ask("POST", "execute/sync", script=script, args=[])

    def _find(self, css: str) -> str:
        return str(self._ask("POST", "element", using="css selector", value=css)[_ELEMENT])

    def click(self, css: str) -> None:
        self._ask("POST", f"element/{self._find(css)}/click")

    def type(self, css: str, text: str) -> None:
        """Type into an element; a file input selects the file of this path."""
        self._ask("POST", f"element/{self._find(css)}/value", text=text)

    def wait(self, condition: str, seconds: float = TIMEOUT_S) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"return Boolean({condition})"):
            assert time.monotonic() < end, f"never true: {condition}"
            time.sleep(0.1)

    def text(self, css: str) -> str:
        """The visible text of an element."""
        return str(self._ask("GET", f"element/{self._find(css)}/text"))

    def press(self, *keys: str) -> None:
        """Press and release keys of the element that has the focus; names as in KEYS, or single characters."""
        values = [KEYS.get(key, key) for key in keys]
        actions = [{"type": kind, "value": value} for value in values for kind in ("keyDown", "keyUp")]
        self._ask("POST", "actions", actions=[{"type": "key", "id": "keyboard", "actions": actions}])

    def devtools(self, command: str, **parameters: Any) -> Any:
        """Send a command of the Chrome DevTools protocol."""
        return self._ask("POST", "goog/cdp/execute", cmd=command, params=parameters)

    def emulate(self, width: int, height: int, *, scheme: str = "light") -> None:
        """Set the size of the page in CSS pixels and the preferred color scheme."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def log(self, kind: str) -> list[dict[str, Any]]:
        """Take the entries of a log: browser, or performance for the requests."""
        return list(self._ask("POST", "se/log", type=kind))

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._ask("GET", "screenshot")))

    def close(self) -> None:
        requests.delete(f"{self._driver}/{self._session.rstrip('/')}", timeout=TIMEOUT_S)


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser with its profile in this folder."""
    assert DRIVER is not None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = (folder / "chromedriver.log").open("wb")
    driver = subprocess.Popen(
        [DRIVER, f"--port={port}"], stdout=log, stderr=log, env=os.environ | {"HOME": str(folder)}
    )
    try:
        _wait_for(lambda: requests.get(f"http://127.0.0.1:{port}/status", timeout=5).ok)
        options = {"binary": CHROMIUM, "args": [*_FLAGS, f"--user-data-dir={folder / 'profile'}"]}
        opened = Browser(
            f"http://127.0.0.1:{port}",
            {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": LOGS},
        )
        try:
            yield opened
        finally:
            opened.close()
    finally:
        driver.terminate()
        driver.wait(20)
        log.close()


def _wait_for(ready: Callable[[], bool], seconds: float = TIMEOUT_S) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if ready():
                return
        except requests.ConnectionError:
            assert time.monotonic() < end, "chromedriver did not start"
        time.sleep(0.1)
