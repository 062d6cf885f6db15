"""The page's application: its files, its models and reports, and errors in one line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from swapcore.app.anonymizing import MAX_PHOTOGRAPHS
from swapcore.app.examples import CLIP, FOLDER, IMAGES
from swapcore.app.jobs import BusyError, JobRunner
from swapcore.app.models import OfferedModels
from swapcore.app.rendered_people import RenderedPeople
from swapcore.app.reports import GIVEN, REPORT_FILES, PageReports
from swapcore.app.responses import as_response, describe_swapcore_error, error_response
from swapcore.app.routes import add_job_routes, add_swap_route
from swapcore.app.video_swapping import MAX_FRAMES, MAX_VIDEO_MEGAPIXELS
from swapcore.data.images import MAX_UPLOAD_MEGAPIXELS
from swapcore.errors import SwapcoreError

MAX_REQUEST_BYTES = 48 * 1024 * 1024
"""Both images of a swap together."""
MAX_JOB_BYTES = 192 * 1024 * 1024
"""All images of an anonymization, or a video with its source."""
_PAGE = Path(__file__).parent / "page"
_SCRIPTS = (
    "main", "about", "anonymize", "compare", "dom", "evaluation", "job", "photo", "picker", "server", "video",
)  # fmt: skip
_PAGE_FILES = {
    "/": ("index.html", "text/html"),
    "/app.css": ("app.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    **{f"/{name}.js": (f"{name}.js", "text/javascript") for name in _SCRIPTS},
}
_EXAMPLE_FILES = {f"/examples/{name}": (name, "image/webp") for name in IMAGES} | {
    f"/examples/{CLIP}": (CLIP, "video/mp4")
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src 'self' blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)
"""The report is a single file; it is shown in a sandbox without access to the page."""
_LIMITS = {"/anonymize": (MAX_JOB_BYTES, MAX_PHOTOGRAPHS + 1), "/video": (MAX_JOB_BYTES, 3)}
"""URL path to bytes and number of parts of its form, where they differ from those of a swap."""


def make_app(
    models: OfferedModels, reports: PageReports, people: RenderedPeople, hosts: list[str] | None, device: str = "auto"
) -> Flask:
    """Build the page's WSGI application.

    No path of a request names a file of the server: the files that can be served are fixed lists.

    Args:
        models: what the page offers.
        reports: the evaluations to show.
        people: rendered people with known true swaps.
        hosts: accepted Host headers, against DNS rebinding; None accepts any.
        device: where jobs run the model.
    """
    app = Flask(__name__, static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MAX_REQUEST_BYTES, MAX_FORM_PARTS=4, TRUSTED_HOSTS=hosts)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the metrics are ordered
    jobs = JobRunner()
    _check_requests(app)
    _serve_files(app, _PAGE, _PAGE_FILES)
    _serve_files(app, FOLDER, _EXAMPLE_FILES)
    _serve_reports(app, reports, models)
    add_swap_route(app, jobs, models, people)
    add_job_routes(app, jobs, models, device)
    _handle_errors(app)

    @app.get("/about")
    def about() -> Response:
        return jsonify(
            model=models.given.details,
            models=[
                {"reference": each.reference, "label": each.label, "details": each.details} for each in models.offered
            ],
            reports=reports.urls(GIVEN),
            examples=[f"/examples/{name}" for name in IMAGES],
            clip=f"/examples/{CLIP}",
            limits=_limits(),
            job=jobs.job and {"id": jobs.job.id, "kind": jobs.job.kind, "state": jobs.job.state},
        )

    return app


def _limits() -> dict[str, Any]:
    """Limits that the page checks before it sends a request."""
    return {
        "swap_bytes": MAX_REQUEST_BYTES,
        "job_bytes": MAX_JOB_BYTES,
        "photographs": MAX_PHOTOGRAPHS,
        "megapixels": MAX_UPLOAD_MEGAPIXELS,
        "frames": MAX_FRAMES,
        "video_megapixels": MAX_VIDEO_MEGAPIXELS,
    }


def _check_requests(app: Flask) -> None:
    @app.before_request
    def check() -> Response | None:
        """Refuse changes by other sites, and set the limits of the route."""
        if request.method in {"GET", "HEAD"}:
            return None
        if not _is_from_page():
            return error_response("only the page itself may request swaps", 403)
        if request.path in _LIMITS:
            request.max_content_length, request.max_form_parts = _LIMITS[request.path]
        return None


def _is_from_page() -> bool:
    """Whether a request is from the page or from a program that is no browser: browsers name another site in one of two headers."""
    site, origin = (request.headers.get(name) for name in ("Sec-Fetch-Site", "Origin"))
    return site in {None, "same-origin", "none"} and (origin is None or urlsplit(origin).netloc == request.host)


def _serve_files(app: Flask, folder: Path, files: Mapping[str, tuple[str, str]]) -> None:
    """Serve exactly these files: URL path -> (file name, MIME type)."""
    for address, (name, mime_type) in files.items():

        def send(path: Path = folder / name, mime_type: str = mime_type) -> Response:
            return Response(path.read_bytes(), mimetype=mime_type)

        app.add_url_rule(address, address, send)


def _serve_reports(app: Flask, reports: PageReports, models: OfferedModels) -> None:
    @app.get("/evaluations")
    def evaluations() -> Response:
        return jsonify(evaluations=reports.described(models.offered))

    @app.get("/<any(report, 'champion-report'):place>/<any('sheet.png', 'report.html'):name>")
    def report_file(place: str, name: str) -> Response:
        path = reports.file(place, name)
        if path is None:
            return error_response("there is no evaluation yet; run `dvc repro`", 404)
        return Response(
            path.read_bytes(), mimetype=REPORT_FILES[name], headers={"Content-Security-Policy": _REPORT_POLICY}
        )


def _handle_errors(app: Flask) -> None:
    """Answer each failure with one line of JSON; unexpected errors without their details."""

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["Cache-Control"] = _HEADERS["Cache-Control"]
        return response

    @app.errorhandler(SwapcoreError)
    def refused(error: SwapcoreError) -> Response:
        return as_response(describe_swapcore_error(error), 409 if isinstance(error, BusyError) else 422)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        code = error.code or 500
        most = _LIMITS.get(request.path, (MAX_REQUEST_BYTES, 0))[0] >> 20
        limit = f"the files have more than {most} MB together; use smaller ones"
        return error_response({413: limit, 404: "no such page"}.get(code, error.name), code)
