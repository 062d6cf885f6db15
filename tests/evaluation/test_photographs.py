"""The judge and the detector on real photographs: they must know whom and what they see, before they judge a model."""

import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from swapcore.config import NetworkParams
from swapcore.evaluation.attributes import locate_face, score_attributes
from swapcore.evaluation.identity import SELF_JUDGED, Gallery, Judge, score_identity
from swapcore.faces.extract import extract_face
from swapcore.faces.networks import load_evaluator_recognizer
from swapcore.ops.image import resize

SIZE = 112
pytestmark = [
    pytest.mark.faces,
    pytest.mark.skipif("SWAPCORE_FACES" not in os.environ, reason="SWAPCORE_FACES names no photographs"),
]


@pytest.fixture(scope="module")
def crops() -> dict[str, np.ndarray]:
    """File stem to crop of 24 people, neutral and smiling."""
    files = sorted((Path(os.environ["SWAPCORE_FACES"]) / "london").glob("*.jpg"))[:48]
    photographs = {path.stem: cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) for path in files}
    return {stem: extract_face(image, SIZE, "largest", Path(stem)).crop for stem, image in photographs.items()}


def test_jitter_does_not_make_the_judge_forget_faces(crops):
    """Each smiling photograph, jittered, must find its person's neutral one among all: rank 1."""
    network = load_evaluator_recognizer(NetworkParams(kind="dlib", path=None, sha256=None))
    embeddings = network.embed(np.stack(list(crops.values())), 8)
    gallery = Gallery(np.array(list(crops)), np.array([stem.split("_")[0] for stem in crops]), embeddings)
    judge = Judge(SELF_JUDGED, lambda images: network.embed(images, 8), embeddings.mean(0), jittered=True, seed=0)
    smiling = [stem for stem in crops if stem.endswith("smiling")]
    neutral = [stem.replace("smiling", "neutral") for stem in smiling]
    looks = judge.look(np.stack([crops[stem] for stem in smiling]), smiling)
    others = neutral[1:] + neutral[:1]
    # The smiling photograph itself takes no part: it is the "source"; the person is found by the neutral one.
    scores = score_identity(judge, gallery, looks, looks, smiling, others)
    assert [score.source_rank for score in scores] == [1] * len(smiling)
    assert min(score.cosine_source for score in scores) > 0.8
    assert max(score.cosine_template for score in scores) < 0.6


def test_the_detector_finds_the_face_in_small_crops_where_it_is_in_large_ones(crops):
    errors = []
    for crop in list(crops.values())[:12]:
        large, small = locate_face(crop), locate_face(resize(crop, 64))
        assert large is not None
        assert small is not None
        scaled = replace(small, points=small.points * SIZE / 64 + (SIZE / 64 - 1) / 2)
        errors.append(score_attributes(scaled, large, large).landmark_error)
    assert np.median(errors) < 4  # percent of the eye distance


def test_no_face_is_found_where_there_is_none():
    assert locate_face(np.full((SIZE, SIZE, 3), 128, np.uint8)) is None
