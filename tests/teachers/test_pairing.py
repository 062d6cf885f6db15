"""Plan of the fakes."""

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.config import GroupsParams, read_params
from swapcore.teachers import pairing
from swapcore.teachers.pairing import FaceProperties, FakePlan, ReferencePool, plan_fakes, poses

PARAMS = read_params(Path(__file__).parents[2] / "params.yaml").groups


def params(references: int, sources: int, seed: int = 0) -> GroupsParams:
    update = {"references_per_label": references, "sources_per_template": sources, "seed": seed}
    return PARAMS.model_copy(update=update)


def photograph(person: int, picture: int, lightness: float = 60.0) -> FaceProperties:
    rng = np.random.default_rng([person, picture])
    return FaceProperties(
        key=f"p{person}-{picture}",
        identity=f"p{person}",
        points=rng.uniform(0.3, 0.7, (5, 2)),
        skin_lightness=lightness,
        embedding=np.random.default_rng(person).normal(size=16).astype(np.float32),
    )


def people(num: int, pictures: int) -> list[FaceProperties]:
    return [photograph(person, picture) for person in range(num) for picture in range(pictures)]


def person_of(key: str) -> str:
    return key.split("-")[0]


@settings(deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=7), st.integers(0, 5), st.integers(0, 5), st.integers(0, 99))
def test_pairs_are_what_the_method_asks(pictures: list[int], references: int, sources: int, seed: int) -> None:
    photographs = [photograph(person, i) for person, num in enumerate(pictures) for i in range(num)]
    pairs = plan_fakes(photographs, params(references, sources, seed))
    assert len({(pair.source, pair.template) for pair in pairs}) == len(pairs)
    of_template: dict[str, list[FakePlan]] = defaultdict(list)
    for pair in pairs:
        of_template[pair.template].append(pair)
        assert person_of(pair.source) != person_of(pair.template)
        assert pair.partner is not None or pair.is_label
        if pair.partner is not None:
            assert pair.partner != pair.template
            assert person_of(pair.partner) == person_of(pair.template)
    for one in photographs:
        own, alone = of_template[one.key], pictures[int(one.identity[1:])] == 1
        others = len(pictures) - 1
        assert len({person_of(pair.source) for pair in own}) == len(own)
        assert sum(pair.partner is not None for pair in own) == (0 if alone else min(references, others))
        assert sum(pair.is_label for pair in own) == min(sources, others)


def test_every_fake_serves_both_kinds_where_it_can() -> None:
    pairs = plan_fakes(people(6, 2), params(4, 2))
    assert len(pairs) == 12 * 4
    assert sum(pair.is_label and pair.partner is not None for pair in pairs) == 12 * 2


def test_the_source_image_is_alike_or_different_in_expression_and_pose() -> None:
    candidates = []
    for person in range(3):
        for picture in range(4):
            # The mouth of image number n opens by n; people differ by a constant, which is identity.
            attitude = (0.0, 0.0, 6.0 * picture, 40.0 + 5 * person, 9.0, 30.0, 0.0, 0.0)
            candidates.append(replace(photograph(person, picture), attitude=attitude))
    chosen = {}
    for choice in ("alike", "different", "any"):
        plans = plan_fakes(candidates, params(1, 0).model_copy(update={"source_image": choice}))
        chosen[choice] = [(int(plan.source[-1]), int(plan.template[-1])) for plan in plans]
    assert all(source == template for source, template in chosen["alike"])
    assert all(source == (3 if template < 2 else 0) for source, template in chosen["different"])
    assert len({source for source, _ in chosen["any"]}) > 2


def test_a_new_person_changes_little() -> None:
    few, more = people(20, 2), people(21, 2)
    before = {(p.source, p.template, p.partner) for p in plan_fakes(few, params(4, 0))}
    after = {
        (p.source, p.template, p.partner) for p in plan_fakes(more, params(4, 0)) if person_of(p.template) != "p20"
    }
    kept = len(before & after) / len(before)
    assert kept > 0.7
    new = [pair for pair in after - before if person_of(pair[0]) == "p20"]
    # Four of 20 possible people: the newcomer is drawn for about a fifth of the photographs.
    assert 1 <= len(new) <= 20


def test_the_order_of_the_photographs_does_not_matter() -> None:
    photographs = people(8, 3)
    assert set(plan_fakes(photographs, params(3, 3))) == set(plan_fakes(photographs[::-1], params(3, 3)))


def test_another_seed_draws_other_people() -> None:
    first, second = (plan_fakes(people(30, 2), params(3, 0, seed)) for seed in (0, 1))
    assert len({*first} & {*second}) < 0.5 * len(first)


def test_people_are_drawn_about_equally_often() -> None:
    drawn = Counter(person_of(pair.source) for pair in plan_fakes(people(12, 20), params(3, 0)))
    assert len(drawn) == 12
    assert max(drawn.values()) < 2.5 * min(drawn.values())


