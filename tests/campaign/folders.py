"""Input folders with hostile names, links, hidden and system files."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from swapcore.ops.image import encode_png
from tests.campaign.images import IMAGES, Rng, suffix_of
from tests.drawn_photographs import draw_face

NAMES = {
    "long": "n" * 251, "long in bytes": "é" * 125, "line break": "a\nb", "carriage return": "a\rb", "emoji": "👩‍🚀", "dash": "-rf",
    "space": " ", "brackets": "[a-z]*", "question": "what?", "quotes": "it's \"me\"", "right to left": "\u202egnp",
    "escape": "\x1b[31m", "comma": "a,b;c\td", "not UTF-8": os.fsdecode(b"caf\xe9"), "decomposed": "e\u0301", "backslash": "a\\b",
    "percent": "%s%n", "formula": "=1+1", "device": "con", "dots": "a..b",
}  # fmt: skip
LINKS = ("broken link", "link to itself", "folder loop", "folder linked twice", "pipe", "empty folder", "deep folder", "hidden folder",
         "system folder", "thumbnails", "colliding results", "case twins", "no permission", "read-only folder")  # fmt: skip


class Made(NamedTuple):
    """An input folder."""

    folder: Path
    kinds: dict[str, int]
    """Kind -> number of files."""


def make_folder(folder: Path, rng: Rng, num_files: int) -> Made:
    """Fill a folder with num_files files of random kinds, in sub-folders of people, and a consent.csv."""
    kinds: dict[str, int] = {}
    people = [folder / name for name in ("anna", "ben", "Zoë [2]")]
    for person in people:
        person.mkdir(parents=True)
    (folder / "consent.csv").write_text("identity,basis,licence,expires\n*,a test,none,\n")
    # One good image, so that every command has something to do.
    (people[0] / "good.png").write_bytes(encode_png(draw_face(1, size_px=176, eye_distance_px=40)[0]))
    for number in range(num_files):
        kind = str(rng.choice(list(IMAGES)))
        place = people[int(rng.integers(len(people)))]
        start = f"{number:04d}"
        if rng.random() < 0.25:
            name = str(rng.choice(list(NAMES)))
            start, kinds[f"name: {name}"] = NAMES[name], kinds.get(f"name: {name}", 0) + 1
        suffix = suffix_of(kind, rng)
        room = 255 - len(os.fsencode(suffix))
        path = place / (os.fsdecode(os.fsencode(start)[:room]) + suffix)
        if not os.path.lexists(path):
            path.write_bytes(IMAGES[kind](rng))
            kinds[kind] = kinds.get(kind, 0) + 1
    for kind in LINKS:
        if rng.random() < 0.6:
            add_link(kind, people[int(rng.integers(len(people)))], folder, rng)
            kinds[kind] = kinds.get(kind, 0) + 1
    return Made(folder, kinds)


def add_link(kind: str, place: Path, root: Path, rng: Rng) -> None:
    """Add a link, special file or special folder of a kind."""
    good = (root / "anna" / "good.png").read_bytes()
    faceless = IMAGES["good PNG"](rng)  # takes less time
    if kind == "broken link":
        (place / "broken.png").symlink_to("nowhere.png")
    elif kind == "link to itself":
        (place / "self.png").symlink_to("self.png")
    elif kind == "folder loop":
        (place / "loop").symlink_to(root)
    elif kind == "folder linked twice":
        (place / "again").symlink_to(root / "anna")
    elif kind == "pipe":
        os.mkfifo(place / "pipe.png")
    elif kind == "empty folder":
        (place / "nothing").mkdir()
    elif kind == "deep folder":
        deep = place.joinpath(*["d" * 40] * 40)
        deep.mkdir(parents=True)
        (deep / "deep.png").write_bytes(faceless)
    elif kind == "no permission":  # for root, as in a container, these two are like any other
        (place / "secret.png").write_bytes(faceless)
        (place / "secret.png").chmod(0)
    elif kind == "read-only folder":
        (place / "locked").mkdir()
        (place / "locked" / "1.png").write_bytes(faceless)
        (place / "locked").chmod(0o555)
    elif kind == "colliding results":
        for name in ("x.bmp", "x.bmp.png", "X.BMP.png"):
            (place / name).write_bytes(good)
    elif kind == "case twins":
        for name in ("twin.png", "TWIN.png"):
            (place / name).write_bytes(good)
    else:
        hidden = (
            place / {"hidden folder": ".ipynb_checkpoints", "system folder": "@eaDir", "thumbnails": "Thumbs.db"}[kind]
        )
        if kind == "thumbnails":
            hidden.write_bytes(good)
        else:
            hidden.mkdir()
            (hidden / "1.png").write_bytes(good)


def expected_rows(folder: Path) -> int:
    """Number of files that need a row, by a rule of its own: visible files, and links to folders that are listed already.

    A folder that is reached by links only does not occur here.
    """
    rows = 0
    for _, folders, files in os.walk(folder):
        linked = [name for name in folders if (Path(_) / name).is_symlink()]
        folders[:] = [name for name in folders if not _is_skipped(name) and name not in linked]
        rows += len(linked) + sum(not _is_skipped(name) for name in files)
    return rows


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or name in {"@eaDir", "Thumbs.db"}


def snapshot(folder: Path) -> dict[str, object]:
    """Everything below a folder that a command must not change."""
    found: dict[str, object] = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place) / name
            status = path.lstat()
            content: object = str(path.readlink()) if path.is_symlink() else None
            if content is None and path.is_file() and os.access(path, os.R_OK):
                content = path.read_bytes()
            found[str(path)] = (status.st_mode, status.st_mtime_ns, content)
    return found


def seeded(*numbers: int) -> Rng:
    return np.random.default_rng(numbers)
