"""Guides where hair or glasses cover a face."""

import numpy as np
import pytest
import torch

from swapcore.ops.compose import Guide
from swapcore.ops.guide import guide_inputs, to_half_sides
from swapcore.warp.crop_guides import hide_covered
from swapcore.warp.guide import guide_maker

WORKING_PX = 64


def guides(source, template) -> tuple[Guide, Guide]:
    """The guide of a pair before and after covered parts are hidden."""
    maker = guide_maker(WORKING_PX, "cpu")
    meshes = tuple(to_half_sides(each.points, each.image.shape[0])[None] for each in (source, template))
    before = maker.make(guide_inputs(meshes, (np.zeros((1, 5, 2)), np.zeros((1, 5, 2))), maker.reshape))
    return before, hide_covered(
        before, (source.image[None], template.image[None]), ([source.points], [template.points])
    )


def hidden_share(source, template, rows: slice) -> float:
    """Share of the visible face in some rows that is hidden afterwards."""
    before, after = guides(source, template)
    assert torch.all(after.usable <= before.usable)
    assert torch.equal(after.flow, before.flow)
    assert torch.equal(after.near, before.near)
    return float(1 - after.usable[..., rows, :].sum() / before.usable[..., rows, :].sum())


def forehead(template) -> slice:
    """Rows of the guide from the template's hairline to its brows."""
    top, brows = template.points[10, 1], template.points[[105, 334], 1].min()
    return slice(*(round(float(row) * WORKING_PX / template.image.shape[0]) for row in (top, brows)))


@pytest.mark.parametrize("covered", ["source", "template"])
def test_a_fringe_hides_the_forehead(show, fringe, covered):
    shown = {name: show(name, fringe if name == covered else None) for name in ("source", "template")}
    rows = forehead(show("template"))
    bare = hidden_share(show("source"), show("template"), rows)
    assert hidden_share(shown["source"], shown["template"], rows) > bare + 0.2


def test_a_bare_face_stays_visible(show):
    below_the_brows = slice(forehead(show("template")).stop + 2, None)
    assert hidden_share(show("source"), show("template"), below_the_brows) < 0.1


def test_the_seam_of_closed_lips_is_the_templates(show):
    """An open mouth has no seam to show."""
    source, template = show("source", mouth_open=0.8), show("template")
    before, after = guides(source, template)
    x, y = (template.points[[13, 14], :2].mean(0) * WORKING_PX / template.image.shape[0]).astype(int)
    # The mesh finds the lips within two pixels; a thin seam may be shared by two rows.
    seam = (0, 0, slice(y - 1, y + 3), slice(x - 2, x + 3))
    assert before.usable[seam].max() > 0.9
    assert (1 - after.usable[seam]).sum(0).min() > 0.7
    assert (1 - before.usable[seam]).sum(0).max() < 0.3
