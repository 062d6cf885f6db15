"""Identity scores: jitter, cosines, leak, retrieval."""

import numpy as np
import pytest

from swapcore.evaluation.identity import NUM_JITTERS, EvaluationRecognizer, Gallery, jitter, score_identity


def picture(seed: int = 0, size: int = 64) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    return np.kron(coarse, np.ones((size // 8, size // 8, 1), np.uint8))


def test_jitter_is_seeded_and_small():
    first = jitter(picture(), np.random.default_rng(1))
    assert (first == jitter(picture(), np.random.default_rng(1))).all()
    assert (first != jitter(picture(), np.random.default_rng(2))).any()
    assert 0 < np.abs(first.astype(int) - picture()).mean() < np.abs(picture(1).astype(int) - picture()).mean() / 2


def test_jitter_breaks_single_pixel_patterns():
    """A pattern that flips from pixel to pixel, as one made to fool a network does, loses nearly all of its energy."""
    checkers = np.indices((256, 256)).sum(0) % 2 * 20
    flat, made = np.full((256, 256, 3), 100, np.uint8), (100 + checkers[..., None] * np.ones(3)).astype(np.uint8)
    left = [jitter(made, np.random.default_rng(s)).std() for s in range(20)]
    assert np.mean(left) < 0.2 * made.std()
    assert jitter(flat, np.random.default_rng(0)).std() == 0


def counting_recognizer(calls: list[np.ndarray], jittered: bool) -> EvaluationRecognizer:
    def embed(images: np.ndarray) -> np.ndarray:
        calls.append(images)
        return images[:, ::16, ::16].reshape(len(images), -1).astype(np.float64)

    return EvaluationRecognizer("toy", embed, np.zeros(48), jittered=jittered, seed=3)


def test_independent_recognizer_gets_the_image_without_jitter():
    calls: list[np.ndarray] = []
    counting_recognizer(calls, jittered=False).features(picture()[None], ["a"])
    assert len(calls) == 1
    assert (calls[0][0] == picture()).all()


def test_training_network_gets_jittered_images_only():
    calls: list[np.ndarray] = []
    counting_recognizer(calls, jittered=True).features(picture()[None], ["a"])
    assert len(calls) == NUM_JITTERS
    assert all((seen[0] != picture()).any() for seen in calls)


def test_jitter_depends_on_the_key_and_not_on_the_batch():
    images = np.stack([picture(0), picture(1)])
    recognizer = counting_recognizer([], jittered=True)
    both = recognizer.features(images, ["a", "b"])
    assert (both[1] == recognizer.features(images[1:], ["b"])[0]).all()
    assert (both[1] != recognizer.features(images[1:], ["a"])[0]).any()


GALLERY = Gallery(
    np.array(["a1", "a2", "b1", "b2", "c1"]),
    np.array(["a", "a", "b", "b", "c"]),
    np.array([[1.0, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [-1, -1]]),
)
RECOGNIZER_LABEL = EvaluationRecognizer("toy", lambda images: images, np.zeros(2), jittered=False, seed=0)


def test_scores_have_known_values():
    swapped, untouched = np.array([[3.0, 4.0]]), np.array([[0.0, 1.0]])
    (score,) = score_identity(RECOGNIZER_LABEL, GALLERY, swapped, untouched, ["a1"], ["b1"])
    assert score.cosine_source == pytest.approx(0.6)
    assert score.cosine_template == pytest.approx(0.8)
    assert score.gain == pytest.approx(0.6)
    # Without a1 and b1, b2 (0.861) is nearer than a2 (0.685).
    assert (score.source_rank, score.template_rank) == (2, 1)


def test_no_rank_for_a_person_with_one_photograph():
    (score,) = score_identity(RECOGNIZER_LABEL, GALLERY, np.eye(2)[:1], np.eye(2)[:1], ["c1"], ["b1"])
    assert score.source_rank is None
