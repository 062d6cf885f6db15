from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swapcore.config import ScheduleParams
from swapcore.errors import TrainingError
from swapcore.training.step import ema_decay, lr_scale, train_step, use_discriminator, uses_raw

SCHEDULE = ScheduleParams(
    learning_rate=0.001, discriminator_learning_rate=0.001, floor=0.1, warmup_steps=9, ema_decay=0.9, raw_phase=0.3,
    adversarial_start=0.5,
)  # fmt: skip


def copied(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def unchanged(module: torch.nn.Module, before: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_the_learning_rate_rises_then_falls_to_the_floor() -> None:
    assert lr_scale(0, 100, SCHEDULE) == pytest.approx(0.1)
    assert lr_scale(9, 100, SCHEDULE) > 0.95
    assert lr_scale(50, 100, SCHEDULE) == pytest.approx(0.55)
    assert lr_scale(100, 100, SCHEDULE) == pytest.approx(0.1)
    scales = [lr_scale(step, 100, SCHEDULE) for step in range(9, 101)]
    assert scales == sorted(scales, reverse=True)


@given(num_steps=st.integers(1, 10_000), share=st.floats(0, 1), floor=st.floats(0.01, 1), warmup=st.integers(0, 500))
def test_the_learning_rate_is_positive_and_at_most_the_peak(
    num_steps: int, share: float, floor: float, warmup: int
) -> None:
    schedule = SCHEDULE.model_copy(update={"floor": floor, "warmup_steps": warmup})
    assert 0 < lr_scale(int(share * num_steps), num_steps, schedule) <= 1


def test_the_decay_of_the_average_rises_to_its_final_value() -> None:
    assert ema_decay(0, SCHEDULE) == pytest.approx(0.1)
    assert ema_decay(10_000, SCHEDULE) == 0.9


def test_phases_begin_at_their_share_of_the_steps() -> None:
    assert [uses_raw(step, 10, SCHEDULE) for step in range(10)] == [True] * 3 + [False] * 7
    assert [use_discriminator(step, 10, SCHEDULE, 0.1) for step in range(10)] == [False] * 5 + [True] * 5


def test_a_weight_of_zero_disables_the_discriminator() -> None:
    assert not use_discriminator(10, 10, SCHEDULE, 0.0)


def test_every_term_is_logged_and_the_total_is_their_sum(tiny, start) -> None:
    run = start(tiny(schedule={"adversarial_start": 0.0}))
    metrics = train_step(run.state, run.sampler.batch(0), run.context)
    terms = {"pixel", "pixel_raw", "feature", "identity_source", "identity_template", "adversarial", "edges"}
    assert set(metrics) == {f"loss/{name}" for name in terms | {"total", "discriminator"}} | {
        "gradient_norm/generator", "gradient_norm/discriminator", "learning_rate",
    }  # fmt: skip
    assert metrics["loss/total"] == pytest.approx(sum(metrics[f"loss/{name}"] for name in terms), rel=1e-5)
    assert run.state.step == 1


def test_the_discriminator_is_not_trained_before_its_start(tiny, start) -> None:
    run = start(tiny(schedule={"adversarial_start": 1.0}))
    before = copied(run.state.discriminator)
    metrics = train_step(run.state, run.sampler.batch(0), run.context)
    assert "loss/discriminator" not in metrics
    assert unchanged(run.state.discriminator, before)


def test_the_seed_determines_the_losses(tiny, start) -> None:
    def losses(seed: int, name: str) -> list[float]:
        run = start(tiny(seed=seed), name)
        return [train_step(run.state, run.sampler.batch(step), run.context)["loss/total"] for step in range(4)]

    assert losses(0, "a") == losses(0, "b")
    assert losses(0, "c") != losses(1, "d")


def test_one_batch_overfits_without_copying_the_template(tiny, start) -> None:
    weights = {"identity_source": 0.3, "identity_template": 0.3}  # the fake's identity is not the source's
    params = tiny(steps=150, schedule={"adversarial_start": 1.0, "learning_rate": 0.003}, weights=weights)
    run = start(params)
    batch = run.sampler.batch(0)
    totals = [train_step(run.state, batch, run.context)["loss/total"] for _ in range(150)]
    assert totals[-1] < 0.3 * totals[0]
    with torch.no_grad():
        swap = run.state.generator(batch.source, batch.template, batch.description)
    error, error_of_copy = (swap.image - batch.label).abs().mean(), (batch.template - batch.label).abs().mean()
    assert error < 0.5 * error_of_copy


@pytest.mark.parametrize("size", [64, 112, 224, 256, 512])
def test_bf16_gives_the_losses_of_fp32_at_every_size(tiny, start, size: int) -> None:
    metrics = {}
    for precision in ("fp32", "bf16"):
        run = start(tiny(precision=precision, schedule={"adversarial_start": 0.0}), precision)
        batch = run.sampler.batch(0)
        images = {
            name: torch.nn.functional.interpolate(getattr(batch, name), size=size)
            for name in ("source", "template", "label")
        }
        before = copied(run.state.generator)
        metrics[precision] = train_step(run.state, replace(batch, **images), run.context)
        parameters = dict(run.state.generator.named_parameters())
        assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in parameters.values())
        moved = sum(not torch.equal(parameter, before[name]) for name, parameter in parameters.items())
        assert moved == len(parameters)
    assert metrics["bf16"] == pytest.approx(metrics["fp32"], rel=0.1, abs=0.01)


def test_a_loss_that_is_not_finite_raises_and_changes_nothing(tiny, start) -> None:
    run = start(tiny())
    batch = run.sampler.batch(0)
    broken = replace(batch, label=batch.label * float("nan"))
    before = copied(run.state.generator)
    with pytest.raises(TrainingError, match=r"step 1: loss/pixel is nan"):
        train_step(run.state, broken, run.context)
    assert unchanged(run.state.generator, before)


def test_gradients_are_clipped(tiny, start) -> None:
    run = start(tiny(step={"max_gradient_norm": 1e-3}))
    metrics = train_step(run.state, run.sampler.batch(0), run.context)
    clipped = torch.stack([parameter.grad.norm() for parameter in run.state.generator.parameters()]).norm()
    assert metrics["gradient_norm/generator"] > 1e-3  # the logged norm is the one before clipping
    assert clipped.item() == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize(("step", "decay"), [(0, 0.1), (4, 5 / 14), (11, 0.5)])
def test_the_moving_average_by_hand(tiny, start, step: int, decay: float) -> None:
    run = start(tiny(schedule={"ema_decay": 0.5, "warmup_steps": 0}))
    run.state.step = step
    with torch.no_grad():
        for parameter in run.state.ema.parameters():
            parameter.normal_()
    before = copied(run.state.ema)
    train_step(run.state, run.sampler.batch(step), run.context)
    current = dict(run.state.generator.named_parameters())
    for name, average in run.state.ema.named_parameters():
        torch.testing.assert_close(average, decay * before[name] + (1 - decay) * current[name])


def test_source_descriptions_are_constant(tiny, start) -> None:
    run = start(tiny())
    batch = run.sampler.batch(0)
    train_step(run.state, batch, run.context)
    assert torch.equal(run.sampler.batch(0).description, batch.description)
    assert not batch.description.requires_grad


def test_parts_of_a_batch_give_the_result_of_the_whole_batch(tiny, start) -> None:
    """Up to the order of sums, and to the power iteration of the discriminator, which only the first part advances."""
    whole, parts = (
        train_step(run.state, run.sampler.batch(0), run.context)
        for run in (start(tiny(step={"accumulate": n}, schedule={"adversarial_start": 0.0}), str(n)) for n in (1, 2))
    )
    assert parts == pytest.approx(whole, rel=1e-2)
    depend_on_discriminator = {
        "loss/adversarial",
        "loss/discriminator",
        "loss/total",
        "gradient_norm/generator",
        "gradient_norm/discriminator",
    }
    for name in set(whole) - depend_on_discriminator:
        assert parts[name] == pytest.approx(whole[name], rel=1e-4), name


def test_an_overflow_in_fp16_only_lowers_the_loss_scale(tiny, start) -> None:
    run = start(tiny(precision="fp16"))
    metrics = train_step(run.state, run.sampler.batch(0), run.context)
    assert metrics["loss/total"] > 0
    run.state.scaler.update(2.0**60)
    before = copied(run.state.generator)
    metrics = train_step(run.state, run.sampler.batch(1), run.context)
    assert "gradient_norm/generator" not in metrics
    assert run.state.scaler.get_scale() == 2.0**59
    assert unchanged(run.state.generator, before)
    assert run.state.state_dict()["scaler"]["scale"] == 2.0**59
