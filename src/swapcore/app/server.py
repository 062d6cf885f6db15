"""The page's routes: a fixed list of files and pictures kept in memory; no path of a request ever names a file of the server."""

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from swapcore.app.swapping import Swapping, Upload
from swapcore.errors import SwapcoreError

MAX_REQUEST_BYTES = 48 * 1024 * 1024
"""Both photographs together."""
KEPT = 24
"""Pictures in memory; older ones are forgotten."""
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
"""The report is one page that needs nothing but itself; it is shown as a stranger's."""


class Pictures:
    """The last pictures, under names that cannot be guessed."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def keep(self, data: bytes) -> str:
        """Keep a PNG and give its address."""
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._kept[name] = data
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return f"/pictures/{name}.png"

    def find(self, name: str) -> bytes | None:
        """The PNG of a name."""
        return self._kept.get(name)


def make_app(swapping: Swapping, report: Path, hosts: list[str] | None) -> Flask:
    """The page over a model.

    Args:
        swapping: answers the swaps.
        report: folder of the last evaluation; it need not exist.
        hosts: names by which the page may be called, so that no other site's name can be pointed at this machine; None: any.
    """
    app = Flask(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MAX_REQUEST_BYTES, MAX_FORM_PARTS=4, TRUSTED_HOSTS=hosts)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the figures have an order
    pictures = Pictures()
    _serve_files(app, _PAGE, _PAGE_FILES, {})
    _serve_files(app, report, _REPORT_FILES, {"Content-Security-Policy": _REPORT_POLICY})

    @app.get("/pictures/<name>.png")
    def picture(name: str) -> Response:
        data = pictures.find(name)
        return _plain("no such picture; swap again", 404) if data is None else Response(data, mimetype="image/png")

    @app.get("/about")
    def about() -> Response:
        return jsonify(
            model=swapping.model, reports=[url for url, (name, _) in _REPORT_FILES.items() if (report / name).is_file()]
        )

    @app.post("/swap")
    def swap() -> Response:
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
            return _plain("only the page itself may ask for swaps", 403)
        missing = [field for field in ("source", "template") if field not in request.files]
        if missing:
            return _plain(f"{missing[0]}: no photograph; choose one", 400)
        answer = swapping.answer(*(_upload(field) for field in ("source", "template")))
        return jsonify(
            result=pictures.keep(answer.result),
            template=pictures.keep(answer.template),
            truth=answer.truth and pictures.keep(answer.truth),
            figures=answer.figures,
            marks=answer.marks,
        )

    _answer_errors(app)
    return app


def _upload(field: str) -> Upload:
    stored = request.files[field]
    return Upload(Path(stored.filename or field).name[:100] or field, stored.read())


def _serve_files(app: Flask, folder: Path, files: Mapping[str, tuple[str, str]], headers: dict[str, str]) -> None:
    """Exactly these addresses give exactly these files."""
    for address, (name, kind) in files.items():

        def give(path: Path = folder / name, kind: str = kind) -> Response:
            try:
                return Response(path.read_bytes(), mimetype=kind, headers=headers)
            except OSError:
                return _plain("there is no evaluation yet; run `dvc repro`", 404)

        app.add_url_rule(address, address, give)


def _answer_errors(app: Flask) -> None:
    """Every failure is one line of JSON; what we did not foresee is said without its details."""

    @app.after_request
    def guard(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @app.errorhandler(SwapcoreError)
    def refused(error: SwapcoreError) -> Response:
        return _plain(str(error), 422)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        code = error.code or 500
        limit = f"the photographs have more than {MAX_REQUEST_BYTES >> 20} MB together; use smaller ones"
        return _plain({413: limit, 404: "no such page"}.get(code, error.name), code)


def _plain(message: str, status: int) -> Response:
    response = jsonify(error=message)
    response.status_code = status
    return response
