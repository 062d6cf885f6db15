"""Recognizer and detector of the evaluation on real photographs."""

import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from swapcore.config import NetworkParams
from swapcore.evaluation.attributes import measure_face, score_attributes
from swapcore.evaluation.identity import SELF_EVALUATED, EvaluationRecognizer, Gallery, score_identity
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


def test_retrieval_works_under_jitter(crops):
    """Each smiling photograph, jittered, must find its person's neutral one among all: rank 1."""
    network = load_evaluator_recognizer(NetworkParams(kind="dlib", path=None, sha256=None))
    embeddings = network.embed(np.stack(list(crops.values())), 8)
    gallery = Gallery(np.array(list(crops)), np.array([stem.split("_")[0] for stem in crops]), embeddings)
    recognizer = EvaluationRecognizer(
        SELF_EVALUATED, lambda images: network.embed(images, 8), embeddings.mean(0), jittered=True, seed=0
    )
    smiling = [stem for stem in crops if stem.endswith("smiling")]
    neutral = [stem.replace("smiling", "neutral") for stem in smiling]
    measures = recognizer.features(np.stack([crops[stem] for stem in smiling]), smiling)
    others = neutral[1:] + neutral[:1]
    # The smiling photograph itself takes no part: it is the "source"; the person is found by the neutral one.
    scores = score_identity(recognizer, gallery, measures, measures, smiling, others)
    assert [score.source_rank for score in scores] == [1] * len(smiling)
    assert min(score.cosine_source for score in scores) > 0.8
    assert max(score.cosine_template for score in scores) < 0.6


def test_detection_agrees_in_small_and_large_crops(crops):
    errors = []
    for crop in list(crops.values())[:12]:
        large, small = measure_face(crop), measure_face(resize(crop, 64))
        assert large is not None
        assert small is not None
        scaled = replace(small, points=small.points * SIZE / 64 + (SIZE / 64 - 1) / 2)
        errors.append(score_attributes(scaled, large, large).landmark_error)
    assert np.median(errors) < 4  # percent of the eye distance


def test_no_face_in_images_without_one():
    assert measure_face(np.full((SIZE, SIZE, 3), 128, np.uint8)) is None
