"""One round of the campaign: every command on a folder of bad input, and what is checked afterward."""

import contextlib
import errno
import gc
import io
import os
import resource
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from swapcore.app.models import OfferedModels
from swapcore.app.rendered_people import RenderedPeople
from swapcore.app.reports import PageReports
from swapcore.app.server import make_app
from swapcore.cli import main as cli
from swapcore.data.faces import QUARANTINE, QuarantineRow
from swapcore.data.images import read_photograph
from swapcore.errors import UserError
from swapcore.inference import batch
from swapcore.inference.journal import Journal
from swapcore.serving.requests import SwapRequest, respond
from swapcore.tables import read_table
from tests.campaign.folders import expected_rows, make_folder, seeded, snapshot
from tests.campaign.images import IMAGES
from tests.campaign.texts import csv_bytes, http_body, params_text, served_fields
from tests.campaign.videos import make_video

MAX_MEMORY_GB = 4.0
DOCUMENTED = {"inspect": {0, 2, 10, 11}}
ROOT = Path(__file__).parents[2]


@dataclass
class Findings:
    """What a campaign found, and how much it tried."""

    problems: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)

    def add(self, where: str, problem: str) -> None:
        self.problems.append(f"{where}: {problem}")

    def check(self, where: str, *, holds: bool, problem: str) -> None:
        if not holds:
            self.add(where, problem)


def run_command(findings: Findings, where: str, *words: object, codes: set[int] | None = None) -> tuple[int, str]:
    """Run a command in this process; an exception that leaves it, or an exit code that is not documented, is a finding."""
    printed = io.StringIO()
    code = 0
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            cli.main(["-q", *map(str, words)])
        except SystemExit as ended:
            code = int(ended.code or 0)
        except BaseException:
            findings.add(where, traceback.format_exc(limit=-4))
            return -1, printed.getvalue()
    findings.codes[f"{words[0]} {code}"] += 1
    allowed = codes or DOCUMENTED.get(str(words[0]), {0, 2})
    findings.check(where, holds=code in allowed, problem=f"exit code {code}: {printed.getvalue()[-300:]}")
    findings.check(where, holds="Traceback" not in printed.getvalue(), problem=printed.getvalue()[-600:])
    return code, printed.getvalue()


def check_results(findings: Findings, where: str, out: Path, results: list[str]) -> None:
    """Every result is a whole image, and nothing else is left."""
    for name in results:
        try:
            read_photograph(out / name)
        except UserError as error:
            findings.add(where, f"result {name!r}: {error}")
    left = [
        path.name for path in out.parent.rglob(".*") if path.name.endswith((".partial", ".parts", ".survey", ".part"))
    ]
    findings.check(where, holds=not left, problem=f"left behind: {left}")


@contextlib.contextmanager
def unchanged(findings: Findings, where: str, folder: Path) -> Iterator[None]:
    """Check that a command changes no input."""
    before = snapshot(folder)
    yield
    after = snapshot(folder)
    changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    findings.check(where, holds=not changed, problem=f"inputs changed: {changed[:3]}")


