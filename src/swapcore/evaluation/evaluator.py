"""Construction of the evaluator: recognizer, gallery, feature maps, exact values."""

import numpy as np
import numpy.typing as npt
import torch

from swapcore.config import NetworkParams
from swapcore.data.faces import Face
from swapcore.evaluation.attributes import HeadPose, measure_face
from swapcore.evaluation.identity import SELF_EVALUATED, EvaluationRecognizer, Gallery
from swapcore.evaluation.inputs import EvaluationInputs, map_batches
from swapcore.evaluation.methods import Batch
from swapcore.evaluation.realism import Levels, describe
from swapcore.evaluation.scores import Evaluator
from swapcore.evaluation.slices import rendered_expression
from swapcore.faces.networks import load_evaluator_recognizer
from swapcore.faces.recognizer import Recognizer
from swapcore.ops.image import Image, to_tensor
from swapcore.ops.metrics import Vectors
from swapcore.synth.people import PARAMETERS
from swapcore.teachers.oracle import OracleTeacher

BUILT_IN = NetworkParams(kind="dlib", path=None, sha256=None)


class RenderedTruth:
    """Exact values of synthesized photographs: true swaps, poses, expressions; None for other photographs."""

    def __init__(self, oracle: OracleTeacher, num_cached: int) -> None:
        """Args: oracle: renders true swaps; num_cached: number of true swaps to keep."""
        self.oracle = oracle
        self._num_cached = num_cached
        self._cache: dict[tuple[str, str], Image] = {}

    def knows(self, *faces: Face) -> bool:
        """Return whether all faces were synthesized with known parameters."""
        return all(self.oracle.knows(face) for face in faces)

    def swap(self, source: Face, template: Face) -> Image | None:
        """Render the true swap; recent ones are cached."""
        if not self.knows(source, template):
            return None
        key = (source.file, template.file)
        if key not in self._cache:
            while len(self._cache) >= self._num_cached:
                del self._cache[next(iter(self._cache))]
            self._cache[key] = self.oracle.swap(source, template).image
        return self._cache[key]

    def pose(self, template: Face) -> HeadPose | None:
        """Return the exact pose."""
        if not self.knows(template):
            return None
        attributes = self.oracle.attributes(template)
        return HeadPose(
            attributes.yaw_deg, attributes.pitch_deg, -attributes.roll_deg
        )  # the renderer's roll is reversed

    def expression(self, template: Face) -> str | None:
        """Return the expression in a word."""
        return rendered_expression(self.oracle.attributes(template)) if self.knows(template) else None


def read_truth(inputs: EvaluationInputs) -> RenderedTruth | None:
    """Return the exact values of the faces, or None if they were not synthesized."""
    if not (inputs.faces.folder / PARAMETERS).is_file():
        return None
    return RenderedTruth(OracleTeacher(inputs.faces.folder, inputs.faces.size_px), inputs.params.batch_size)


def build_evaluator(inputs: EvaluationInputs, truth: RenderedTruth | None) -> Evaluator:
    """Load the networks and embed the gallery of all test photographs.

    Raises:
        ParamsError: the recognizer cannot be loaded.
        ArtifactError: there are no training photographs for the recognizer's mean.
    """
    recognizer = _recognizer(inputs)
    faces = [inputs.faces.rows[row] for row in inputs.test_rows]
    gallery = Gallery(
        np.array([face.key for face in faces]),
        np.array([face.identity for face in faces]),
        map_batches(inputs, inputs.test_rows, recognizer.embed, "test photographs"),
    )
    levels = feature_levels(load_evaluator_recognizer(BUILT_IN).to(inputs.device), inputs.device)
    if truth is None:
        return Evaluator(inputs.face, recognizer, gallery, levels, measure_face, None)
    return Evaluator(inputs.face, recognizer, gallery, levels, measure_face, truth.swap, truth.pose, truth.expression)


def _recognizer(inputs: EvaluationInputs) -> EvaluationRecognizer:
    """Load evaluate.recognizer, or the training's own network with jitter."""
    network = inputs.params.recognizer or inputs.network
    loaded = load_evaluator_recognizer(network).to(inputs.device)

    def embed(images: Batch) -> Vectors:
        return loaded.embed(images, inputs.params.batch_size)

    if (network.kind, network.sha256) == (inputs.network.kind, inputs.network.sha256):
        return EvaluationRecognizer(
            SELF_EVALUATED, embed, inputs.embedding_mean, jittered=True, seed=inputs.params.seed
        )
    mean = map_batches(inputs, inputs.training_rows, embed, "recognizer mean").mean(0)
    label = "evaluated by dlib" if network.path is None else f"evaluated by {network.path.name}"
    return EvaluationRecognizer(label, embed, mean, jittered=False, seed=inputs.params.seed)


def feature_levels(network: Recognizer, device: torch.device) -> Levels:
    """Return a function from images to the network's feature maps."""

    @torch.no_grad()
    def levels(images: Batch) -> list[npt.NDArray[np.floating]]:
        return [level.float().cpu().numpy() for level in network.levels(to_tensor(images).to(device))]

    return levels


def describe_photographs(inputs: EvaluationInputs, levels: Levels) -> Vectors:
    """Describe real photographs of training people, for realism: (M, D)."""
    return map_batches(inputs, inputs.training_rows, lambda images: describe(levels(images)), "real photographs")
