"""The warp teacher on drawn people."""

import pickle
from dataclasses import replace

import numpy as np
from drawn_faces import face

from swapcore.teachers.warp import WarpTeacher


def test_a_fake_differs_from_its_template_and_has_landmarks_near_its_own():
    source, template = face(1), face(2)
    fake = WarpTeacher().swap(source, template)
    assert fake.image.shape == template.image.shape
    assert np.abs(fake.image.astype(int) - template.image).mean() > 1
    assert np.abs(fake.points - template.points).max() < 0.05 * template.image.shape[0]


def test_same_bytes_again_and_after_pickling():
    teacher = pickle.loads(pickle.dumps(WarpTeacher()))
    assert np.array_equal(teacher.swap(face(1), face(2)).image, WarpTeacher().swap(face(1), face(2)).image)


def test_without_a_face_the_template_is_returned_and_the_checks_reject_it():

    blank = replace(face(1), image=np.full_like(face(1).image, 128))
    assert np.array_equal(WarpTeacher().swap(blank, face(2)).image, face(2).image)
