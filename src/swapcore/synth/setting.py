"""A person in front of the camera before any pixel is drawn: what the compiled and the batched renderer have in common."""

from dataclasses import dataclass

import numpy as np

from swapcore.errors import ParamsError
from swapcore.synth.asset import Floats
from swapcore.synth.attributes import Attributes
from swapcore.synth.backgrounds import draw_background, environment
from swapcore.synth.camera import Camera, Pose
from swapcore.synth.expression import unit_strengths
from swapcore.synth.eyes import iris_tone
from swapcore.synth.identity import Identity
from swapcore.synth.layers import Ribbons
from swapcore.synth.mouth import tooth_edges
from swapcore.synth.person import Person, prepare
from swapcore.synth.ribbons import move_with_skin, place_ribbons
from swapcore.synth.scene import Posed, pose_person
from swapcore.synth.shading import ShadingInputs
from swapcore.synth.subject import Subject
from swapcore.synth.wardrobe import lay

SUPERSAMPLING = 2
"""Pixels of the drawn image for one of the finished image, along each side."""
MIN_PX, MAX_PX = 64, 2048
_MIDDLE = (0.0, -1.0, -7.0)
"""Middle of head and hair in the head's frame, cm."""


@dataclass(frozen=True)
class Setting:
    """Everything in an image, placed in front of the camera."""

    person: Person
    attributes: Attributes
    size_px: int
    pose: Pose
    camera: Camera
    """Of the supersampled image."""
    posed: Posed
    strands: list[tuple[Ribbons, Floats]]
    """Ribbons with their placed points (S, K, 3)."""
    middle: Floats
    """(3,) of the head, cm in front of the camera."""
    background: Floats
    """(S, S, 3) linear RGB."""
    environment: Floats
    """(9, 3) its light, as in light.environment_at."""

    @property
    def px_cm(self) -> float:
        """Centimeters of a pixel of the supersampled image, at the head's distance."""
        return self.attributes.span_cm / self.camera.size_px


def arrange(identity: Identity | Subject, attributes: Attributes, size_px: int) -> Setting:
    """Pose, dress and comb a person; the last few people's heads, textures and hair are kept for their next images.

    Args:
        identity: the person, or the face of one on the head of another (subject.true_swap).
        attributes: pose, expression, light, camera, clothes, surroundings.
        size_px: side of the square image, 64 to 2048.

    Raises:
        ParamsError: the size is out of bounds.
        ArtifactError: the head's data is not installed.
    """
    if not MIN_PX <= size_px <= MAX_PX:
        raise ParamsError(f"size_px: {size_px} is outside [{MIN_PX}, {MAX_PX}]")
    subject = identity if isinstance(identity, Subject) else Subject.of(identity)
    person, pose = prepare(subject, size_px), Pose.of(attributes)
    posed = pose_person(person, attributes, pose)
    strands = [
        (ribbons, place_ribbons(move_with_skin(ribbons, person.head, posed.skin, posed.skin_normals), pose))
        for ribbons in lay(person.grown, attributes, person.head)
    ]
    return Setting(
        person=person,
        attributes=attributes,
        size_px=size_px,
        pose=pose,
        camera=Camera.of(attributes, size_px * SUPERSAMPLING),
        posed=posed,
        strands=strands,
        middle=pose.place(np.array([_MIDDLE], np.float32))[0],
        background=draw_background(attributes, size_px),
        environment=environment(attributes),
    )


def spread_of(attributes: Attributes) -> float:
    """Width of the soft border of shadows, in pixels of the shadow map."""
    return 0.9 + 2.2 * attributes.light_softness


def shading_inputs(setting: Setting) -> ShadingInputs:
    """What shading needs of the person and the image."""
    look = setting.person.subject.look
    upper, lower = tooth_edges()
    return ShadingInputs(
        texture=setting.person.texture, turn=setting.pose.head, wrinkles=_wrinkles(setting.attributes),
        iris=iris_tone(look.iris_tone), age=look.age, darkness=look.skin_tone, oiliness=look.oiliness,
        offset=float(look.marks_seed % 9973) * 0.371, upper_edges=upper, lower_edges=lower,
    )  # fmt: skip


def _wrinkles(attributes: Attributes) -> Floats:
    """(4,) how far the expression deepens lines: forehead, crow's feet, glabella, folds of the mouth."""
    strengths = unit_strengths(attributes)

    def of(name: str) -> float:
        return strengths.get(f"{name}Left", strengths.get(name, 0.0))

    return np.array(
        [of("browOuterUp"), of("cheekSquint") + 0.5 * of("eyeSquint"), of("browDown"), of("mouthSmile")], np.float32
    )
