"""Batches of guides against the guides of single pairs."""

import numpy as np
import pytest
import torch
from drawn_photographs import draw_face

from swapcore.faces.mesh.find import find_faces
from swapcore.faces.mesh.guide import mesh_topology
from swapcore.faces.mesh.topology import LEFT_EYE, RIGHT_EYE
from swapcore.ops.compose import Guide
from swapcore.ops.correspondence import five_point_flow, guide_flow
from swapcore.ops.guide import GuideMaker, guide_inputs, to_half_sides
from swapcore.warp.reshaping import MeshReshape, reshape_template

SIZE_PX, IMAGE_PX = 112, 360


@pytest.fixture(scope="module")
def meshes() -> np.ndarray:
    """Landmarks of three drawn people, and the same turned and distorted, (12, 478, 3) in [-1, 1]."""
    faces = [draw_face(person, size_px=IMAGE_PX, eye_distance_px=70)[0] for person in range(3)]
    found = to_half_sides(np.stack([find_faces(face, every=False)[0].points for face in faces]), IMAGE_PX)
    rng = np.random.default_rng(0)
    turns = [np.linalg.qr(np.eye(3) + 0.2 * rng.normal(size=(3, 3)))[0] for _ in range(3)]
    turns = [turn * np.sign(np.diag(turn)) for turn in turns]
    return np.concatenate([found, *(found @ turn.T + 0.004 * rng.normal(size=found.shape) for turn in turns)])


def pairs(meshes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every person as the template of every other one."""
    first, second = np.meshgrid(np.arange(len(meshes)), np.arange(len(meshes)), indexing="ij")
    return meshes[first.ravel()], meshes[second.ravel()]


def single_guide(source: np.ndarray, template: np.ndarray) -> Guide:
    """The guide of one pair, with the reshaping of the warp."""
    output = reshape_template(template, source)
    first, own, out = (
        torch.from_numpy(points[None, :, :2].astype(np.float32)) for points in (source, template, output)
    )
    topology = mesh_topology()
    triangles = torch.from_numpy(topology.triangles)
    areas = np.stack([topology.not_skin, topology.eyes, topology.brows, topology.lips])
    from_source = guide_flow(first, out, triangles, SIZE_PX, marked=torch.from_numpy(topology.kept[None]))
    from_template = guide_flow(own, out, triangles, SIZE_PX, marked=torch.from_numpy(areas))
    not_skin, eyes, brows, lips = from_template.marked.split(1, 1)
    return Guide(
        from_source.flow,
        from_template.flow,
        from_source.visible,
        kept=from_source.marked,
        skin=1 - not_skin,
        eyes=eyes,
        brows=brows,
        lips=lips,
        near=from_source.near,
    )


def test_a_batch_is_reshaped_as_single_faces_are(meshes: np.ndarray) -> None:
    sources, templates = pairs(meshes)
    reshape = MeshReshape()
    given = (torch.from_numpy(points) for points in (sources, templates, reshape.fit(sources, templates)))
    found = reshape(*given).numpy()
    expected = np.stack([reshape_template(t, s)[:, :2] for s, t in zip(sources, templates, strict=True)])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(found - templates[..., :2]).max() > 0.02


def test_a_batch_of_guides_equals_single_guides(meshes: np.ndarray) -> None:
    sources, templates = (points[::7] for points in pairs(meshes))
    maker = GuideMaker(mesh_topology(), MeshReshape(), SIZE_PX)
    five = (np.zeros((len(sources), 5, 2)),) * 2
    found = maker.make(guide_inputs((sources, templates), five, maker.reshape))
    for row in range(len(sources)):
        for name, expected in single_guide(sources[row], templates[row])._asdict().items():
            difference = (getattr(found, name)[row] - expected[0]).abs().max()
            assert difference < 1e-4, name


def test_pairs_without_a_mesh_keep_their_place(meshes: np.ndarray) -> None:
    sources, templates = meshes[[0, 1, 2, 3]].copy(), meshes[[4, 5, 6, 7]].copy()
    sources[1], templates[3] = np.nan, np.nan
    rng = np.random.default_rng(1)
    five = tuple(0.3 * rng.normal(size=(4, 5, 2)) for _ in range(2))
    maker = GuideMaker(mesh_topology(), MeshReshape(), SIZE_PX)
    found = maker.make(guide_inputs((sources, templates), five, maker.reshape))
    for row in (0, 2):
        torch.testing.assert_close(
            found.flow[row], single_guide(sources[row], templates[row]).flow[0], atol=1e-4, rtol=0
        )
    for row in (1, 3):
        points = (torch.from_numpy(each[row : row + 1].astype(np.float32)) for each in five)
        torch.testing.assert_close(found.flow[row], five_point_flow(*points, SIZE_PX).flow[0], atol=1e-6, rtol=0)
        assert found.own_flow[row].abs().max() == 0
    no_mesh = maker.make(guide_inputs(None, five, maker.reshape))
    torch.testing.assert_close(no_mesh.near[1], found.near[1], atol=1e-6, rtol=0)


def test_the_midpoint_of_the_eyes_stays(meshes: np.ndarray) -> None:
    """Hair and ears are the template's: a face moved as a whole would no longer fit them."""
    sources, templates = pairs(meshes)
    reshape = MeshReshape()
    given = (torch.from_numpy(points) for points in (sources, templates, reshape.fit(sources, templates)))
    eyes = [*LEFT_EYE, *RIGHT_EYE]
    moved = reshape(*given).numpy()[:, eyes].mean(1) - templates[:, eyes, :2].mean(1)
    eye_distance = np.linalg.norm(templates[:, 33, :2] - templates[:, 263, :2], axis=1)
    assert (np.linalg.norm(moved, axis=1) / eye_distance).max() < 0.01
