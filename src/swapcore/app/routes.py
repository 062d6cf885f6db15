"""Routes of the page's work: swaps, jobs, and their results."""

import secrets
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Any

from flask import Flask, Response, jsonify, request, send_file

from swapcore.app import anonymizing, video_swapping
from swapcore.app.anonymizing import AnonymizeTask
from swapcore.app.jobs import Job, JobRunner
from swapcore.app.models import OfferedModels
from swapcore.app.rendered_people import RenderedPeople
from swapcore.app.responses import describe_swapcore_error, error_response
from swapcore.app.swapping import PageSwapper
from swapcore.app.uploads import read_upload, save_one, save_photographs
from swapcore.app.video_swapping import VideoTask
from swapcore.serving.requests import read_choice

MAX_KEPT_IMAGES = 24
"""In memory; the oldest are dropped."""
_NO_JOB = "no such job; its files were deleted"


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


def add_swap_route(app: Flask, jobs: JobRunner, models: OfferedModels, people: RenderedPeople) -> None:
    """Add the swap of two images."""
    images = ResultStore()

    @app.get("/images/<name>.png")
    def image(name: str) -> Response:
        data = images.get(name)
        return (
            error_response("no such image; swap again", 404) if data is None else Response(data, mimetype="image/png")
        )

    @app.post("/swap")
    def swap() -> Response:
        if missing := _missing("source", "template"):
            return error_response(f"{missing}: no image; choose one", 400)
        model = models.choose(request.form.get("model", ""))
        face = read_choice(request.form.get("face", "one"), "face")
        source, template = (read_upload(request.files[field], field) for field in ("source", "template"))
        with jobs.short_task():
            result = PageSwapper(models.load(model), people).swap(source, template, face)
        return jsonify(
            result=images.add(result.result),
            template=images.add(result.template),
            truth=result.truth and images.add(result.truth),
            num_faces=result.num_faces,
            metrics=result.metrics,
            marks=result.marks,
            model=model.details,
        )


def add_job_routes(app: Flask, jobs: JobRunner, models: OfferedModels, device: str) -> None:
    """Add the jobs, their progress and their results."""

    @app.post("/anonymize")
    def anonymize() -> Response:
        files = request.files.getlist(anonymizing.PHOTOGRAPHS)
        if not files:
            return error_response(f"{anonymizing.PHOTOGRAPHS}: no image; choose one or more", 400)
        model = models.choose(request.form.get("model", ""))

        def prepare(folder: Path) -> AnonymizeTask:
            save_photographs(files, folder / anonymizing.PHOTOGRAPHS)
            return AnonymizeTask(model.pinned, device)

        return jsonify(_describe(jobs.start("anonymize", prepare)))

    @app.post("/video")
    def video() -> Response:
        if missing := _missing(video_swapping.SOURCE, video_swapping.VIDEO):
            return error_response(f"{missing}: no file; choose one", 400)
        model = models.choose(request.form.get("model", ""))

        def prepare(folder: Path) -> VideoTask:
            names = {video_swapping.SOURCE: "source.png", video_swapping.VIDEO: "clip.mp4"}
            paths = {field: save_one(request.files[field], folder / field, name) for field, name in names.items()}
            video_swapping.check_video(paths[video_swapping.VIDEO])
            return VideoTask(**paths, model=model.pinned, device=device)

        return jsonify(_describe(jobs.start("video", prepare)))

    @app.get("/jobs/<job_id>")
    def progress(job_id: str) -> Response:
        job = jobs.get(job_id)
        return jsonify(_describe(job)) if job else error_response(_NO_JOB, 404)

    @app.delete("/jobs/<job_id>")
    def remove(job_id: str) -> Response:
        job = jobs.get(job_id)
        if job is None:
            return error_response(_NO_JOB, 404)
        jobs.remove(job)
        return jsonify(_describe(job))

    @app.get("/jobs/<job_id>/<name>")
    def result(job_id: str, name: str) -> Response:
        job = jobs.get(job_id)
        path = job.result.files.get(name) if job and job.result else None
        if path is None or not path.is_file():
            return error_response(_NO_JOB, 404)
        return send_file(path, download_name=name)


def _missing(*fields: str) -> str | None:
    """The first field without a file."""
    return next((field for field in fields if field not in request.files), None)


def _describe(job: Job) -> dict[str, Any]:
    """State, progress, and the summary or the error of a job."""
    described = {name: getattr(job, name) for name in ("id", "kind", "state", "phase", "done", "total")}
    if job.result:
        described["summary"] = job.result.summary
    return described | (describe_swapcore_error(job.error) if job.error else {})
