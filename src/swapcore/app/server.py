"""The page's routes: a fixed list of files, and results kept in memory."""

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from swapcore.app.swapping import PageSwapper, Upload
from swapcore.errors import SwapcoreError

MAX_REQUEST_BYTES = 48 * 1024 * 1024
"""Both uploads together."""
MAX_KEPT_IMAGES = 24
"""In memory; the oldest are dropped."""
_PAGE = Path(__file__).parent / "page"
_PAGE_FILES = {
    "/": ("index.html", "text/html"),
    "/app.js": ("app.js", "text/javascript"),
    "/app.css": ("app.css", "text/css"),
}
_REPORT_FILES = {"/report/sheet.png": ("sheet.png", "image/png"), "/report/report.html": ("report.html", "text/html")}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
"""The report is a single file; it is shown in a sandbox without access to the page."""


class ResultStore:
    """The most recent images, under names that cannot be guessed."""

    def __init__(self) -> None:
        self._images: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def add(self, data: bytes) -> str:
        """Store a PNG and return its URL path."""
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._images[name] = data
            while len(self._images) > MAX_KEPT_IMAGES:
                self._images.popitem(last=False)
        return f"/images/{name}.png"

    def get(self, name: str) -> bytes | None:
        """Return the PNG of a name, or None."""
        return self._images.get(name)


def make_app(swapper: PageSwapper, report: Path, hosts: list[str] | None) -> Flask:
    """Build the page's WSGI application.

    No path of a request names a file of the server: the files that can be served are a fixed list.

    Args:
        swapper: swaps the uploads.
        report: folder of the last evaluation; it need not exist.
        hosts: accepted Host headers, against DNS rebinding; None accepts any.
    """
    app = Flask(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MAX_REQUEST_BYTES, MAX_FORM_PARTS=4, TRUSTED_HOSTS=hosts)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the metrics are ordered
    _serve_files(app, _PAGE, _PAGE_FILES, {})
    _serve_files(app, report, _REPORT_FILES, {"Content-Security-Policy": _REPORT_POLICY})
    _serve_swaps(app, swapper)
    _handle_errors(app)

    @app.get("/about")
    def about() -> Response:
        reports = [url for url, (name, _) in _REPORT_FILES.items() if (report / name).is_file()]
        return jsonify(model=swapper.model, reports=reports)

    return app


def _serve_swaps(app: Flask, swapper: PageSwapper) -> None:
    images = ResultStore()

    @app.get("/images/<name>.png")
    def image(name: str) -> Response:
        data = images.get(name)
        return _error("no such image; swap again", 404) if data is None else Response(data, mimetype="image/png")

    @app.post("/swap")
    def swap() -> Response:
        if not _is_from_page():
            return _error("only the page itself may request swaps", 403)
        missing = [field for field in ("source", "template") if field not in request.files]
        if missing:
            return _error(f"{missing[0]}: no image; choose one", 400)
        result = swapper.swap(*(_upload(field) for field in ("source", "template")))
        return jsonify(
            result=images.add(result.result),
            template=images.add(result.template),
            truth=result.truth and images.add(result.truth),
            metrics=result.metrics,
            marks=result.marks,
        )


def _is_from_page() -> bool:
    """Whether a POST comes from the page or from a program that is no browser: browsers name another site in one of two headers."""
    site, origin = (request.headers.get(name) for name in ("Sec-Fetch-Site", "Origin"))
    return site in {None, "same-origin", "none"} and (origin is None or urlsplit(origin).netloc == request.host)


def _upload(field: str) -> Upload:
    stored = request.files[field]
    return Upload(Path(stored.filename or field).name[:100] or field, stored.read())


def _serve_files(app: Flask, folder: Path, files: Mapping[str, tuple[str, str]], headers: dict[str, str]) -> None:
    """Serve exactly these files: URL path -> (file name, MIME type)."""
    for address, (name, mime_type) in files.items():

        def send(path: Path = folder / name, mime_type: str = mime_type) -> Response:
            try:
                return Response(path.read_bytes(), mimetype=mime_type, headers=headers)
            except OSError:
                return _error("there is no evaluation yet; run `dvc repro`", 404)

        app.add_url_rule(address, address, send)


def _handle_errors(app: Flask) -> None:
    """Answer each failure with one line of JSON; unexpected errors without their details."""

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @app.errorhandler(SwapcoreError)
    def refused(error: SwapcoreError) -> Response:
        return _error(str(error), 422)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        code = error.code or 500
        limit = f"the images have more than {MAX_REQUEST_BYTES >> 20} MB together; use smaller ones"
        return _error({413: limit, 404: "no such page"}.get(code, error.name), code)


def _error(message: str, status: int) -> Response:
    response = jsonify(error=message)
    response.status_code = status
    return response
