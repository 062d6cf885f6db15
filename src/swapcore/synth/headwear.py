"""Caps and beanies that fit the skull."""

import numpy as np
import numpy.typing as npt

from swapcore.synth.hair.scalp import SKULL_CENTER, Array, smoothstep
from swapcore.synth.head import Head
from swapcore.synth.layers import Layer, Material, Part
from swapcore.synth.solids import RadialFit, directions, grid_triangles, make_layer

CAP, BEANIE = 1, 2
_COLUMNS = 96
_CLOTH = np.array([
    (0.020, 0.022, 0.030), (0.035, 0.050, 0.11), (0.16, 0.022, 0.025), (0.10, 0.10, 0.10), (0.06, 0.085, 0.045),
    (0.30, 0.26, 0.20), (0.55, 0.54, 0.52), (0.12, 0.06, 0.035),
])  # fmt: skip


def hat_line(style: int, where: Array) -> Array:
    """Height (N,) of the lower border of a cap or beanie at points (N, 3) of the head, cm."""
    behind = smoothstep(2.0, -18.0, where[..., 2])
    front, back = (4.3, 1.6) if style == CAP else (3.9, -1.2)
    return np.asarray(front + (back - front) * behind, dtype=np.float32)


def wear_headwear(style: int, head: Head, color_seed: int) -> tuple[Layer, ...]:
    """Fit headwear to a head.

    Args:
        style: 0 none, 1 a cap with a brim, 2 a beanie.
        head: the head at rest.
        color_seed: chooses the color.

    Raises:
        ValueError: the style is unknown.
    """
    if style == 0:
        return ()
    if style not in (CAP, BEANIE):
        raise ValueError(f"headwear: style {style} is unknown; use 0 none, {CAP} cap or {BEANIE} beanie")
    rng = np.random.default_rng([color_seed, 32])
    color = _CLOTH[rng.integers(len(_CLOTH))] * rng.uniform(0.75, 1.3, 3).mean()
    skull = head.vertices[(head.canonical[:, 1] > -6) & (head.groups["ears"] < 0.1)]
    fit = RadialFit(skull, SKULL_CENTER, pole=1)
    return _cap(fit, color, rng) if style == CAP else _beanie(fit, color, rng)


def _ring(fit: RadialFit, style: int, azimuth: Array, clearance: float) -> tuple[Array, Array]:
    """Points (C, 3) of the lower border and their polar angles (C,)."""
    polar = np.full(len(azimuth), 1.2)
    for _ in range(8):
        ray = directions(polar, azimuth, 1)
        point = SKULL_CENTER + ray * (fit.radius(ray) + clearance)[:, None]
        error = point[:, 1] - hat_line(style, point)
        polar = np.clip(polar + error / 9.5, 0.5, 2.1)
    return point.astype(np.float32), polar.astype(np.float32)


def _dome(fit: RadialFit, style: int, clearance: npt.NDArray[np.float64], peak: float) -> tuple[Array, Array]:
    """Points (R, C, 3) from the border to the top and their shares (R, C) of the way; clearance (R,) in cm."""
    azimuth = np.linspace(-np.pi, np.pi, _COLUMNS, endpoint=False)
    _, border = _ring(fit, style, azimuth, float(clearance[0]))
    share = np.linspace(0, 1, len(clearance)) ** 0.9
    polar = border[None] * (1 - share[:, None]) + 0.004 * share[:, None]
    ray = directions(polar, np.broadcast_to(azimuth, polar.shape), 1)
    radius = fit.radius(ray) + clearance[:, None] + peak * share[:, None] ** 2
    return (SKULL_CENTER + ray * radius[..., None]).astype(np.float32), polar


def _cloth_detail(points: Array) -> Array:
    """Surface coordinates (R x C, 2) in cm of a grid (R, C, 3)."""
    around = np.cumsum(np.linalg.norm(np.diff(points, axis=1, prepend=points[:, :1]), axis=2), 1)
    up = np.cumsum(np.linalg.norm(np.diff(points, axis=0, prepend=points[:1]), axis=2), 0)
    return np.stack([around, up], -1).reshape(-1, 2).astype(np.float32)


