"""The blur removes the face and changes nothing else."""

import numpy as np

from swapcore.anonymization.blur import blur_face
from swapcore.faces.detect import Box


def test_the_face_keeps_only_low_frequencies_and_the_rest_is_unchanged():
    image = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    box = Box(110, 120, 190, 200, 1.0)
    blurred = blur_face(image, box)
    inside = blurred[130:190, 120:180].astype(float)
    assert np.abs(np.diff(inside, axis=1)).mean() < 3
    rows, columns = np.nonzero(np.abs(blurred.astype(int) - image).sum(-1))
    assert (rows.min() > 60) & (rows.max() < 250) & (columns.min() > 70) & (columns.max() < 230)


def test_a_face_at_the_edge_or_outside_of_the_image():
    image = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    assert (blur_face(image, Box(-30, -30, 50, 50, 1.0))[:40, :40] != image[:40, :40]).any()
    assert np.array_equal(blur_face(image, Box(900, 900, 980, 980, 1.0)), image)
