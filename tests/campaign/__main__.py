"""`python -m tests.campaign --seed N --files 2000`: bad and good input of every kind to every command."""

import argparse
import functools
import os
import shutil
import sys
import tempfile
from pathlib import Path
from unittest import mock

from tests.campaign.commands import Findings, Round

FILES_PER_ROUND = 40


def campaign(seed: int, num_files: int, work: Path) -> Findings:
    """Run rounds until num_files files were tried; stop at the first round whose memory is too large."""
    from swapcore.anonymization import replacements
    from swapcore.config import NetworkParams
    from swapcore.faces import cnn_detector
    from swapcore.inference.image_swapper import Swapper
    from swapcore.provenance import watermark
    from tests.inference.small_model import write_model

    findings = Findings()
    model = write_model(work / "model", NetworkParams(kind="dlib", path=None, sha256=None))
    swapper = Swapper(model)
    rendered_once = functools.cache(replacements.portrait)
    with (
        # Rendering people takes most of the time of anonymize, and is not what is tried here.
        mock.patch.object(replacements, "MAX_PEOPLE", 2),
        mock.patch.object(replacements, "portrait", rendered_once),
        mock.patch.object(cnn_detector, "CNN_INPUT_PX", 96),
        # Images without a mark are searched for turned ones; two of the 34 views do.
        mock.patch.object(watermark, "_VIEWS", watermark._VIEWS[:2]),
    ):
        for number, first in enumerate(range(0, num_files, FILES_PER_ROUND)):
            place = work / f"round-{number}"
            place.mkdir()
            each = Round(seed, number, place, model, findings)
            each.images(min(FILES_PER_ROUND, num_files - first))
            each.video()
            each.texts()
            each.requests(swapper)
            each.memory()
            for folder in place.rglob("locked"):
                folder.chmod(0o755)
            shutil.rmtree(place)
            print(f"seed {seed}, round {number}: {len(findings.problems)} problems", file=sys.stderr, flush=True)
    return findings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", type=int, default=2000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="campaign-") as folder:
        os.environ.setdefault("SWAPCORE_CONFIG", f"{folder}/config")
        findings = campaign(given.seed, given.files, Path(folder))
    for name, count in sorted(findings.kinds.items()):
        print(f"{count:6d} {name}")
    print("exit codes:", ", ".join(f"{name}: {count}" for name, count in sorted(findings.codes.items())))
    for problem in findings.problems:
        print(f"FOUND {problem}")
    print(
        f"seed {given.seed}: {sum(findings.kinds.values())} inputs of {len(findings.kinds)} kinds, {len(findings.problems)} problems"
    )
    sys.exit(bool(findings.problems))


if __name__ == "__main__":
    main()
