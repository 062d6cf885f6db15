"""Hair, glasses, beards and eyes in the dense warp, on rendered people with exact masks."""

import cv2
import numpy as np
import pytest

from swapcore.faces.mesh.topology import FACE_OVAL, LEFT_EYE, RIGHT_EYE
from swapcore.ops.geometry import apply
from swapcore.synth.layers import Part
from swapcore.warp.color import to_log
from swapcore.warp.dense import dense_warp
from swapcore.warp.eyes import closed_in_source
from swapcore.warp.glasses import frames, glasses_score
from swapcore.warp.regions import around_closed_mouth, beard_difference, face_mask, hair_over_face, nose
from swapcore.warp.shading import deviation_from_skin
from swapcore.warp.skin import features, fit_skin, not_skin
from swapcore.warp.view import blur, fill_polygon, grow, view_face


def swap(source, template):
    return dense_warp(source.image, source.points, template.image, template.points).image


def difference(first, second, where) -> float:
    return float(np.abs(first.astype(float) - second.astype(float)).mean(-1)[where].mean())


def oval(shown) -> np.ndarray:
    return fill_polygon(shown.points[list(FACE_OVAL), :2], shown.image.shape[0]) > 0.5


def rims(worn, bare) -> np.ndarray:
    """Pixels of the face that glasses change much: their rims, not their lenses."""
    return (np.abs(worn.image.astype(int) - bare.image).max(-1) > 50) & oval(bare)


def studied(shown):
    view = view_face(shown.image, shown.points)
    skin = fit_skin(view)
    return view, skin, deviation_from_skin(view, skin)


@pytest.fixture(scope="module")
def source(show):
    return show("source")


@pytest.fixture(scope="module")
def template(show):
    return show("template")


@pytest.mark.parametrize("style", [1, 2, 3])
@pytest.mark.parametrize("person", ["template", "source"])
def test_glasses_are_found_on_who_wears_them(show, person, style):
    view, _, deviation = studied(show(person, glasses=style))
    assert glasses_score(view, deviation) > 0.9


def test_wire_rims_on_pale_skin_are_found(show):
    view, _, deviation = studied(show("pale", glasses=2))
    assert glasses_score(view, deviation) > 0.9


@pytest.mark.parametrize("person", ["template", "source"])
def test_no_glasses_are_found_on_who_wears_none(show, person):
    view, _, deviation = studied(show(person))
    assert glasses_score(view, deviation) == 0
    assert frames(view, deviation).max() == 0


def test_rims_are_closed(show):
    """Each eye is separated from the nose, the other eye and the ear by a rim."""
    view, _, deviation = studied(show("template", glasses=2))
    found = frames(view, deviation) > 0.5
    _, labels = cv2.connectedComponents((~found).astype(np.uint8), connectivity=4)
    places = [*view.points[[468, 473, 1], :2].round().astype(int), np.array([0, 0])]
    parts = [labels[y, x] for x, y in places]
    assert len(set(parts[:3])) == 3
    assert parts[3] not in parts[:2]


@pytest.mark.parametrize("style", [1, 2, 3])
def test_glasses_of_the_template_stay(show, source, template, style):
    """Their rims move with the new face, so they are looked for again."""
    for worn, low, high in ((show("template", glasses=style), 0.9, 1.0), (template, 0.0, 0.0)):
        warped = dense_warp(source.image, source.points, worn.image, worn.points)
        view = view_face(warped.image, warped.points)
        assert low <= glasses_score(view, deviation_from_skin(view, fit_skin(view))) <= high


def test_glasses_of_the_source_are_not_copied(show, source, template):
    worn = show("source", glasses=3)
    view = view_face(template.image, template.points)
    rim = rims(worn, source)
    warped, bare = dense_warp(worn.image, worn.points, template.image, template.points), swap(source, template)
    places = apply(warped.source.affine, np.argwhere(rim)[:, ::-1].astype(float)).round().astype(int)
    in_source = np.zeros(warped.mask.shape, bool)
    in_source[places[:, 1].clip(0, 319), places[:, 0].clip(0, 319)] = True
    x, y = warped.flow.round().astype(int).clip(0, 319).transpose(2, 0, 1)
    at_rim = in_source[y, x] & (view.polygon(FACE_OVAL) > 0.5)
    eyes = np.maximum(view.polygon(LEFT_EYE), view.polygon(RIGHT_EYE)) > 0
    assert warped.mask[at_rim & ~eyes].mean() < 0.35
    assert difference(warped.image, bare, oval(template)) < 8


