from dataclasses import replace

import pytest
import torch

from swapcore.errors import TrainingError
from swapcore.training.step import train_step


def test_every_term_is_logged_and_the_total_is_their_sum(tiny, start) -> None:
    run = start(tiny(adversarial_start=0.0))
    metrics = train_step(run.learner, run.sampler.batch(0), run.context)
    terms = {"pixel", "pixel_raw", "feature", "identity_source", "identity_template", "adversarial", "edges"}
    assert set(metrics) == {f"loss/{name}" for name in terms | {"total", "discriminator"}} | {
        "gradient_norm/generator", "gradient_norm/discriminator", "learning_rate",
    }  # fmt: skip
    assert metrics["loss/total"] == pytest.approx(sum(metrics[f"loss/{name}"] for name in terms), rel=1e-5)
    assert run.learner.step == 1


def test_the_discriminator_rests_until_it_joins(tiny, start) -> None:
    run = start(tiny(adversarial_start=1.0))
    before = {name: value.clone() for name, value in run.learner.discriminator.state_dict().items()}
    metrics = train_step(run.learner, run.sampler.batch(0), run.context)
    assert "loss/discriminator" not in metrics
    assert all(torch.equal(value, before[name]) for name, value in run.learner.discriminator.state_dict().items())


def test_same_seed_same_loss_another_seed_another(tiny, start) -> None:
    def losses(seed: int, name: str) -> list[float]:
        run = start(tiny(seed=seed), name)
        return [train_step(run.learner, run.sampler.batch(step), run.context)["loss/total"] for step in range(4)]

    assert losses(0, "a") == losses(0, "b")
    assert losses(0, "c") != losses(1, "d")


def test_one_batch_overfits_and_leaves_the_template(tiny, start) -> None:
    params = tiny(steps=150, adversarial_start=1.0, learning_rate=0.003)
    run = start(params)
    batch = run.sampler.batch(0)
    totals = [train_step(run.learner, batch, run.context)["loss/total"] for _ in range(150)]
    assert totals[-1] < 0.3 * totals[0]
    with torch.no_grad():
        swap = run.learner.generator(batch.source, batch.template, run.context.descriptions[batch.source_index])
    error, copied = (swap.image - batch.label).abs().mean(), (batch.template - batch.label).abs().mean()
    assert error < 0.5 * copied


@pytest.mark.parametrize("size", [64, 112, 224, 256, 512])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_sizes_and_precisions(tiny, start, size: int, precision: str) -> None:
    params = tiny(size_px=64, precision=precision, adversarial_start=0.0)
    run = start(params)
    batch = run.sampler.batch(0)
    pictures = {
        name: torch.nn.functional.interpolate(getattr(batch, name), size=size)
        for name in ("source", "template", "label")
    }
    assert train_step(run.learner, replace(batch, **pictures), run.context)["loss/total"] > 0


def test_a_loss_that_is_not_finite_stops_and_changes_nothing(tiny, start) -> None:
    run = start(tiny())
    batch = run.sampler.batch(0)
    broken = replace(batch, label=batch.label * float("nan"))
    before = {name: value.clone() for name, value in run.learner.generator.state_dict().items()}
    with pytest.raises(TrainingError, match=r"step 1: loss/pixel is nan"):
        train_step(run.learner, broken, run.context)
    assert all(torch.equal(value, before[name]) for name, value in run.learner.generator.state_dict().items())


def test_gradients_are_clipped(tiny, start) -> None:
    run = start(tiny(max_gradient_norm=1e-3))
    metrics = train_step(run.learner, run.sampler.batch(0), run.context)
    clipped = torch.stack([parameter.grad.norm() for parameter in run.learner.generator.parameters()]).norm()
    assert metrics["gradient_norm/generator"] > 1e-3  # the figure is the one before clipping
    assert clipped.item() == pytest.approx(1e-3, rel=1e-2)


def test_the_average_follows_the_generator(tiny, start) -> None:
    run = start(tiny(ema_decay=0.0, warmup_steps=0))
    train_step(run.learner, run.sampler.batch(0), run.context)
    for average, current in zip(run.learner.ema.parameters(), run.learner.generator.parameters(), strict=True):
        torch.testing.assert_close(average, current)


def test_the_recognizer_is_not_trained(tiny, start) -> None:
    run = start(tiny())
    batch = run.sampler.batch(0)
    frozen = run.context.descriptions.clone()
    train_step(run.learner, batch, run.context)
    assert torch.equal(frozen, run.context.descriptions)
    assert not run.context.descriptions.requires_grad


def test_parts_of_a_batch_are_the_batch(tiny, start) -> None:
    """Sums are taken in another order; later parts see the discriminator's power iteration a turn earlier."""
    whole, parts = (
        train_step(run.learner, run.sampler.batch(0), run.context)
        for run in (start(tiny(accumulate=n, adversarial_start=0.0), str(n)) for n in (1, 2))
    )
    assert parts == pytest.approx(whole, rel=1e-2)
    seen_by_it = {
        "loss/adversarial",
        "loss/discriminator",
        "loss/total",
        "gradient_norm/generator",
        "gradient_norm/discriminator",
    }
    for name in set(whole) - seen_by_it:
        assert parts[name] == pytest.approx(whole[name], rel=1e-4), name


def test_fp16_scales_and_a_gradient_that_overflows_only_lowers_the_scale(tiny, start) -> None:
    run = start(tiny(precision="fp16"))
    metrics = train_step(run.learner, run.sampler.batch(0), run.context)
    assert metrics["loss/total"] > 0
    run.learner.scaler.update(2.0**60)
    before = {name: value.clone() for name, value in run.learner.generator.state_dict().items()}
    metrics = train_step(run.learner, run.sampler.batch(1), run.context)
    assert "gradient_norm/generator" not in metrics
    assert run.learner.scaler.get_scale() == 2.0**59
    assert all(torch.equal(value, before[name]) for name, value in run.learner.generator.state_dict().items())
    assert run.learner.state()["scaler"]["scale"] == 2.0**59