def test_like_skin_is_preferred_but_not_required() -> None:
    photographs = [photograph(person, i, 30.0 if person % 2 else 75.0) for person in range(20) for i in range(2)]
    pairs = plan_fakes(photographs, params(6, 0))
    alike = [int(person_of(p.source)[1:]) % 2 == int(person_of(p.template)[1:]) % 2 for p in pairs]
    assert np.mean(alike) > 0.95
    assert len(plan_fakes(photographs, params(19, 0))) == 40 * 19


def test_a_large_sigma_draws_any_skin() -> None:
    photographs = [photograph(person, i, 30.0 if person % 2 else 75.0) for person in range(20) for i in range(2)]
    pairs = plan_fakes(photographs, params(6, 0).model_copy(update={"skin_sigma": 1000.0}))
    alike = [int(person_of(p.source)[1:]) % 2 == int(person_of(p.template)[1:]) % 2 for p in pairs]
    assert 0.35 < np.mean(alike) < 0.6


def test_no_person_is_their_own_reference() -> None:
    cast = ReferencePool(people(5, 1), 8.0)
    weights = cast.suitability("p3")
    assert weights[cast.people.index("p3")] == 0
    assert (np.delete(weights, cast.people.index("p3")) > 0).all()
    assert (weights <= 1).all()


def test_many_people_are_not_all_weighed_for_an_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "MAX_COMPARED", 16)
    weighed = []
    suitability = ReferencePool.suitability

    def counted(pool: ReferencePool, person: str, others: np.ndarray) -> np.ndarray:
        weighed.append(len(others))
        return suitability(pool, person, others)

    monkeypatch.setattr(ReferencePool, "suitability", counted)
    drawn = Counter(person_of(pair.source) for pair in plan_fakes(people(100, 4), params(3, 0)))
    assert set(weighed) == {16}
    assert len(drawn) > 95
    assert max(drawn.values()) < 12 * 3.5


def test_a_new_person_changes_little_among_many_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "MAX_COMPARED", 16)
    few, more = people(60, 2), people(61, 2)
    before = {(p.source, p.template) for p in plan_fakes(few, params(3, 0))}
    after = {(p.source, p.template) for p in plan_fakes(more, params(3, 0)) if person_of(p.template) != "p60"}
    assert len(before & after) / len(before) > 0.9


def test_like_skin_is_preferred_among_many_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairing, "MAX_COMPARED", 24)
    photographs = [photograph(person, 0, 30.0 if person % 2 else 75.0) for person in range(100)]
    pairs = plan_fakes(photographs, params(0, 4))
    alike = [int(person_of(p.source)[1:]) % 2 == int(person_of(p.template)[1:]) % 2 for p in pairs]
    assert np.mean(alike) > 0.9


NEUTRAL = np.array([[0.4, 0.4], [0.6, 0.4], [0.5, 0.6], [0.42, 0.7], [0.58, 0.7]])
WIDE = np.array([[0, 0], [0, 0], [0, 0], [-0.02, 0], [0.02, 0]])
SMILE = np.array([[0, 0], [0, 0], [0, 0], [-0.03, -0.02], [0.03, -0.02]])
TURN = np.array([[0, 0], [0, 0], [0.04, 0], [0, 0], [0, 0]])


def posed(person: int, name: str, points: np.ndarray) -> FaceProperties:
    return replace(photograph(person, 0), key=f"p{person}-{name}", points=points)


def test_the_nearest_photograph_has_the_templates_expression() -> None:
    """Though the second person's mouth is so wide that at rest it is nearer to the first one's smile."""
    photographs = [
        posed(person, name, NEUTRAL + own + expression)
        for person, own in ((0, 0), (1, WIDE))
        for name, expression in (("neutral", 0), ("smile", SMILE))
    ]
    for pair in plan_fakes(photographs, params(1, 1)):
        assert pair.source.split("-")[1] == pair.template.split("-")[1]


def test_the_nearest_photograph_looks_where_the_template_looks() -> None:
    photographs = [
        posed(person, name, NEUTRAL + turn)
        for person in range(2)
        for name, turn in (("left", -TURN), ("front", 0), ("right", TURN))
    ]
    for pair in plan_fakes(photographs, params(1, 1)):
        assert pair.source.split("-")[1] == pair.template.split("-")[1]


def test_poses_leave_out_who_it_is() -> None:
    own = {"a": [posed(0, "x", NEUTRAL), posed(0, "y", NEUTRAL + SMILE)], "b": [posed(1, "z", NEUTRAL + WIDE)]}
    found = poses(own)
    assert all(posture.shape == (11,) for posture in found.values())
    assert found["p0-y"][:10] - found["p0-x"][:10] == pytest.approx(SMILE.ravel())
    assert np.abs(found["p1-z"][:10]).max() < 0.1 * 0.02
    assert found["p0-x"][10] == pytest.approx(0, abs=1e-9)