def _cap(fit: RadialFit, color: npt.NDArray[np.float64], rng: np.random.Generator) -> tuple[Layer, ...]:
    rows = 26
    clearance = np.r_[0.28, 0.62, np.linspace(0.75, 0.85, rows - 2)]
    points, _ = _dome(fit, CAP, clearance, 0.2)
    azimuth = np.linspace(-np.pi, np.pi, _COLUMNS, endpoint=False)
    seam = np.exp(-(((((azimuth * 3 / np.pi + 0.5) % 1) - 0.5) / 0.05) ** 2))
    outward = points - SKULL_CENTER
    outward /= np.linalg.norm(outward, axis=2, keepdims=True)
    points = points - outward * (0.05 * seam)[None, :, None]
    shade = np.ones((rows, _COLUMNS, 1)) * (1 - 0.25 * seam[None, :, None])
    band = np.linspace(0, 1, rows)[:, None, None] < 0.10
    shade = np.where(band, shade * 0.9, shade)
    crown = make_layer(
        points, grid_triangles(rows, _COLUMNS, True), (shade * color).reshape(-1, 3), Material.CLOTH, Part.HEADWEAR,
        detail=_cloth_detail(points), two_sided=True,
    )  # fmt: skip
    brim_color = color if rng.random() < 0.7 else color * 0.4
    top, under = _brim(fit, 0.0), _brim(fit, -0.16)[:, ::-1]
    edge = np.stack([_brim(fit, -0.16)[-1], _brim(fit, 0.0)[-1]])
    brim = [
        make_layer(p, grid_triangles(*p.shape[:2]), brim_color * f, Material.CLOTH, Part.HEADWEAR,
                   detail=_cloth_detail(p), two_sided=True)
        for p, f in ((top, 1.0), (under, 0.8), (edge, 0.9))
    ]  # fmt: skip
    return (crown, *brim)


def _brim(fit: RadialFit, lower: float) -> Array:
    """(R, C, 3) a visor that curves down at its sides."""
    azimuth = np.linspace(-0.98, 0.98, 41)
    inner, _ = _ring(fit, CAP, azimuth, 0.25)
    side = azimuth / 0.98
    reach = 6.6 * np.sqrt(np.clip(1 - side**2, 0, 1)) ** 0.8
    share = np.linspace(0, 1, 9)[:, None]
    forward = np.stack([0.10 * np.sin(azimuth), np.full_like(side, -0.20), np.ones_like(side)], 1)
    points = inner[None] + share[..., None] * (reach[:, None] * forward)[None]
    droop = 0.9 * side**2 * share * (reach / 6.6) + 0.35 * share**2
    points[..., 1] += lower + 0.22 - 0.30 * smoothstep(0.0, 0.12, share) - droop
    return points.astype(np.float32)


def _beanie(fit: RadialFit, color: npt.NDArray[np.float64], rng: np.random.Generator) -> tuple[Layer, ...]:
    rows = 40
    azimuth = np.linspace(-np.pi, np.pi, _COLUMNS * 2, endpoint=False)
    _, border = _ring(fit, BEANIE, azimuth, 0.5)
    share = np.linspace(0, 1, rows)[:, None] ** 0.95
    polar = border[None] * (1 - share) + 0.004 * share
    ray = directions(polar, np.broadcast_to(azimuth, polar.shape), 1)
    cuff = smoothstep(0.0, 0.03, share) * smoothstep(0.27, 0.245, share)
    slack = 0.7 + rng.uniform(0.0, 1.6) * smoothstep(0.4, 1.0, share)
    rib = 0.06 * np.cos(azimuth * 48)[None] * (1 - 0.6 * share)
    wrinkle = 0.08 * np.sin(3 * azimuth[None] + 9 * share) * smoothstep(0.3, 0.5, share)
    radius = fit.radius(ray) + 0.30 + slack * smoothstep(0, 0.04, share) + 0.32 * cuff + rib + wrinkle
    points = (SKULL_CENTER + ray * radius[..., None]).astype(np.float32)
    shade = 1 - 0.20 * (0.5 - 0.5 * np.cos(azimuth * 48))[None, :, None] * (1 - share[..., None])
    shade = shade * (1 - 0.3 * np.exp(-(((share - 0.26) / 0.012) ** 2)))[..., None]
    knit = make_layer(
        points, grid_triangles(rows, len(azimuth), True), (shade * color).reshape(-1, 3), Material.CLOTH, Part.HEADWEAR,
        detail=_cloth_detail(points), two_sided=True,
    )  # fmt: skip
    return (knit,)
