"""The classical teacher: the source's face is warped onto the template's key points, colored like it and blended in."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.data.faces import Face
from swapcore.ops.color import Lab, from_lab, skin_color, to_lab
from swapcore.ops.geometry import Points
from swapcore.ops.image import Image
from swapcore.ops.masks import Mask, face_coordinates, face_mask, nose_offset, outline_points
from swapcore.teachers.fake import Fake

# Where the warp is held besides the five points: around the inner face, so that brows, forehead and chin move with the
# whole face and not with the nearest key point alone, and a turned head's far cheek comes to lie on the other's.
_NUM_OUTLINE_POINTS = 8
_OUTLINE_GROW = 1.1
_MIN_TURN_GAIN = 0.12
_GRID_STEP_PX = 4
_SOFTNESS = 0.22
_MIN_GAIN, _MAX_GAIN = 0.7, 1.4
_LEAST = 1e-3
_LIGHT_SIGMA = 0.28
_LIGHT_SHARE = 0.6
# The forehead, in the face's frame: it begins above the brows, with a full fringe lower by some, within a short ramp.
# A source's fringe hides its brows, so that the template's may stay; a template's brows below its fringe have to go.
_FOREHEAD_Y = -0.5
_SOURCE_FRINGE_LOWERS, _TEMPLATE_FRINGE_LOWERS = 0.24, 0.12
_FOREHEAD_RAMP = 0.1
# How far, in Lab, skin may differ from the same person's cheeks before it counts as hair.
_SKIN_TOLERANCE = np.array([16.0, 9.0, 9.0], dtype=np.float32)
_SKIN_SURE, _SKIN_NEVER = 0.9, 1.5


def facing_alike(source: Face, template: Face) -> tuple[Image, Points]:
    """The source's image and points, mirrored if it looks to the other side than the template does."""
    turn, wanted = nose_offset(source.points), nose_offset(template.points)
    if abs(turn - wanted) - abs(turn + wanted) < _MIN_TURN_GAIN:
        return source.image, source.points
    swapped_sides = source.points[[1, 0, 2, 4, 3]]
    mirrored = np.stack([source.image.shape[1] - 1 - swapped_sides[:, 0], swapped_sides[:, 1]], axis=-1)
    return np.ascontiguousarray(source.image[:, ::-1]), mirrored


def thin_plate_spline(controls: Points, values: Points, at: Points) -> Points:
    """The smoothest map that takes each control point to its value, evaluated at points.

    Bookstein, "Principal warps: thin-plate splines and the decomposition of deformations", PAMI 1989, U(r) = r^2 log r^2.

    Args:
        controls: (N, 2), N >= 3, not all on a line.
        values: (N, 2).
        at: (M, 2).

    Returns:
        (M, 2)
    """
    num = len(controls)
    system = np.zeros((num + 3, num + 3))
    system[:num, :num] = _radial(controls, controls)
    system[:num, num:] = np.hstack([np.ones((num, 1)), controls])
    system[num:, :num] = system[:num, num:].T
    weights = np.linalg.solve(system, np.vstack([values, np.zeros((3, 2))]))
    basis = np.hstack([_radial(at, controls), np.ones((len(at), 1)), at])
    return np.asarray(basis @ weights, dtype=np.float64)


def _radial(points: Points, centers: Points) -> npt.NDArray[np.float64]:
    squared = ((points[:, None] - centers[None]) ** 2).sum(-1)
    return np.asarray(squared * np.log(np.maximum(squared, 1e-12)), dtype=np.float64)


