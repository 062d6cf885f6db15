"""From an identity to the coarse vertices of its head."""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from swapcore.synth.asset import Floats, load_asset
from swapcore.synth.curves import smoothsteps
from swapcore.synth.head import find_eyes
from swapcore.synth.identity import SHAPE_PARAMETERS, Identity

LIMIT = 2.2
"""A shape parameter of 1 is this many standard deviations from the mean."""
_SPREAD = {
    "head": 0.237, "forehead": 0.264, "eyebrows": 0.3, "eye": 0.341, "nose": 0.297, "mouth": 0.248, "cheek": 0.363,
    "chin": 0.319, "ear": 0.264, "neck": 0.154, "asym": 0.08,
}  # fmt: skip
"""Standard deviation, among people, of the share of a target that a parameter applies; three times as much gives monsters."""
_NARROWER = {
    "eye_scale": 0.5, "eye_trans_out": 0.75, "eye_push1": 0.6, "eye_push2": 0.6, "nose_trans_out": 0.0,
    "mouth_trans_out": 0.0, "nose_scale_vert": 0.5, "nose_trans_up": 0.5, "mouth_trans_up": 0.45,
    "head_scale_vert": 0.5, "head_scale_horiz": 0.85, "head_angle": 0.5, "head_triangular": 1.4, "head_square": 1.25,
    "head_fat": 1.15, "nose_point": 0.6, "eyebrows_trans_forward": 0.6, "forehead_nubian": 0.6,
    "forehead_scale_vert": 0.7, "chin_height": 0.7, "ear_shape_pointed": 0.4, "ear_shape_triangle": 0.5,
    "ear_trans_up": 0.6,
}  # fmt: skip
"""Factors of single parameters' deviations: chosen so that proportions vary among people as much as in photographs."""
LARGEST_CM = {
    "head": 1.39, "forehead": 1.6, "eyebrows": 0.6, "eye": 0.535, "nose": 0.856, "mouth": 0.567, "cheek": 0.706, "chin": 1.12,
    "ear": 1.18, "neck": 1.18, "asym": 0.22,
}  # fmt: skip
"""Farthest that the parameters of one region together move a vertex. Single parameters at their ends look natural; many of one
region, all pushing the same way, give a caricature."""
_EVERYBODY = {
    "eye_scale": 1.3, "eye_height1": 0.25, "eye_height2": 0.25, "eye_height3": 0.25, "mouth_angles": 0.3, "chin_height": 0.2,
}  # fmt: skip
"""Shares of targets that everybody has: the mesh's own eyes are smaller than people's, and its mouth frowns (measured by the
distance to photographs, benchmarks/renderer.py)."""
_PEOPLE = {
    "chin_bones": -0.2, "chin_height": -0.145, "chin_jaw_drop": -0.05, "chin_triangle": 0.15, "chin_width": -0.28,
    "eye_corner1": -0.09, "eye_epicanthus": -0.043, "eye_eyefold": -0.047, "eye_height1": 0.046, "eye_scale": -0.15,
    "eye_trans_out": 0.52, "forehead_nubian": -0.25, "head_angle": -0.04, "head_diamond": 0.065, "head_fat": -0.4,
    "head_invertedtriangular": 0.075, "head_oval": 0.1, "head_rectangular": -0.23, "head_round": 0.09,
    "head_scale_horiz": -0.18, "head_square": -0.26, "head_triangular": -0.19, "mouth_angles": -0.2,
    "mouth_lowerlip_height": -0.45, "mouth_lowerlip_volume": -0.15, "mouth_scale_horiz": 0.14,
    "mouth_scale_vert": -0.41, "mouth_trans_up": -0.06, "mouth_upperlip_height": -0.52,
    "mouth_upperlip_middle": -0.09, "mouth_upperlip_volume": -0.15, "nose_base": 0.155, "nose_nostrils_angle": -0.05,
    "nose_point_width": -0.22, "nose_scale_horiz": -0.28, "nose_scale_vert": -0.15, "nose_septumangle": -0.04,
    "nose_trans_up": 0.12, "nose_volume": -0.18, "nose_width2": -0.12, "nose_width3": -0.25,
}  # fmt: skip
"""What people have besides, and the canonical head has not. Fitted to the means of proportions in photographs: face mesh
landmarks of rendered people against those of photographed ones, and for jaw and lips the exact vertices, because the face mesh
draws a rendered jaw and rendered lips nearer to the mean than they are (docs/experiments.md)."""
_MEN = {
    "head_scale_horiz": 0.108, "eye_trans_up": -0.135, "head_oval": 0.034, "chin_height": 0.030, "mouth_trans_up": 0.018,
}  # fmt: skip
"""What men have besides, and women have not, as shares of targets: the mesh's sexes differ three times as much in the length of
the middle of the face as people do."""
_TILT_DEG = 4.5
"""The mesh's rest faces down by this much against people who face a camera."""
_TILT_BOTTOM, _TILT_TOP = -16.0, -8.5
"""Heights in cm between which the neck takes the tilt."""
_SEX_GAIN, _ANCESTRY_GAIN = 1.3, 1.1
"""Distance of sex and ancestry from the middle, as a multiple of the targets': dlib's embeddings of the mesh's own are closer
together than those of people."""
_OLDEST = 0.75
"""Share of the target `old` at the age of 85; the target itself is older."""


def coarse_vertices(identity: Identity) -> Floats:
    """(N, 3) cm, at rest, centered between the eyes."""
    male = 2 * identity.masculinity - 1
    offsets = _PEOPLE | {name: _PEOPLE.get(name, 0.0) + male * share for name, share in _MEN.items()}
    return center_on_eyes(_tilted(_mixed(identity, offsets)))


