"""Who a person is: the shape and color of everything that stays when the photograph changes."""

import dataclasses
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any, Self

import numpy as np

from swapcore.errors import ParamsError
from swapcore.synth.parameters import Bounds, Parameters, Seed, Share, Signed


class HairStyle(IntEnum):
    """Hair of the head; HEADSCARF covers it."""

    BALD = 0
    RECEDING = 1
    SHAVED = 2
    BUZZ = 3
    SHORT = 4
    SIDE_PART = 5
    FRINGE = 6
    BOB = 7
    LONG_STRAIGHT = 8
    LONG_WAVY = 9
    CURLY = 10
    TIED = 11
    HEADSCARF = 12


SHAPE_PARAMETERS: tuple[str, ...] = tuple(
    """
    head_angle head_back_scale_depth head_diamond head_fat head_invertedtriangular head_oval head_rectangular head_round
    head_scale_depth head_scale_horiz head_scale_vert head_square head_triangular forehead_nubian forehead_scale_vert
    forehead_temple eyebrows_angle eyebrows_trans_forward eyebrows_trans_up eye_bag_height eye_bag eye_corner1
    eye_corner2 eye_epicanthus eye_eyefold_angle eye_eyefold eye_height1 eye_height2 eye_height3 eye_push1 eye_push2
    eye_scale eye_trans_out eye_trans_up nose_base nose_compression nose_curve nose_flaring nose_greek nose_hump
    nose_nostrils_angle nose_nostrils_width nose_point nose_point_width nose_scale_depth nose_scale_horiz
    nose_scale_vert nose_septumangle nose_trans_forward nose_trans_out nose_trans_up nose_volume nose_width1
    nose_width2 nose_width3 mouth_angles mouth_cupidsbow mouth_cupidsbow_width mouth_dimples mouth_laugh_lines
    mouth_lowerlip_ext mouth_lowerlip_height mouth_lowerlip_middle mouth_lowerlip_volume mouth_lowerlip_width
    mouth_philtrum_volume mouth_scale_depth mouth_scale_horiz mouth_scale_vert mouth_trans_forward mouth_trans_out
    mouth_trans_up mouth_upperlip_ext mouth_upperlip_height mouth_upperlip_middle mouth_upperlip_volume
    mouth_upperlip_width cheek_bones cheek_inner cheek_trans_up cheek_volume chin_bones chin_cleft chin_height
    chin_jaw_drop chin_prognathism chin_prominent chin_triangle chin_width ear_flap ear_lobe ear_rot ear_scale_depth
    ear_scale ear_scale_vert ear_shape_pointed ear_shape_round ear_shape_square ear_shape_triangle ear_trans_forward
    ear_trans_up ear_wing neck_circ neck_height neck_back_scale_depth neck_double neck_scale_depth neck_scale_horiz
    neck_scale_vert asym_brown_1 asym_brown_2 asym_cheek_1 asym_cheek_2 asym_ear_1 asym_ear_2 asym_ear_3 asym_ear_4
    asym_eye_1 asym_eye_2 asym_eye_3 asym_eye_4 asym_eye_5 asym_eye_6 asym_eye_7 asym_eye_8 asym_jaw_1 asym_jaw_2
    asym_jaw_3 asym_mouth_1 asym_mouth_2 asym_nose_1 asym_nose_2 asym_nose_3 asym_nose_4 asym_temple_1 asym_temple_2
    asym_top_1 asym_top_2
    """.split()  # noqa: SIM905  # a list of 138 literals would be 138 lines
)
"""The deviations of the head's geometry, in the order of Identity.shape; names of the mesh's targets (asset.py)."""