def test_a_fringe_of_the_source_is_not_copied(show, fringe, source, template):
    covered = show("source", fringe)
    result, bare = swap(covered, template), swap(source, template)
    forehead = oval(template) & (np.arange(template.image.shape[0])[:, None] < template.points[[105, 334], 1].min() - 6)
    hair = covered.picture.parts == Part.HAIR
    assert hair[oval(covered)].sum() > 60
    assert difference(result, bare, forehead) < 0.15 * difference(covered.image, source.image, hair & oval(covered))


def test_a_fringe_of_the_template_stays(show, fringe, source, template):
    covered = show("template", fringe)
    hair = (covered.picture.parts == Part.HAIR) & oval(covered)
    rows = np.arange(hair.shape[0])[:, None]
    hair &= rows < covered.points[[105, 334], 1].min() - 4
    # The hair moves a little with the outline of the new face.
    assert difference(swap(source, covered), covered.image, hair) < 0.2 * difference(
        template.image, covered.image, hair
    )


def test_hair_is_found_and_the_nose_is_not(show, fringe):
    covered = show("template", fringe)
    view, _, deviation = studied(covered)
    found = hair_over_face(view, deviation)
    column, row = view.in_photograph()[1, :2].round().astype(int)
    assert covered.picture.parts[row, column] == Part.FACE
    center = view.points[1, :2].round().astype(int)
    assert found[center[1] - 10 : center[1] + 10, center[0] - 10 : center[0] + 10].max() == 0
    assert found[_above_the_nose(view)].sum() > 500


def test_brows_and_their_shadow_are_not_hair(show):
    view, _, deviation = studied(show("template"))
    assert hair_over_face(view, deviation)[_above_the_nose(view)].sum() < 20


def _above_the_nose(view):
    x, y = view.points[1, :2].round().astype(int)
    return slice(None, y), slice(x - 50, x + 50)


def test_a_beard_reaches_the_jaw(show, template):
    bearded = show("source", {"beard": 0.9, "beard_style": 0, "face_hair_darkness": 1.0})
    first, second = studied(bearded)[:2], studied(template)[:2]
    assert beard_difference(first, second) > 0.8
    assert beard_difference(second, second) == 0
    view = second[0]
    short, long = face_mask(view), face_mask(view, 1.0)
    chin, top = (view.points[index, :2].round().astype(int) for index in (152, 10))
    assert short[chin[1], chin[0]] < 0.1 < 0.8 < long[chin[1], chin[0]]
    assert np.array_equal(short[: top[1] + 20], long[: top[1] + 20])
    # The last pixels of the chin are dark then.
    row, column = (template.points[152, :2] - [0, 4]).round().astype(int)[::-1]
    patch = np.s_[row - 3 : row + 1, column - 6 : column + 7]
    assert swap(bearded, template)[patch].mean() < 0.75 * template.image[patch].mean()


def test_the_whites_of_the_eyes_are_as_bright_as_the_templates(show):
    pale, dark = show("source", {"skin_tone": 0.0}), show("template", {"skin_tone": 1.0})

    def white(image: np.ndarray) -> float:
        eyes = sum(fill_polygon(dark.points[list(eye), :2], image.shape[0]) for eye in (LEFT_EYE, RIGHT_EYE))
        return float(np.percentile(image.mean(-1)[eyes > 0.5], 85))

    assert abs(white(swap(pale, dark)) - white(dark.image)) < 0.2 * white(dark.image)


def test_both_eyes_are_the_sources_or_both_the_templates(show, template):
    shut = show("source", blink=1.0)
    kept = closed_in_source(view_face(template.image, template.points), view_face(shut.image, shut.points))
    view = view_face(template.image, template.points)
    left, right = (kept[view.polygon(eye) > 0.9].mean() for eye in (LEFT_EYE, RIGHT_EYE))
    assert left == pytest.approx(right, abs=0.05)
    assert left > 0.5


