"""Gradient descent improves on the final layer alone, and keeps the best epoch."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from training import head
from training import optimise as optimising
from training.optimise import Batch, Examples, Plan, Scorer, optimise, pooled, predict

COUNT = 120
EVERY = np.arange(COUNT)
LEARN, HOLD = EVERY[:80], EVERY[80:]
PLAN = Plan(epochs=10, rate=0.02, batch=16, average=0.9, patience=10)
LABELS = np.random.default_rng(0).permutation(EVERY % 3 == 0).astype(np.int64)


class Watched(Scorer):
    """Keeps what it says without gradients: of each epoch, what decides whether it is kept."""

    said: list[np.ndarray]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        log_odds = super().forward(inputs)
        if torch.is_inference_mode_enabled():
            self.said.append(log_odds.numpy().copy())
        return log_odds

    def __deepcopy__(self, memo: dict[int, object]) -> "Watched":
        own = Watched(self.body, self.head)
        own.said = self.said
        return own


RUINOUS = replace(PLAN, rate=3.0, average=0.5, patience=PLAN.epochs)


@dataclass
class Task:
    """Pictures of four channels, of which the body is blind to the first."""

    pictures: torch.Tensor
    labels: np.ndarray
    said: list[np.ndarray] = field(default_factory=list)

    @property
    def start(self) -> Watched:
        """The body, and the final layer that is best for it."""
        with torch.random.fork_rng():
            torch.manual_seed(0)
            body = nn.Sequential(nn.Conv2d(4, 8, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        with torch.no_grad():
            body[0].weight[:, 0] = 0
            features = body.eval()(self.pictures).mean(dim=(2, 3)).numpy()[:, None]
        scorer = Watched(body, head.fit(features[LEARN], self.labels[LEARN], 0.1))
        scorer.said = self.said
        return scorer

    @property
    def batch(self) -> Batch:
        """A random view is turned, which these pictures do not care about."""

        def batch(places: np.ndarray, rng: np.random.Generator | None) -> torch.Tensor:
            plain = self.pictures[torch.from_numpy(places)]
            return plain if rng is None else torch.rot90(plain, int(rng.integers(4)), (2, 3))

        return batch

    def fit(
        self,
        plan: Plan = PLAN,
        seed: int = 0,
        progress: Callable[[str, int, int], None] = lambda what, done, total: None,
    ) -> Scorer:
        examples = Examples(self.batch, self.labels, (LEARN, HOLD))
        return optimise(self.start, examples, plan, seed, progress)

    def score(self, scorer: Scorer) -> float:
        """AUROC on what is held out."""
        return self.auroc(predict(scorer, self.batch, HOLD))

    def auroc(self, log_odds: np.ndarray) -> float:
        return float(roc_auc_score(self.labels[HOLD], log_odds))


@pytest.fixture(autouse=True)
def _in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said of an epoch."""
    monkeypatch.setattr("training.optimise.AT_ONCE", COUNT)


@pytest.fixture
def task() -> Task:
    """The channel that the body is blind to tells the class."""
    pictures = np.random.default_rng(1).normal(size=(COUNT, 4, 3, 3))
    pictures[:, 0] += 0.8 * LABELS[:, None, None]
    return Task(torch.from_numpy(pictures).float(), LABELS)


@pytest.fixture
def trap() -> Task:
    """A channel tells the class; that first one tells it better, but only of what is learned."""
    pictures = np.random.default_rng(2).normal(size=(COUNT, 4, 3, 3))
    pictures[:, 1] += 0.4 * LABELS[:, None, None]
    pictures[LEARN, 0] += 2 * LABELS[LEARN, None, None]
    pictures[HOLD, 0] -= 2 * LABELS[HOLD, None, None]
    return Task(torch.from_numpy(pictures).float(), LABELS)


def test_optimisation_learns_what_the_features_do_not_separate(task: Task) -> None:
    assert task.score(task.start) < 0.65
    assert task.score(task.fit()) > 0.9


def test_optimisation_starts_from_the_fitted_final_layer(task: Task) -> None:
    start = task.start
    given = start.head.log_odds(pooled(start, task.batch, EVERY))

    np.testing.assert_allclose(predict(start, task.batch, EVERY), given, atol=1e-5)
    assert task.score(task.fit(replace(PLAN, rate=1e-9))) == task.score(start)


def test_batch_normalisation_keeps_its_statistics_and_learns_its_weights(task: Task) -> None:
    before, after = task.start.body.state_dict(), task.fit().body.state_dict()

    for name in ("1.running_mean", "1.running_var", "1.num_batches_tracked"):
        assert torch.equal(before[name], after[name]), name
    for name in ("0.weight", "1.weight", "1.bias"):
        assert not torch.equal(before[name], after[name]), name