def warp_to_points(image: Image, points: Points, target: Points, size_px: int) -> Image:
    """Bend a face so that its five points (5, 2) come to lie on the target's (5, 2); (size_px, size_px, 3)."""
    controls = np.vstack([target, outline_points(target, _NUM_OUTLINE_POINTS, _OUTLINE_GROW)])
    values = np.vstack([points, outline_points(points, _NUM_OUTLINE_POINTS, _OUTLINE_GROW)])
    # The spline is smooth: it is solved on a coarse grid and interpolated, 16 times fewer logarithms.
    num_nodes = -(-(size_px - 1) // _GRID_STEP_PX) + 1
    nodes = np.stack(np.meshgrid(*[np.arange(num_nodes) * float(_GRID_STEP_PX)] * 2), axis=-1)
    coarse = thin_plate_spline(controls, values, nodes.reshape(-1, 2)).reshape(num_nodes, num_nodes, 2)
    to_coarse = np.array([[1 / _GRID_STEP_PX, 0, 0], [0, 1 / _GRID_STEP_PX, 0]])
    dense = cv2.warpAffine(
        coarse.astype(np.float32),
        to_coarse,
        (size_px, size_px),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    bent = cv2.remap(image, dense[..., 0], dense[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(bent, dtype=np.uint8)


def forehead_skin(lab: Lab, points: Points, fringe_lowers: float) -> Mask:
    """Where no hair hangs over the forehead: (S, S), 1 on skin and everywhere below the brows, 0 on a fringe.

    Skin is what resembles the same face between eyes and mouth.

    Args:
        lab: an aligned crop.
        points: its five points (5, 2).
        fringe_lowers: by how much, in eye distances, a full fringe brings down the line above which hair is looked for.
    """
    frame = face_coordinates(points, lab.shape[0])
    x, y = frame[..., 0], frame[..., 1]
    distance = np.sqrt((((lab - skin_color(lab, points)) / _SKIN_TOLERANCE) ** 2).sum(-1))
    skin = np.clip((_SKIN_NEVER - distance) / (_SKIN_NEVER - _SKIN_SURE), 0, 1).astype(np.float32)
    reach_px = 0.06 * float(np.linalg.norm(points[1] - points[0]))
    skin = _blur(np.asarray(cv2.erode(skin, np.ones((3, 3), np.uint8)), dtype=np.float32), reach_px)
    fringe = 1 - float(skin[(np.abs(x) < 0.5) & (y > -0.8) & (y < -0.6)].mean())
    forehead = np.clip((_FOREHEAD_Y + fringe_lowers * fringe - y) / _FOREHEAD_RAMP, 0, 1).astype(np.float32)
    return np.asarray(1 - forehead * (1 - skin), dtype=np.float32)


def transfer_color(face: Lab, template: Lab, mask: Mask) -> Lab:
    """Give a face the template's colors, judged under the mask.

    Lightness gets the template's mean and deviation, as in Reinhard et al., "Color transfer between images", IEEE CG&A
    2001. Chroma is multiplied to the template's mean instead: shadows have less of it than skin, and a mere shift would
    turn a darker face's shadows blue. Gains are bounded, so that a face without contrast is not blown up.
    """
    weights = mask[..., None] / mask.sum()
    mean, wanted_mean = (face * weights).sum((0, 1)), (template * weights).sum((0, 1))
    deviation = np.sqrt((weights * (face - mean) ** 2).sum((0, 1)))
    wanted = np.sqrt((weights * (template - wanted_mean) ** 2).sum((0, 1)))
    gain = np.append(
        wanted[:1] / np.maximum(deviation[:1], _LEAST),
        wanted_mean[1:] / np.maximum(mean[1:], _LEAST),
    )
    return np.asarray((face - mean) * np.clip(gain, _MIN_GAIN, _MAX_GAIN) + wanted_mean, dtype=np.float32)


def transfer_light(face: Lab, template: Lab, mask: Mask, sigma_px: float) -> Lab:
    """Move a face's slow changes of light and color toward the template's, so that shadows stay where they were."""
    weights = _blur(mask, sigma_px)[..., None]
    offset = _blur((template - face) * mask[..., None], sigma_px) / np.maximum(weights, 1e-3)
    return np.asarray(face + _LIGHT_SHARE * offset, dtype=np.float32)


def _blur(image: npt.NDArray[np.float32], sigma_px: float) -> npt.NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE), dtype=np.float32)


def feather(face: Image, template: Image, mask: Mask) -> Image:
    """Composite by the soft mask; where it is 0 the template's bytes stay."""
    mixed = template + mask[..., None] * (face.astype(np.float32) - template)
    return np.asarray(mixed + 0.5, dtype=np.uint8)


def poisson(face: Image, template: Image, mask: Mask) -> Image:
    """Keep the face's gradients and the template's colors on the outline.

    Pérez, Gangnet, Blake, "Poisson image editing", SIGGRAPH 2003, by OpenCV.
    """
    inside = (mask > 0.5).astype(np.uint8)
    # The solver wants a border around the mask, and takes the middle of the mask's box for its place.
    inside[[0, -1]] = 0
    inside[:, [0, -1]] = 0
    left, top, width, height = cv2.boundingRect(inside)
    center = (left + width // 2, top + height // 2)
    cloned = cv2.seamlessClone(face, template, inside * 255, center, cv2.NORMAL_CLONE)
    # It solves in whole rows and columns around the mask, where rounding would change the template by a level.
    return np.where(inside[..., None] > 0, cloned, template).astype(np.uint8)


@dataclass(frozen=True)
class ClassicalTeacher:
    """Key-point warp, color transfer and blend; needs no model."""

    blend: Literal["feather", "poisson"]
    name: ClassVar[str] = "classical"
    version: ClassVar[str] = "1"
    model: ClassVar[None] = None

    def swap(self, source: Face, template: Face) -> Fake:
        """Put the source's face into the template; its key points come to lie on the template's."""
        size_px = template.image.shape[0]
        face, points = facing_alike(source, template)
        bent = to_lab(warp_to_points(face, points, template.points, size_px))
        wanted = to_lab(template.image)
        mask = face_mask(template.points, size_px, softness=_SOFTNESS)
        mask *= forehead_skin(bent, template.points, _SOURCE_FRINGE_LOWERS)
        mask *= forehead_skin(wanted, template.points, _TEMPLATE_FRINGE_LOWERS)
        eye_distance = float(np.linalg.norm(template.points[1] - template.points[0]))
        colored = transfer_color(bent, wanted, mask)
        lit = from_lab(transfer_light(colored, wanted, mask, _LIGHT_SIGMA * eye_distance))
        join = feather if self.blend == "feather" else poisson
        return Fake(join(lit, template.image, mask), template.points)