@pytest.mark.parametrize("yaw", [-35.0, 35.0])
def test_a_turned_head_gets_no_background_of_the_source(show, source, yaw):
    turned = show("template", yaw_deg=yaw)
    green = source.image.copy()
    green[source.picture.parts == Part.BACKGROUND] = (0, 255, 0)
    other = green.copy()
    other[source.picture.parts == Part.BACKGROUND] = (255, 0, 255)
    results = [dense_warp(each, source.points, turned.image, turned.points).image for each in (green, other)]
    assert np.abs(results[0].astype(int) - results[1]).max(-1).mean() < 0.1


@pytest.mark.parametrize("opened", [0.4, 0.8])
@pytest.mark.parametrize(("person", "most"), [("source", 0.115), ("pale", 0.18)])
def test_a_dark_smile_leaves_no_dark_patch_at_closed_lips(show, person, most, opened):
    smiling = show(person, {"skin_tone": 0.9}, smile=1.0, mouth_open=opened)
    closed = show("template", {"skin_tone": 0.1})
    warped = dense_warp(smiling.image, smiling.points, closed.image, closed.points)
    before, after = (view_face(image, warped.points) for image in (closed.image, warped.image))
    around = around_closed_mouth(before, 1.0) > 0.3
    levels = [blur(to_log(view.image.astype(np.float32)), 0.04 * view.eye_px).mean(-1) for view in (before, after)]
    darker = (levels[0] - levels[1])[around]
    assert np.percentile(darker, 95) < most


def test_skin_is_followed_through_shading_and_hair_is_not_skin(show, fringe):
    lit = show("template", fringe, light_azimuth_deg=50.0)
    view, _, deviation = studied(lit)
    cheeks = view.points[[50, 280], :2].round().astype(int)
    assert max(deviation[y - 8 : y + 9, x - 8 : x + 9].mean() for x, y in cheeks) < 1
    hair = np.array([view.points[10, :2] + [0, 4]]).round().astype(int)[0]
    assert deviation[hair[1], hair[0]] > 1.7


HIGH = {"light_elevation_deg": 35.0}
"""Lower light from the side leaves darker cheeks than the warp can give back."""
SIDE_LIGHT = [(14.0, -40.0), (-25.0, 50.0), (25.0, -60.0)]
"""Turn of the head and direction of the light, degrees."""


@pytest.mark.parametrize(("yaw", "light"), SIDE_LIGHT)
@pytest.mark.parametrize("person", ["source", "template", "pale"])
def test_cheeks_in_shadow_are_skin(show, person, yaw, light):
    view, _, deviation = studied(show(person, yaw_deg=yaw, light_azimuth_deg=light, **HIGH))
    # The outline of a narrow jaw includes a part of the shadow below it.
    assert not_skin(view, deviation)[_cheeks(view)].mean() < 0.06
    assert hair_over_face(view, deviation)[_cheeks(view)].mean() < 0.03


@pytest.mark.parametrize(("yaw", "light"), SIDE_LIGHT)
@pytest.mark.parametrize("person", ["source", "pale"])
def test_cheeks_get_the_light_of_the_template(show, person, yaw, light):
    """No shadow of the source stays at the outline, and none of the template is cut out there."""
    turned, given = show("template", yaw_deg=yaw, light_azimuth_deg=light, **HIGH), show(person, **HIGH)
    warped = dense_warp(given.image, given.points, turned.image, turned.points)
    before, after = (view_face(image, warped.points) for image in (turned.image, warped.image))
    levels = [blur(to_log(view.image.astype(np.float32)), 0.05 * view.eye_px).mean(-1) for view in (before, after)]
    assert np.percentile(np.abs(levels[1] - levels[0])[_cheeks(before)], 95) < 0.36


def _cheeks(view) -> np.ndarray:
    """Next to the outline, from the eyes to the chin, without the nose."""
    outline = view.polygon(FACE_OVAL)
    ring = grow(outline, -0.06 * view.eye_px) - grow(outline, -0.3 * view.eye_px) > 0.5
    below = np.arange(len(outline))[:, None] > view.points[168, 1]
    return ring & below & (np.maximum(features(view, 0.1), nose(view)) < 0.5)