def _mixed(identity: Identity, offsets: dict[str, float]) -> Floats:
    """(N, 3) cm: the base mesh with all targets, and offsets of the shape parameters that everybody has."""
    asset = load_asset()
    weights = macro_weights(identity)
    moved = asset.base.astype(np.float64)
    for name, weight in weights.items():
        if weight != 0:
            moved += weight * asset.macro[name]
    shared, own = _shares(identity, offsets)
    for region, targets in _regions().items():
        moved += (targets.matrix @ targets.ends(shared)).reshape(moved.shape)
        deviation = targets.matrix @ (targets.ends(shared + own) - targets.ends(shared))
        moved += limited(deviation.reshape(moved.shape), LARGEST_CM[region])
    return center_on_eyes(moved.astype(np.float32))


def _shares(identity: Identity, offsets: dict[str, float]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Shares of the shape parameters' targets: (P,) those of everybody with offsets, and (P,) the person's besides."""
    shared = [_EVERYBODY.get(name, 0.0) + offsets.get(name, 0.0) for name in SHAPE_PARAMETERS]
    return np.array(shared), np.array(identity.shape) * _spreads()


@dataclass(frozen=True)
class RegionTargets:
    """The targets of the shape parameters of one region; R of them."""

    numbers: npt.NDArray[np.int64]
    """(R,) in the order of SHAPE_PARAMETERS."""
    matrix: sparse.csr_matrix
    """(3N, 2R) cm that the vertices move: toward the positive ends, then toward the negative ones."""

    def ends(self, shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """(2R,) how far the shares (P,) of all parameters go toward the two ends of each of the region's."""
        of_region = shares[self.numbers]
        return np.concatenate([np.maximum(of_region, 0), np.maximum(-of_region, 0)])


@functools.cache
def _regions() -> dict[str, RegionTargets]:
    """Region -> its targets; most vertices are far from most of them, so products with sparse matrices are fast."""
    local, regions = load_asset().local, np.array([name.split("_")[0] for name in SHAPE_PARAMETERS])
    targets = {}
    for region in LARGEST_CM:
        numbers = np.flatnonzero(regions == region)
        ends = [local[SHAPE_PARAMETERS[n]][end].ravel() for end in (0, 1) for n in numbers]
        targets[region] = RegionTargets(numbers, sparse.csr_matrix(np.stack(ends, 1).astype(np.float64)))
    return targets


def limited(field: Floats, largest_cm: float) -> Floats:
    """Scale a displacement (N, 3) so that it moves no vertex farther than a limit; half of the limit is hardly changed."""
    share = float(np.sqrt((np.asarray(field) ** 2).sum(-1).max())) / largest_cm
    return np.asarray(field / (1 + share**4) ** 0.25)


def _tilted(coarse: Floats) -> Floats:
    """Tilt the head (N, 3) up about the middle of the eyes; the neck bends and the shoulders stay."""
    height = coarse[:, 1]
    angle = np.deg2rad(_TILT_DEG) * smoothsteps(_TILT_BOTTOM, _TILT_TOP, height)
    y, z = coarse[:, 1], coarse[:, 2]
    cosine, sine = np.cos(angle), np.sin(angle)
    tilted = np.stack([coarse[:, 0], y * cosine + z * sine, z * cosine - y * sine], 1)
    return np.asarray(tilted, dtype=np.float32)


@functools.cache
def _spreads() -> npt.NDArray[np.float64]:
    return np.array([LIMIT * _SPREAD[name.split("_")[0]] * _NARROWER.get(name, 1.0) for name in SHAPE_PARAMETERS])


def macro_weights(identity: Identity) -> dict[str, float]:
    """Name of a macro target -> its share, which may be negative: products of sex, age, ancestry, muscle and weight."""
    ancestry = np.array([identity.african, identity.asian, identity.caucasian])
    ancestry = ancestry / ancestry.sum() if ancestry.sum() > 0 else np.full(3, 1 / 3)
    ancestry = 1 / 3 + _ANCESTRY_GAIN * (ancestry - 1 / 3)
    male = 0.5 + _SEX_GAIN * (identity.masculinity - 0.5)
    old = _OLDEST * identity.age**1.3
    weights = {}
    for sex, of_sex in (("female", 1 - male), ("male", male)):
        for age, of_age in (("young", 1 - old), ("old", old)):
            for name, share in zip(("african", "asian", "caucasian"), ancestry, strict=True):
                weights[f"{name}-{sex}-{age}"] = float(of_sex * of_age * share)
            for muscle, of_muscle in _thirds(identity.muscle).items():
                for weight, of_weight in _thirds(identity.weight).items():
                    name = f"universal-{sex}-{age}-{muscle}muscle-{weight}weight"
                    weights[name] = float(of_sex * of_age * of_muscle * of_weight)
    return weights


def _thirds(value: float) -> dict[str, float]:
    """Piecewise linear weights of the two ends and the middle."""
    return {"min": max(0.0, 1 - 2 * value), "average": 1 - abs(2 * value - 1), "max": max(0.0, 2 * value - 1)}


def center_on_eyes(coarse: Floats) -> Floats:
    """Move vertices (N, 3) so that the middle between the eyeballs is the origin: the macro targets change the body's height."""
    (left, _), (right, _) = find_eyes(coarse)
    return coarse - (left + right) / 2


@functools.cache
def mean_coarse() -> Floats:
    """(N, 3) the mean of man and woman of mixed ancestry, at about forty: the canonical head."""
    middle = Identity.mean()
    shapes = [_mixed(middle.but(masculinity=sex), {}) for sex in (0.0, 1.0)]
    return center_on_eyes((shapes[0] + shapes[1]) / 2)