class Round:
    """All commands on one set of inputs."""

    def __init__(self, seed: int, number: int, work: Path, model: Path, findings: Findings) -> None:
        self.where = f"seed {seed} round {number}"
        self.rng = seeded(seed, number)
        self.work, self.model, self.findings = work, model, findings

    def images(self, num_files: int) -> None:
        """swap, anonymize, crop and inspect on a folder."""
        made = make_folder(self.work / "in", self.rng, num_files)
        self.findings.kinds.update(made.kinds)
        for name, command in (
            ("swap", self._swap),
            ("anonymize", self._anonymize),
            ("crop", self._crop),
            ("inspect", self._inspect),
        ):
            with unchanged(self.findings, f"{self.where} {name}", made.folder):
                command(made.folder, expected_rows(made.folder))
        self._disappearing(made.folder)
        self._full_disk(made.folder)

    def _swap(self, folder: Path, num_rows: int) -> None:
        out, where = self.work / "swapped", f"{self.where} swap"
        words = ("swap", folder / "anna" / "good.png", folder, "-o", out, "--model", self.model, "--workers", 1)
        code, _ = run_command(self.findings, where, *words)
        rows = Journal(out / batch.JOURNAL, batch.SwapRow).rows
        self.findings.check(where, holds=len(rows) == num_rows, problem=f"{len(rows)} rows for {num_rows} files")
        self.findings.check(where, holds=(code == 2) == any(not row.out for row in rows), problem=f"exit code {code}")
        self.findings.check(where, holds=all(row.out or row.reason for row in rows), problem="a row without a reason")
        results = [row.out for row in rows if row.out]
        self.findings.check(where, holds=len(set(results)) == len(results), problem="two rows with one result")
        check_results(self.findings, where, out, results)

    def _anonymize(self, folder: Path, num_rows: int) -> None:
        from swapcore.anonymization.folder import FILES, FileResult

        out, where = self.work / "anonymous", f"{self.where} anonymize"
        code, _ = run_command(
            self.findings, where, "anonymize", folder, "-o", out, "--model", self.model, "--workers", 1
        )
        rows = Journal(out / FILES, FileResult).rows
        self.findings.check(where, holds=len(rows) == num_rows, problem=f"{len(rows)} rows for {num_rows} files")
        self.findings.check(where, holds=(code == 2) == any(not row.out for row in rows), problem=f"exit code {code}")
        check_results(self.findings, where, out, [row.out for row in rows if row.out])

    def _crop(self, folder: Path, num_rows: int) -> None:
        faces, where = self.work / "faces", f"{self.where} crop"
        code, _ = run_command(
            self.findings, where, "crop", "--photographs", folder, "--faces", faces, "--params", ROOT / "params.yaml"
        )
        if code == 0:
            from swapcore.data.faces import INDEX, FaceRow

            num = len(read_table(faces / QUARANTINE, QuarantineRow)) + len(read_table(faces / INDEX, FaceRow))
            # consent.csv is not a photograph.
            self.findings.check(where, holds=num == num_rows - 1, problem=f"{num} rows for {num_rows - 1} photographs")

    def _inspect(self, folder: Path, _num_rows: int) -> None:
        files = [path for path in sorted(folder.rglob("*")) if not path.is_dir()]
        chosen = [files[int(place)] for place in self.rng.integers(0, len(files), min(len(files), 12))]
        run_command(
            self.findings,
            f"{self.where} inspect",
            "inspect",
            *(["--json"] if self.rng.random() < 0.5 else []),
            "--",
            *chosen,
        )

    def _disappearing(self, folder: Path) -> None:
        """Files that are deleted after they were listed."""
        copy, where = self.work / "vanishing", f"{self.where} disappearing files"
        copy.mkdir()
        for number in range(4):
            (copy / f"{number}.png").write_bytes((folder / "anna" / "good.png").read_bytes())
        listed = batch.list_files

        def list_and_delete(*arguments: object, **options: object) -> object:
            found = listed(*arguments, **options)  # type: ignore[arg-type]
            (copy / f"{int(self.rng.integers(4))}.png").unlink()
            return found

        out = self.work / "vanished"
        with mock.patch.object(batch, "list_files", list_and_delete):
            run_command(
                self.findings,
                where,
                "swap",
                folder / "anna" / "good.png",
                copy,
                "-o",
                out,
                "--model",
                self.model,
                "--workers",
                1,
            )
        rows = Journal(out / batch.JOURNAL, batch.SwapRow).rows
        self.findings.check(
            where, holds=sorted(row.status for row in rows) == ["refused"] + ["swapped"] * 3, problem=str(rows)
        )

    def _full_disk(self, folder: Path) -> None:
        """The disk is full at a random write: one line, exit code 1, nothing half-written; a second run completes."""
        out, where = self.work / "full.png", f"{self.where} full disk"
        write = Path.write_bytes

        def full(path: Path, data: bytes) -> int:
            write(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

        good = folder / "anna" / "good.png"
        words = ("swap", good, good, "-o", out, "--model", self.model)
        with mock.patch.object(Path, "write_bytes", full):
            run_command(self.findings, where, *words, codes={1})
        self.findings.check(where, holds=not list(self.work.glob("*full.png*")), problem="half-written")
        run_command(self.findings, where, *words, codes={0})

    def video(self) -> None:
        kind, path = make_video(self.work, self.rng)
        self.findings.kinds[kind] += 1
        out = self.work / f"out{self.rng.choice(['.mp4', '.mkv', '.mov'])}"
        source = self.work / "in" / "anna" / "good.png"
        with unchanged(self.findings, f"{self.where} {kind}", self.work / "in"):
            run_command(self.findings, f"{self.where} {kind}", "video", source, path, "-o", out, "--model", self.model)
        left = [each.name for each in self.work.glob(".out*")]
        self.findings.check(f"{self.where} {kind}", holds=not left, problem=f"left behind: {left}")
        run_command(self.findings, f"{self.where} {kind}", "inspect", path)
        self._image_as_video(source)

    def _image_as_video(self, source: Path) -> None:
        """FFmpeg reads images too, with kinds of data that videos seldom have."""
        kind = str(self.rng.choice(list(IMAGES)))
        self.findings.kinds[f"as a video: {kind}"] += 1
        image = self.work / f"image{self.rng.choice(['.mp4', '.png', ''])}"
        image.write_bytes(IMAGES[kind](self.rng))
        words = ("video", source, image, "-o", self.work / "of_image.mp4", "--model", self.model)
        run_command(self.findings, f"{self.where} {kind} as a video", *words)
        gc.collect()  # memory that was freed twice shows itself here

    def texts(self) -> None:
        """CSV files, consent files and params."""
        place = self.work / "csv"
        place.mkdir()
        for name, columns in (
            ("list.csv", ["file", "identity", "split"]),
            ("consent.csv", ["identity", "basis", "licence", "expires"]),
        ):
            (place / name).write_bytes(csv_bytes(self.rng, columns))
            self.findings.kinds[name] += 1
        words = ("crop", "--photographs", place / "list.csv", "--faces", self.work / "none")
        run_command(self.findings, f"{self.where} csv", *words, "--params", ROOT / "params.yaml")
        params = self.work / "params.yaml"
        params.write_text(params_text(self.rng, (ROOT / "params.yaml").read_text()))
        self.findings.kinds["params.yaml"] += 1
        run_command(self.findings, f"{self.where} params", *words, "--params", params)
        run_command(self.findings, f"{self.where} configure", "configure", "--params", params, "train.steps=7")

    def requests(self, swapper: object) -> None:
        """Requests to the page and to the served model."""
        models, people = OfferedModels(str(self.model)), RenderedPeople(Path("nowhere"))
        client = make_app(models, PageReports(self.work), people, None).test_client()
        for _ in range(3):
            body, content_type = http_body(self.rng)
            self.findings.kinds["HTTP body"] += 1
            response = self._guarded(
                "page", lambda body=body, kind=content_type: client.post("/swap", data=body, content_type=kind)
            )
            if response is not None:
                self.findings.check(
                    f"{self.where} page", holds=response.status_code < 500, problem=f"HTTP {response.status_code}"
                )
            fields = served_fields(self.rng)
            self.findings.kinds["served request"] += 1
            self._guarded("serve", lambda fields=fields: respond(swapper, [SwapRequest.model_validate(fields)]))  # type: ignore[arg-type]

    def _guarded(self, name: str, call: Callable[[], object]) -> object:
        try:
            return call()
        except (UserError, ValueError):  # pydantic's error is a ValueError; MLflow's server makes 400 of both
            return None
        except Exception:
            self.findings.add(f"{self.where} {name}", traceback.format_exc(limit=-4))
            return None

    def memory(self) -> None:
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        self.findings.check(self.where, holds=used < MAX_MEMORY_GB, problem=f"{used:.1f} GB of memory")
