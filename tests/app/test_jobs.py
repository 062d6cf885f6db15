"""One job at a time, its progress, cancellation and files."""

import threading
from pathlib import Path

import pytest

from swapcore.app.jobs import BusyError, Job, JobResult, JobRunner
from swapcore.errors import InputError
from swapcore.progress import progress


def finish(runner: JobRunner) -> Job:
    """Wait for the thread of the last job."""
    for thread in threading.enumerate():
        if thread.name.startswith("swapcore-"):
            thread.join(60)
    assert runner.job is not None
    return runner.job


def write_one(folder: Path) -> JobResult:
    (folder / "a.txt").write_text("a")
    return JobResult({"n": 1}, {"a.txt": folder / "a.txt"})


def test_a_finished_job_keeps_its_files_until_it_is_removed() -> None:
    runner = JobRunner()
    job = runner.start("video", lambda folder: write_one)
    finish(runner)
    assert job.state == "done"
    assert job.result is not None
    assert job.result.files["a.txt"].read_text() == "a"
    assert job.folder.stat().st_mode & 0o077 == 0
    runner.remove(job)
    assert not job.folder.exists()
    assert runner.get(job.id) is None


def test_the_next_job_deletes_the_files_of_the_last_one() -> None:
    runner = JobRunner()
    first = runner.start("video", lambda folder: write_one)
    finish(runner)
    second = runner.start("anonymize", lambda folder: write_one)
    finish(runner)
    assert not first.folder.exists()
    assert second.folder.exists()
    runner.remove(second)


def test_a_running_job_reports_progress_refuses_others_and_can_be_canceled() -> None:
    runner, reached, proceed = JobRunner(), threading.Event(), threading.Event()

    def slow(folder: Path) -> JobResult:
        for number in progress(range(5), "counting"):
            if number == 2:
                reached.set()
                assert proceed.wait(60)
        return JobResult({}, {})

    job = runner.start("video", lambda folder: slow)
    assert reached.wait(60)
    assert (job.state, job.phase, job.done, job.total) == ("running", "counting", 2, 5)
    with pytest.raises(BusyError, match="video is running"):
        runner.start("anonymize", lambda folder: write_one)
    with pytest.raises(BusyError), runner.short_task():
        pass
    runner.remove(job)
    proceed.set()
    finish(runner)
    assert job.state == "canceled"
    assert not job.folder.exists()
    with runner.short_task():
        pass


def test_errors_of_the_user_and_of_the_program_end_a_job() -> None:
    runner = JobRunner()

    def wrong(folder: Path) -> JobResult:
        raise InputError("video: is too long")

    def broken(folder: Path) -> JobResult:
        raise ZeroDivisionError("secret detail")

    for task, text in ((wrong, "video: is too long"), (broken, "failed unexpectedly")):
        job = runner.start("video", lambda folder, task=task: task)
        finish(runner)
        assert job.state == "failed"
        assert text in str(job.error)
        assert "secret" not in str(job.error)
        assert not job.folder.exists()


def test_uploads_that_are_refused_leave_no_files() -> None:
    runner, folders = JobRunner(), []

    def refuse(folder: Path):
        folders.append(folder)
        (folder / "upload").write_text("x")
        raise InputError("video: is no video")

    with pytest.raises(InputError):
        runner.start("video", refuse)
    assert not folders[0].exists()
    assert runner.job is None


def test_an_id_of_any_characters_is_compared() -> None:
    runner = JobRunner()
    job = runner.start("video", lambda folder: write_one)
    assert runner.get(job.id) is job
    assert [runner.get(name) for name in ("", "é", "\udce9", "👩", job.id + "\0")] == [None] * 5