@dataclass(frozen=True)
class Identity(Parameters):
    """One person; FACE_PARAMETERS are what a swap takes from its source besides the face's shape."""

    shape: tuple[float, ...]
    """Values in -1..1 of SHAPE_PARAMETERS."""
    # Build: shapes of the whole head
    masculinity: Share
    age: Share
    """0 is eighteen, 1 eighty-five."""
    african: Share
    """Shares of ancestry; shape.py divides them by their sum."""
    asian: Share
    caucasian: Share
    muscle: Share
    weight: Share
    # Color and marks of the face
    iris_tone: Share
    """0 dark brown, through hazel and green, 1 pale blue."""
    lip_redness: Share
    lip_makeup: Share
    eye_makeup: Share
    eye_shade: Share
    """Dark skin around the eyes."""
    flush: Share
    freckles: Share
    moles: Share
    blotches: Share
    wrinkles: Share
    """Depth of the lines that age gives."""
    oiliness: Share
    marks_seed: Seed
    """Places of moles, freckles and blotches."""
    # Hair of the face
    brow_height: Signed
    brow_thickness: Signed
    brow_arch: Signed
    brow_gap: Signed
    brow_density: Share
    brow_darkness: Share
    beard: Share
    """0 shaven, 0.1 to 0.4 stubble, 1 long."""
    beard_style: Annotated[int, Bounds(0, 3)]
    """0 full, 1 goatee, 2 moustache, 3 full with a thin moustache."""
    lash_length: Share
    face_hair_darkness: Share
    """Of brows, beard and lashes: near the head's hair, yet the face's own."""
    face_hair_redness: Share
    face_hair_gray: Share
    # Head, hair and skin: they stay with the template in a swap
    skin_tone: Share
    """0 palest, 1 darkest."""
    skin_undertone: Signed
    """-1 rosy, 1 olive."""
    hair_style: Annotated[int, Bounds(0, len(HairStyle) - 1)]
    hairline: Signed
    hair_temples: Share
    """How far the hair has receded at the temples."""
    hair_thickness: Share
    hair_length: Signed
    """Within what the style allows."""
    hair_part_side: Signed
    hair_darkness: Share
    hair_redness: Share
    hair_gray: Share
    hair_seed: Seed

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.shape) != len(SHAPE_PARAMETERS):
            raise ParamsError(f"identity.shape: has {len(self.shape)} values; needs {len(SHAPE_PARAMETERS)}")
        for name, value in zip(SHAPE_PARAMETERS, self.shape, strict=True):
            if not np.isfinite(value) or not -1.0 <= value <= 1.0:
                raise ParamsError(f"identity.{name}: {value} is outside [-1, 1]")

    @classmethod
    def mean(cls) -> Self:
        """The person of average shape and color, about forty years old."""
        middle: dict[str, Any] = {name: (bounds.low + bounds.high) / 2 for name, bounds in cls.bounds().items()}
        middle |= {"age": 0.35, "beard": 0.0, "beard_style": 0, "hair_style": 0, "hair_seed": 0, "marks_seed": 0}
        return cls(shape=(0.0,) * len(SHAPE_PARAMETERS), **middle)

    def but(self, **changes: Any) -> Self:
        """The same with some parameters changed; names of SHAPE_PARAMETERS change single values of `shape`.

        Raises:
            ParamsError: a name is unknown, or a value is outside its bounds.
        """
        shape = list(changes.pop("shape", self.shape))
        for name in [name for name in changes if name in SHAPE_PARAMETERS]:
            shape[SHAPE_PARAMETERS.index(name)] = changes.pop(name)
        return dataclasses.replace(super().but(**changes), shape=tuple(shape))


_NAMES = list(Identity.bounds())
FACE_PARAMETERS: tuple[str, ...] = (
    *_NAMES[_NAMES.index("iris_tone") : _NAMES.index("skin_tone")],
    "age",
    "masculinity",
)
"""Besides the shape, what a swap takes from its source: color and marks of the face, its hair, and the age that its lines show."""

_CUT = 2.2
"""Normal deviates are cut here, which becomes a shape parameter's end."""
_YOUNGER = 1.5
"""Exponent of a uniform number that gives the age: photographs show more young adults than old ones."""
_MALE_STYLES = (0.03, 0.05, 0.04, 0.1, 0.35, 0.25, 0.08, 0.0, 0.02, 0.01, 0.06, 0.01, 0.0)
_FEMALE_STYLES = (0.0, 0.0, 0.0, 0.01, 0.1, 0.08, 0.1, 0.16, 0.18, 0.14, 0.07, 0.12, 0.04)
_MALE_CURLS = (0.05, 0.05, 0.12, 0.33, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.45, 0.0, 0.0)
_FEMALE_CURLS = (0.0, 0.0, 0.0, 0.04, 0.0, 0.0, 0.04, 0.0, 0.0, 0.13, 0.46, 0.28, 0.05)
"""How frequent each HairStyle is; CURLS: of tightly curled hair."""


def draw_identity(rng: np.random.Generator, place: tuple[float, float, float] | None = None) -> Identity:
    """Draw a person.

    Args:
        rng: of this person alone.
        place: values in [0, 1) for sex, age and skin tone (see people.place_of); None draws them uniformly.
    """
    sex, age, skin_tone = place or (float(rng.random()) for _ in range(3))
    masculine = sex < 0.5
    age = age**_YOUNGER
    shape = np.clip(rng.normal(size=len(SHAPE_PARAMETERS)), -_CUT, _CUT) / _CUT
    ancestry = _draw_ancestry(rng, skin_tone)
    values: dict[str, Any] = {
        "masculinity": float(rng.uniform(0.78, 1.0) if masculine else rng.uniform(0.0, 0.2)),
        "age": age,
        **dict(zip(("african", "asian", "caucasian"), ancestry, strict=True)),
        "muscle": float(rng.uniform(0.25, 0.75)),
        "weight": float(np.clip(rng.normal(0.43, 0.18), 0.1, 0.9)),
        "skin_tone": skin_tone,
        "skin_undertone": float(rng.uniform(-1, 1)),
    }
    fair = max(0.0, 1 - 1.6 * skin_tone) * (0.45 + 0.55 * ancestry[2])
    values |= _draw_face_colors(rng, fair, masculine)
    values |= _draw_hair(rng, fair, age, masculine, ancestry[0])
    return Identity(shape=tuple(float(value) for value in shape), **values)


