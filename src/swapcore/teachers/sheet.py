"""Contact sheet of sample groups with their measurements."""

import cv2
import numpy as np
import numpy.typing as npt

from swapcore.data.groups import FAKE_LABEL, FAKE_TEMPLATE, GroupCrops, GroupRow
from swapcore.ops.image import Image, tile
from swapcore.tables import Table

_SIDE_PX = 128
_LINE_PX = 17
_ACCEPTED = (30, 110, 40)
_REJECTED = (170, 30, 30)


def groups_sheet(rows: Table[GroupRow], crops: GroupCrops, num_accepted: int, num_rejected: int) -> Image:
    """Draw accepted groups of each kind and rejected groups, evenly chosen, two per row of the sheet.

    Args:
        rows: all groups, at least one.
        crops: images of the groups.
        num_accepted: largest number of accepted groups, half of each kind.
        num_rejected: largest number of rejected groups.

    Returns:
        uint8 (H, W, 3); columns source, template, label, caption, twice.
    """
    accepted, kinds = np.array(rows.column("accepted"), dtype=bool), np.array(rows.column("kind"))
    chosen: list[int] = []
    for kind in (FAKE_TEMPLATE, FAKE_LABEL):
        chosen += evenly(np.flatnonzero(accepted & (kinds == kind)), num_accepted // 2)
    chosen += evenly(np.flatnonzero(~accepted), num_rejected)
    shown = [rows[index] for index in chosen]
    cells = [[*map(crops.image, crops.refs(row)), caption(row)] for row in shown]
    if len(cells) % 2:
        cells.append([np.full((_SIDE_PX, _SIDE_PX, 3), 255, np.uint8)] * 4)
    return tile([cells[i] + cells[i + 1] for i in range(0, len(cells), 2)], _SIDE_PX)


def evenly(numbers: npt.NDArray[np.int64], num: int) -> list[int]:
    """Return at most num numbers, evenly spaced over the array."""
    num = min(num, len(numbers))
    return [int(numbers[i * len(numbers) // num]) for i in range(num)]


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