def test_the_best_epoch_is_kept_and_not_the_last(task: Task) -> None:
    # The rate rises to what ruins the body: better at first, and then worse than at the start.
    fitted = task.fit(RUINOUS)
    start, *epochs = [task.auroc(said) for said in task.said]

    assert len(epochs) == RUINOUS.epochs
    assert max(epochs) > start + 0.1
    assert min(epochs) < max(epochs) - 0.1  # or nothing was ruined
    assert epochs[-1] < max(epochs)
    assert task.score(fitted) == max(epochs)
    assert not any(parameter.requires_grad for parameter in fitted.parameters())


def test_start_is_returned_if_no_epoch_improves(trap: Task) -> None:
    fitted = trap.fit()
    start, *epochs = [trap.auroc(said) for said in trap.said]

    assert max(epochs) < start
    assert trap.score(fitted) == start
    assert not any(parameter.requires_grad for parameter in fitted.parameters())


@pytest.mark.parametrize("patience", [1, 3])
def test_optimisation_stops_early_after_epochs_without_improvement(
    trap: Task, patience: int
) -> None:
    steps: list[tuple[str, int, int]] = []
    trap.fit(replace(PLAN, patience=patience), progress=lambda *call: steps.append(call))
    start, *epochs = [trap.auroc(said) for said in trap.said]

    assert max(epochs) < start
    assert len(epochs) == 1 + patience < PLAN.epochs
    assert steps == [("steps", number, 50) for number in range(1, 5 * len(epochs) + 1)]


def test_average_of_the_weights_is_returned(task: Task) -> None:
    # So slow an average that it has hardly left its first step, however fast the weights go.
    start = task.start.body.state_dict()["0.weight"]
    slow, quick = (
        task.fit(replace(PLAN, epochs=2, average=average)).body.state_dict()["0.weight"] - start
        for average in (0.9999, 0.0)
    )

    assert slow.abs().mean() < 0.2 * quick.abs().mean()


def test_the_seed_decides_everything(task: Task) -> None:
    first, again, other = (predict(task.fit(seed=seed), task.batch, EVERY) for seed in (0, 0, 1))

    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_classes_have_equal_weight(task: Task) -> None:
    # One in ten is cancer, and nothing tells which: as likely as not, where both weigh the same.
    rare = replace(task, labels=np.random.default_rng(3).permutation(EVERY % 10 == 0).astype(int))
    plan = replace(PLAN, epochs=1, rate=0.1, batch=4, average=0.95)
    given = predict(rare.fit(plan), rare.batch, LEARN)

    assert abs(np.mean(given)) < 0.7  # and not log(1 / 9), which is -2.2


@pytest.mark.parametrize("epochs", [1, 2, 5, 6, 10])
@pytest.mark.parametrize("size", [16, 80], ids=["five steps", "one step"])
def test_a_plan_may_be_as_short_as_it_likes(task: Task, epochs: int, size: int) -> None:
    calls: list[tuple[str, int, int]] = []
    plan = Plan(epochs, 1e-3, batch=size, patience=epochs)
    task.fit(plan, progress=lambda *call: calls.append(call))

    total = epochs * (80 // size)
    assert calls[-1] == ("steps", total, total)


def test_where_nothing_is_held_out_the_last_epoch_is_taken(trap: Task) -> None:
    steps: list[tuple[str, int, int]] = []
    everything = Examples(trap.batch, LABELS, (np.arange(COUNT), np.arange(0)))
    plan = replace(PLAN, patience=1)

    fitted = optimise(trap.start, everything, plan, 0, lambda *call: steps.append(call))

    assert steps[-1][1] == steps[-1][2] == plan.epochs * -(-COUNT // plan.batch)
    assert not torch.equal(fitted.last.weight, trap.start.last.weight)


def test_blended_photographs_learn_as_well(task: Task) -> None:
    blended = task.fit(replace(PLAN, mixup=0.4))

    assert task.score(blended) > 0.9
    assert not torch.equal(blended.last.weight, task.fit().last.weight)


def test_mixup_blends_pictures_and_labels_alike() -> None:
    names, values = torch.eye(6)[:, :, None, None], torch.arange(6.0)

    rows, numbers = optimising._blended((names, values), 0.4, np.random.default_rng(0))

    shares = rows[:, :, 0, 0]
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(6))
    torch.testing.assert_close(shares @ values, numbers)
    assert ((shares > 0).sum(dim=1) == 2).sum() > 2  # two of them, unless one met itself