def _draw_ancestry(rng: np.random.Generator, tone: float) -> list[float]:
    """Shares of three ancestries, which go with the skin's tone."""
    middle = float(np.exp(-(((tone - 0.35) / 0.25) ** 2)))
    shares = rng.dirichlet([0.05 + 1.0 * tone**1.5, 0.08 + 0.55 * middle, 0.05 + 0.9 * (1 - tone) ** 2])
    return [float(share) for share in shares]


def _draw_face_colors(rng: np.random.Generator, fair: float, masculine: bool) -> dict[str, Any]:
    """Iris, lips, makeup and marks."""
    made_up = 0.0 if masculine else 1.0
    return {
        "iris_tone": float(rng.random() ** 1.5 * (1.0 if fair > 0.25 else 0.18)),
        "lip_redness": float(rng.random()),
        "lip_makeup": made_up * float(max(0.0, rng.uniform(-0.7, 1.0))),
        "eye_makeup": made_up * float(max(0.0, rng.uniform(-0.5, 1.0))),
        "eye_shade": float(rng.random()),
        "flush": float(rng.random()),
        "freckles": float(max(0.0, rng.uniform(-1.5, 1.0))) * float(fair > 0.3),
        "moles": float(max(0.0, rng.uniform(-0.5, 1.0))),
        "blotches": float(rng.random()),
        "wrinkles": float(rng.random()),
        "oiliness": float(rng.random()),
        "marks_seed": int(rng.integers(0, 2**31)),
        "lash_length": float(rng.uniform(0.2, 0.7) if masculine else rng.uniform(0.4, 1.0)),
    }


def _draw_hair(rng: np.random.Generator, fair: float, age: float, masculine: bool, african: float) -> dict[str, Any]:
    """Hair of head and face: dark skin goes with dark hair, age with gray, African ancestry with curls and short hair."""
    dark, red = float(1 - fair * rng.random() ** 0.7), float(rng.random() ** 2)
    gray = float(np.clip(1.7 * age - 0.95 + rng.normal() * 0.25, 0, 1))
    kind = rng.choice(3, p=[0.45, 0.3, 0.25]) if masculine else 0
    beard = (0.0, float(rng.uniform(0.1, 0.35)), float(rng.uniform(0.45, 1.0)))[kind]
    retreat = 0.7 * age if masculine else 0.0
    of_curls, of_others = (_MALE_CURLS, _MALE_STYLES) if masculine else (_FEMALE_CURLS, _FEMALE_STYLES)
    style = rng.choice(len(HairStyle), p=of_curls if rng.random() < 0.75 * african else of_others)
    return {
        "brow_height": float(rng.uniform(-1, 1)),
        "brow_thickness": float(rng.uniform(-0.1, 1.0) if masculine else rng.uniform(-0.9, 0.8)),
        "brow_arch": float(rng.uniform(-1.0, 0.5) if masculine else rng.uniform(-0.5, 1.0)),
        "brow_gap": float(rng.uniform(-1, 1)),
        "brow_density": float(rng.uniform(0.4, 1.0)),
        "brow_darkness": float(rng.uniform(0.65, 1.0)),
        "beard": beard,
        "beard_style": int(rng.integers(4)),
        "face_hair_darkness": float(np.clip(dark + rng.normal() * 0.12, 0, 1)),
        "face_hair_redness": float(np.clip(red + rng.normal() * 0.1, 0, 1)),
        "face_hair_gray": 0.6 * gray,
        "hair_style": int(style),
        "hairline": float(np.clip(rng.uniform(-0.8, 0.8) + 0.6 * retreat, -1, 1)),
        "hair_temples": float(rng.uniform(0, 1) * (0.25 + age)) if masculine and age < 0.75 else retreat,
        "hair_thickness": float(rng.random()),
        "hair_length": float(rng.uniform(-1, 1)),
        "hair_part_side": float(rng.uniform(-1, 1)),
        "hair_darkness": dark,
        "hair_redness": red,
        "hair_gray": gray,
        "hair_seed": int(rng.integers(0, 2**31)),
    }
