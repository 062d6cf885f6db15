"""Hair, brows, beards and lashes: shapes, places, and the same bytes for the same parameters."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swapcore.synth.attributes import NEUTRAL
from swapcore.synth.beard import beard_cover, grow_beard
from swapcore.synth.brows import brow_cover, brow_place, grow_brows
from swapcore.synth.colors import hair_color, strand_colors
from swapcore.synth.hair import grow_hair, lay_hair, scalp_cover
from swapcore.synth.hair.growth import cut_below, resample, smooth
from swapcore.synth.hair.roots import Obstacle
from swapcore.synth.hair.scalp import hairline_distance
from swapcore.synth.head import Head, build_head
from swapcore.synth.identity import HairStyle, Identity, draw_identity
from swapcore.synth.landmarks import fixed_vertices
from swapcore.synth.lashes import grow_lashes
from swapcore.synth.layers import Part, Ribbons
from swapcore.synth.shape import coarse_vertices

DETAIL = 0.2


@pytest.fixture(scope="module")
def person() -> Identity:
    return Identity.mean().but(hair_seed=5, marks_seed=6, beard=0.8, masculinity=0.9, hair_part_side=0.6)


@pytest.fixture(scope="module")
def head(person: Identity) -> Head:
    return build_head(coarse_vertices(person))


def _check(ribbons: Ribbons, head: Head) -> None:
    count, num, _ = ribbons.points.shape
    assert ribbons.width.shape == ribbons.opacity.shape == ribbons.light.shape == (count, num)
    assert ribbons.color.shape == (count, 3)
    assert ribbons.root.shape == (count,)
    for values in (ribbons.points, ribbons.width, ribbons.opacity, ribbons.light, ribbons.color):
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
    assert ribbons.root.dtype == np.int32
    assert ribbons.root.min() >= 0
    assert ribbons.root.max() < len(head.vertices)
    assert ribbons.opacity.min() >= 0
    assert ribbons.opacity.max() <= 1
    assert ribbons.light.min() >= 0
    assert ribbons.light.max() <= 1
    assert ribbons.width.min() > 0
    assert ribbons.width.max() < 0.9
    assert ribbons.color.min() > 0
    assert ribbons.color.max() < 0.9


@pytest.mark.parametrize("style", list(HairStyle))
def test_hair_of_every_style_has_bounded_values(person: Identity, head: Head, style: HairStyle) -> None:
    grown = grow_hair(person.but(hair_style=int(style)), head, DETAIL)
    for ribbons in grown.ribbons:
        _check(ribbons, head)
        assert ribbons.part is Part.HAIR
    for layer in grown.layers:
        assert np.isfinite(layer.vertices).all()
        assert layer.triangles.max() < len(layer.vertices)
    if style is HairStyle.SHAVED:
        assert not grown.ribbons
        assert not grown.layers
    elif style is HairStyle.HEADSCARF:
        assert not grown.ribbons
        assert grown.layers[0].part is Part.HEADWEAR
    else:
        assert grown.ribbons


def test_hair_is_the_same_for_the_same_parameters(person: Identity, head: Head) -> None:
    short = person.but(hair_style=int(HairStyle.SHORT))
    first, second = (grow_hair(short, head, DETAIL).ribbons[0] for _ in range(2))
    assert first.points.tobytes() == second.points.tobytes()
    other = grow_hair(short.but(hair_seed=6), head, DETAIL).ribbons[0]
    assert first.points.tobytes() != other.points.tobytes()


def test_roots_do_not_depend_on_the_shape_of_the_head(person: Identity, head: Head) -> None:
    long = person.but(hair_style=int(HairStyle.BOB))
    wider = build_head(coarse_vertices(person.but(head_scale_horiz=1.0, nose_hump=-1.0)))
    first, second = grow_hair(long, head, DETAIL).ribbons[0], grow_hair(long, wider, DETAIL).ribbons[0]
    np.testing.assert_array_equal(first.root, second.root)
    np.testing.assert_array_equal(first.color, second.color)
    assert not np.array_equal(first.points, second.points)


@pytest.mark.parametrize("style", [HairStyle.SHORT, HairStyle.SIDE_PART, HairStyle.BOB, HairStyle.LONG_STRAIGHT])
def test_hair_stays_outside_the_head(person: Identity, head: Head, style: HairStyle) -> None:
    ribbons = grow_hair(person.but(hair_style=int(style)), head, DETAIL).ribbons[0]
    distance, _ = Obstacle(head).distance(ribbons.points[:, 1:].reshape(-1, 3))
    assert np.mean(distance < -0.1) < 0.01


def test_long_hair_leaves_the_face_free(person: Identity, head: Head) -> None:
    ribbons = grow_hair(person.but(hair_style=int(HairStyle.LONG_STRAIGHT)), head, DETAIL).ribbons[0]
    x, y, z = np.moveaxis(ribbons.points, -1, 0)
    on_face = (np.abs(x) < 4.5) & (y < 2.0) & (y > -9.0) & (z > -2.0)
    assert on_face.any(1).mean() < 0.01


def test_fringe_covers_the_forehead_and_ends_above_the_eyes(person: Identity, head: Head) -> None:
    ribbons = grow_hair(person.but(hair_style=int(HairStyle.FRINGE), hair_length=-0.5), head, DETAIL).ribbons[0]
    tips = ribbons.points[:, -1]
    front = (np.abs(tips[:, 0]) < 3.5) & (tips[:, 2] > 0)
    assert front.sum() > 20
    assert np.median(tips[front, 1]) > 0.8


def test_bob_ends_higher_than_long_hair(person: Identity, head: Head) -> None:
    bob, long = (
        grow_hair(person.but(hair_style=int(style)), head, DETAIL).ribbons[0].points[..., 1].min()
        for style in (HairStyle.BOB, HairStyle.LONG_STRAIGHT)
    )
    assert -16 < bob < -8
    assert long < bob - 4


def test_lay_hair_keeps_roots_and_moves_tips(person: Identity, head: Head) -> None:
    grown = grow_hair(person.but(hair_style=int(HairStyle.LONG_WAVY)), head, DETAIL).ribbons
    laid = lay_hair(grown, NEUTRAL.but(hair_lay_seed=9, hair_volume=0.8), head)[0]
    moved = np.linalg.norm(laid.points - grown[0].points, axis=-1)
    assert moved[:, 0].max() < 1e-4
    assert 0.1 < moved[:, -1].mean() < 2.0


def test_hair_above_the_border_of_a_hat_is_hidden(person: Identity, head: Head) -> None:
    grown = grow_hair(person.but(hair_style=int(HairStyle.LONG_STRAIGHT)), head, DETAIL).ribbons
    laid = lay_hair(grown, NEUTRAL.but(headwear=2), head)[0]
    assert laid.opacity[laid.points[..., 1] > 6].max() == 0
    assert laid.opacity[laid.points[..., 1] < -5].max() > 0.5


def test_hairline_is_higher_with_a_higher_forehead() -> None:
    forehead = np.array([[0.0, 5.4, 1.0]], np.float32)
    low, high = hairline_distance(forehead, -1.0)[0], hairline_distance(forehead, 1.0)[0]
    assert low > 1.0 > 0.0 > high
    assert hairline_distance(np.array([[0.0, 0.0, 4.0]], np.float32))[0] < -3
    assert hairline_distance(np.array([[0.0, 10.5, -8.0]], np.float32))[0] > 3


@pytest.mark.parametrize("cover", [scalp_cover, brow_cover, beard_cover])
def test_covers_are_shares_and_symmetric_in_place(person: Identity, head: Head, cover) -> None:  # type: ignore[no-untyped-def]
    values = cover(person.but(hair_style=int(HairStyle.BUZZ)), head.canonical)
    assert values.shape == (len(head.canonical),)
    assert values.dtype == np.float32
    assert values.min() >= 0
    assert 0.2 < values.max() <= 1
    right = head.canonical[:, 0] > 0
    assert values[right].sum() == pytest.approx(values[~right].sum(), rel=0.25)


def test_brows_grow_along_the_brow(person: Identity, head: Head) -> None:
    (brows,) = grow_brows(person, head, 1.0)
    _check(brows, head)
    along, across = brow_place(person, head.canonical[brows.root])
    assert np.mean((along > -0.15) & (along < 1.15) & (np.abs(across) < 2.2)) > 0.9
    outward = (brows.points[:, -1, 0] - brows.points[:, 0, 0]) * np.sign(brows.points[:, 0, 0])
    assert np.mean(outward > 0) > 0.9


def test_beard_grows_with_its_parameter_and_is_absent_when_shaven(person: Identity, head: Head) -> None:
    assert grow_beard(person.but(beard=0.0), head, DETAIL) == ()
    lengths = []
    for amount in (0.3, 0.6, 1.0):
        (ribbons,) = grow_beard(person.but(beard=amount), head, DETAIL)
        _check(ribbons, head)
        lengths.append(np.linalg.norm(ribbons.points[:, -1] - ribbons.points[:, 0], axis=1).mean())
    assert lengths[0] < lengths[1] < lengths[2]


@pytest.mark.parametrize("style", range(4))
def test_beard_leaves_lips_and_eyes_free(person: Identity, head: Head, style: int) -> None:
    (ribbons,) = grow_beard(person.but(beard_style=style), head, DETAIL)
    assert (head.groups["lips"][ribbons.root] > 0.8).mean() < 0.02
    assert ribbons.points[..., 1].max() < -1.0


@pytest.mark.parametrize("style", range(4))
def test_a_beard_does_not_grow_at_the_nape(person: Identity, head: Head, style: int) -> None:
    (ribbons,) = grow_beard(person.but(beard_style=style), head, DETAIL)
    assert head.canonical[ribbons.root, 2].min() > -10.5


@pytest.mark.parametrize("style", range(4))
@pytest.mark.parametrize("number", range(3))
def test_a_mustache_is_trimmed_at_the_lips_and_leaves_the_mouth_free(style: int, number: int) -> None:
    """Hairs over the opening hide how far a mouth is open."""
    drawn = draw_identity(np.random.default_rng([526, 1, number]))
    person = drawn.but(beard=0.9, beard_style=style)
    head, vertices = build_head(coarse_vertices(person)), fixed_vertices()
    (ribbons,) = grow_beard(person, head, DETAIL)
    root = head.canonical[ribbons.root]
    above = (root[:, 1] > -5.7) & (np.abs(root[:, 0]) < 1.2)
    inner = head.vertices[[vertices[f"lip_inner_upper_{n}"] for n in range(1, 4)], 1].mean()
    assert above.sum() > 5
    assert (ribbons.points[above, -1, 1] > inner + 0.25).mean() > 0.95


@pytest.mark.parametrize("style", range(4))
def test_a_beard_gets_thinner_toward_its_borders(person: Identity, head: Head, style: int) -> None:
    """Hard borders look pasted on: no step within half a millimeter is a fifth of the largest density."""
    x = np.arange(-3.0, 3.0, 0.05, dtype=np.float32)
    across = np.stack([x, np.full_like(x, -5.2), np.full_like(x, 2.5)], 1)
    cover = beard_cover(person.but(beard_style=style), across)
    assert np.abs(np.diff(cover)).max() < 0.18 * cover.max()
    assert cover[[0, -1]].max() < 0.15 * cover.max()


def test_lashes_of_the_upper_lid_stay_near_it_seen_from_the_front(person: Identity, head: Head) -> None:
    """They point forward more than up: long lashes in front of the lid look detached from it."""
    (lashes,) = grow_lashes(person, head, 1.0)
    rise = (lashes.points[:, :, 1] - lashes.points[:, :1, 1]).max(1)
    forward = lashes.points[:, -1, 2] - lashes.points[:, 0, 2]
    upper = rise > 0.05
    assert upper.sum() > 40
    assert rise.max() < 0.35
    assert np.median(rise[upper]) < np.median(forward[upper])


def test_lashes_start_at_the_lids_and_point_away_from_the_eye(person: Identity, head: Head) -> None:
    (lashes,) = grow_lashes(person, head, 1.0)
    _check(lashes, head)
    centers = np.stack([center for center, _ in head.eyes])
    root, tip = (np.linalg.norm(lashes.points[:, k, None] - centers[None], axis=-1).min(1) for k in (0, -1))
    assert root.max() < 2.6
    assert (tip > root).all()


def test_hair_color_follows_its_pigments() -> None:
    black, brown, blond, white = hair_color(1, 0, 0), hair_color(0.6, 0, 0), hair_color(0, 0, 0), hair_color(0.5, 0, 1)
    assert black.sum() < brown.sum() < blond.sum() < white.sum()
    red = hair_color(0.5, 1.0, 0)
    assert red[0] / red[2] > 1.3 * hair_color(0.5, 0.0, 0)[0] / hair_color(0.5, 0.0, 0)[2]
    assert np.ptp(white) < 0.05


def test_locks_vary_around_the_color() -> None:
    locks = strand_colors(0.6, 0.2, 0.0, 500, np.random.default_rng(1))
    assert locks.shape == (500, 3)
    assert locks.min() > 0
    np.testing.assert_allclose(np.median(locks, 0), hair_color(0.6, 0.2, 0.0), rtol=0.1)


@pytest.mark.parametrize("gray", [0.3, 0.5, 0.7, 0.9, 1.0])
def test_gray_hair_is_no_mixture_of_bands(gray: float) -> None:
    locks = strand_colors(0.9, 0.2, gray, 500, np.random.default_rng(1)).mean(1)
    assert locks.std() < 0.15 * locks.mean()


def test_resample_and_cut_of_a_straight_line() -> None:
    line = np.stack([np.zeros(5), -np.arange(5.0), np.zeros(5)], 1)[None].astype(np.float32)
    share = cut_below(line, np.array([-2.5], np.float32))
    assert share[0] == pytest.approx(2.5 / 4)
    np.testing.assert_allclose(resample(line, share, 3)[0, :, 1], [0, -1.25, -2.5], atol=1e-6)


def test_smooth_keeps_ends_and_bends() -> None:
    angle = np.linspace(0, 1.5, 12)
    arc = np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)[None].astype(np.float32)
    rounded = smooth(arc)
    np.testing.assert_array_equal(rounded[:, [0, -1]], arc[:, [0, -1]])
    np.testing.assert_allclose(np.linalg.norm(rounded, axis=-1), 1.0, atol=5e-3)
    zigzag = arc + 0.1 * np.array([1.0, -1.0] * 6, np.float32)[None, :, None]
    rough, smoothed = (np.abs(np.diff(curve, 2, axis=1)).mean() for curve in (zigzag, smooth(zigzag)))
    assert smoothed < 0.3 * rough


ENDS = st.sampled_from([-1.0, -0.3, 0.0, 1.0])
SHARES = st.sampled_from([0.0, 0.5, 1.0])


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    style=st.sampled_from(list(HairStyle)),
    hairline=ENDS,
    temples=SHARES,
    thickness=SHARES,
    length=ENDS,
    side=ENDS,
    gray=SHARES,
    seed=st.integers(0, 2**31 - 1),
)
def test_hair_at_the_ends_of_its_parameters(
    person: Identity, head: Head, style: HairStyle, hairline: float, temples: float, thickness: float, length: float,
    side: float, gray: float, seed: int,
) -> None:  # fmt: skip
    extreme = person.but(
        hair_style=int(style),
        hairline=hairline,
        hair_temples=temples,
        hair_thickness=thickness,
        hair_length=length,
        hair_part_side=side,
        hair_gray=gray,
        hair_seed=seed,
    )
    for ribbons in lay_hair(grow_hair(extreme, head, 0.05).ribbons, NEUTRAL.but(hair_volume=1.0, hair_part=-1.0), head):
        _check(ribbons, head)
        assert np.abs(ribbons.points).max() < 45
