"""The groups stage: faces to sample groups of both kinds."""

import functools

import cv2

from swapcore.config import GroupsParams, InputPath, OptionalInputPath, OutputPath
from swapcore.data.artifact import building
from swapcore.data.faces import FaceSet
from swapcore.data.groups import IMAGES, INDEX, LANDMARKS, SURFACE, GroupRow, ImageRow, PointsWriter
from swapcore.data.shards import ShardWriter
from swapcore.errors import ParamsError
from swapcore.faces.mesh.crops import crop_landmarks
from swapcore.faces.mesh.files import is_installed
from swapcore.faces.mesh.topology import NUM_LANDMARKS
from swapcore.faces.networks import load_recognizer
from swapcore.ops.device import select_device
from swapcore.synth.landmarks import POINT_NAMES
from swapcore.tables import TableWriter
from swapcore.teachers.assembly import Assembler, GroupFiles
from swapcore.teachers.base import load_teacher
from swapcore.teachers.oracle import OracleTeacher
from swapcore.teachers.output import group_metrics, write_groups
from swapcore.teachers.registered import RegisteredTeacher

_BATCH_SIZE = 16


def run(
    params: GroupsParams, *, faces: InputPath, teacher: OptionalInputPath = None, groups: OutputPath
) -> dict[str, float]:
    """Make sample groups of the training and the validation people.

    Args:
        params: the section groups.
        faces: a faces artifact.
        teacher: a model artifact that makes the fakes; it overrides groups.teacher.
        groups: the groups artifact to write.

    Returns:
        Number of fakes and groups, share of rejected fakes for each reason, mean centered cosines of the fakes.

    Raises:
        ParamsError: values that do not fit the faces, or a device that is not available.
        ArtifactError: faces or teacher cannot be read, or there is no accepted group for training.
        InputError: the registered teacher's model does not exist.
    """
    face_set = FaceSet(faces)
    _check(params, face_set)
    device = select_device(params.device)
    if teacher is None:
        maker = load_teacher(params, face_set)
    else:
        maker = RegisteredTeacher(teacher, str(device))
        params = params.model_copy(update={"teacher": "registered", "teacher_model": None})
    recognizer = load_recognizer(face_set.recognizer).to(device)
    # OpenCV's own threads would compete with the worker processes.
    cv2.setNumThreads(1)
    with building(groups) as folder:
        with (
            ShardWriter(folder, params.shard_megabytes) as shards,
            TableWriter(folder / IMAGES, ImageRow) as images,
            TableWriter(folder / INDEX, GroupRow) as rows,
        ):
            files = GroupFiles(
                shards,
                images,
                rows,
                PointsWriter(folder / LANDMARKS, NUM_LANDMARKS, 3),
                PointsWriter(folder / SURFACE, len(POINT_NAMES), 3),
            )
            assembler = Assembler(
                params,
                face_set,
                functools.partial(recognizer.embed, batch_size=_BATCH_SIZE),
                files,
                locate=functools.partial(crop_landmarks, device=device) if is_installed() else None,
                surface=maker.surface if isinstance(maker, OracleTeacher) else None,
            )
            assembler.add_real_crops()
            assembler.add_fakes(assembler.plan(), maker)
        write_groups(folder, params, face_set, assembler, maker)
    return group_metrics(assembler)


def _check(params: GroupsParams, faces: FaceSet) -> None:
    if params.size_px > faces.size_px:
        raise ParamsError(
            f"groups.size_px: {params.size_px} is more than the {faces.size_px} px of {faces.folder}; "
            "lower it, or raise crop.size_px and run crop again"
        )
    if not params.references_per_label + params.sources_per_template:
        raise ParamsError("groups.references_per_label, groups.sources_per_template: both are 0; raise one of them")
