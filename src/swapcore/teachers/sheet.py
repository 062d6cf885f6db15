"""Contact sheet of sample groups with their measurements."""

import cv2
import numpy as np

from swapcore.data.groups import FAKE_LABEL, FAKE_TEMPLATE, GroupCrops, GroupRow
from swapcore.ops.image import Image, tile

_SIDE_PX = 128
_LINE_PX = 17
_ACCEPTED = (30, 110, 40)
_REJECTED = (170, 30, 30)


def groups_sheet(rows: list[GroupRow], crops: GroupCrops, num_accepted: int, num_rejected: int) -> Image:
    """Draw accepted groups of each kind and rejected groups, evenly chosen, two per row of the sheet.

    Args:
        rows: all groups, at least one.
        crops: images of the groups.
        num_accepted: largest number of accepted groups, half of each kind.
        num_rejected: largest number of rejected groups.

    Returns:
        uint8 (H, W, 3); columns source, template, label, caption, twice.
    """
    chosen = []
    for kind in (FAKE_TEMPLATE, FAKE_LABEL):
        chosen += evenly([row for row in rows if row.accepted and row.kind == kind], num_accepted // 2)
    chosen += evenly([row for row in rows if not row.accepted], num_rejected)
    cells = [[*map(crops.image, crops.refs(row)), caption(row)] for row in chosen]
    if len(cells) % 2:
        cells.append([np.full((_SIDE_PX, _SIDE_PX, 3), 255, np.uint8)] * 4)
    return tile([cells[i] + cells[i + 1] for i in range(0, len(cells), 2)], _SIDE_PX)


def evenly(rows: list[GroupRow], num: int) -> list[GroupRow]:
    """Return at most num rows, evenly spaced over the list."""
    num = min(num, len(rows))
    return [rows[i * len(rows) // num] for i in range(num)]


def caption(row: GroupRow) -> Image:
    """Draw kind, result and measurements of a group, uint8 (128, 128, 3)."""
    lines = [
        row.kind,
        "accepted" if row.accepted else "rejected:",
        row.reason,
        f"inside {row.changed_inside:.1f}",
        f"outside {row.changed_outside:.2f}",
        f"identity {row.identity_gain:+.2f}",
    ]
    image = np.full((_SIDE_PX, _SIDE_PX, 3), 255, np.uint8)
    for i, line in enumerate(lines):
        color = _ACCEPTED if row.accepted else _REJECTED
        place = (3, 20 + i * _LINE_PX)
        cv2.putText(image, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.36, color, 1, cv2.LINE_AA)
    return image
