import json
import math
import os
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from conftest import ROOT
from course_utils import training
from course_utils.augment import GALAXY, PLANKTON, RandomAffine
from course_utils.training import (
    Callback,
    Diverged,
    History,
    Snapshots,
    default_device,
    evaluate,
    fit,
    seed_everything,
)

matplotlib.use("Agg")

CPU = "cpu"


def sgd(lr=0.1):
    return lambda p: torch.optim.SGD(p, lr=lr)


def blobs(count=90, seed=0):
    """Three classes of 1 x 2 x 2 images, each bright in its own pixel."""
    rng = torch.Generator().manual_seed(seed)
    y = torch.arange(count) % 3
    x = 0.3 * torch.randn(count, 4, generator=rng)
    x[torch.arange(count), y] += 2.0
    return x.view(count, 1, 2, 2), y


def small_model(seed=0, dropout=0.0):
    seed_everything(seed)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 3)
    )


def run(model=None, train=None, valid="same", **changes):
    train = blobs() if train is None else train
    valid = blobs(30, seed=1) if valid == "same" else valid
    settings = {"epochs": 3, "batch_size": 16, "optimizer": sgd(), "device": CPU, "progress": False}
    return fit(model or small_model(), train, valid, **(settings | changes))


# --- fit --------------------------------------------------------------------


def test_fit_learns_and_reports_every_epoch():
    history = run(epochs=12)
    assert len(history) == 12
    assert history.column("epoch").tolist() == list(range(1, 13))
    assert history.column("train_loss")[-1] < 0.5 * history.column("train_loss")[0]
    assert history.column("valid_accuracy")[-1] > 0.9
    assert (history.column("seconds") > 0).all()
    assert set(history.epochs[0]) == {
        "epoch", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "seconds", "lr",
    }  # fmt: skip


def test_one_epoch_of_fit_equals_a_loop_written_out():
    x, y = blobs(50)
    ours, plain = small_model(3), small_model(3)
    history = run(ours, (x, y), epochs=1, seed=7, batch_size=16)
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(7))
    total = right = 0.0
    for start in range(0, 50, 16):
        chosen = order[start : start + 16]
        scores = plain(x[chosen])
        loss = F.cross_entropy(scores, y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * len(chosen)
        right += (scores.argmax(1) == y[chosen]).sum().item()
    for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
        assert torch.equal(a, b)
    assert history.epochs[0]["train_loss"] == pytest.approx(total / 50, rel=1e-5)
    assert history.epochs[0]["train_accuracy"] == pytest.approx(right / 50)


def test_the_same_seed_gives_the_same_run_and_another_seed_another():
    def weights(seed, **changes):
        model = small_model(0, dropout=0.5)
        run(model, seed=seed, augment=RandomAffine(rotation=20, shift=0.2), **changes)
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    torch.manual_seed(1)
    first = weights(5)
    torch.rand(17)  # whatever happened to the global generator in between
    assert torch.equal(first, weights(5))
    assert not torch.equal(first, weights(6))


def test_fit_leaves_the_global_generators_as_they_were():
    model = small_model(0, dropout=0.5)
    torch.manual_seed(11)
    np.random.seed(11)  # noqa: NPY002
    wanted = torch.rand(3), np.random.rand(3)  # noqa: NPY002
    torch.manual_seed(11)
    np.random.seed(11)  # noqa: NPY002
    before = torch.backends.cudnn.deterministic
    run(model)
    assert torch.equal(torch.rand(3), wanted[0])
    assert np.array_equal(np.random.rand(3), wanted[1])  # noqa: NPY002
    assert torch.backends.cudnn.deterministic == before


def test_augmentation_does_not_change_the_order_of_the_images():
    class Labels(Callback):
        def __init__(self):
            self.seen = []

        def on_batch_end(self, state):
            self.seen += state.y.tolist()

    plain, augmented = Labels(), Labels()
    run(callbacks=[plain])
    run(callbacks=[augmented], augment=lambda x, g: x + torch.rand(x.shape, generator=g))
    assert plain.seen == augmented.seen
    assert sorted(plain.seen[:90]) == sorted(blobs()[1].tolist())


def test_augmentation_touches_training_batches_only():
    calls = []

    def count(x, generator):
        calls.append(len(x))
        return x

    run(augment=count, epochs=2)
    assert sum(calls) == 2 * 90


def test_a_schedule_is_stepped_each_batch_over_all_steps():
    asked = []

    def schedule(optimizer, steps):
        asked.append(steps)
        return torch.optim.lr_scheduler.LinearLR(
            optimizer, start_factor=1.0, end_factor=0.0, total_iters=steps
        )

    history = run(schedule=schedule, epochs=2, batch_size=30, optimizer=sgd(0.6))
    assert asked == [6]
    # the rates of the six steps are 0.6, 0.5, ... 0.1; a row holds that of its last step
    np.testing.assert_allclose(history.column("lr"), [0.4, 0.1], atol=1e-9)


def test_batches_cover_every_image_once_and_the_last_may_be_smaller():
    batches = list(training._batches(blobs(50), 16, torch.Generator().manual_seed(0)))
    assert [len(y) for _, y in batches] == [16, 16, 16, 2]
    rows = torch.cat([x for x, _ in batches]).flatten(1).tolist()
    assert sorted(rows) == sorted(blobs(50)[0].flatten(1).tolist())


def test_a_dataset_will_do_for_a_pair():
    class Shelf:
        def tensors(self, device="cpu"):
            x, y = blobs()
            return x.to(device), y.to(device)

    assert run(train=Shelf(), valid=Shelf()).epochs[-1].keys() == run().epochs[-1].keys()
    without = [row | {"seconds": 0} for row in run(train=Shelf()).epochs]
    assert without == [row | {"seconds": 0} for row in run().epochs]


def test_inputs_are_not_changed():
    x, y = blobs()
    kept = x.clone(), y.clone()
    run(train=(x, y), augment=PLANKTON)
    assert torch.equal(x, kept[0])
    assert torch.equal(y, kept[1])


def test_without_a_validation_split_its_columns_are_empty():
    history = run(valid=None)
    assert np.isnan(history.column("valid_loss")).all()
    assert history.column("train_accuracy")[-1] > 0.5


def test_the_validation_split_can_be_measured_less_often():
    every, third = run(epochs=7), run(epochs=7, valid_every=3)
    measured = np.isfinite(third.column("valid_loss"))
    assert measured.tolist() == [False, False, True, False, False, True, True]
    for name in ("train_loss", "valid_loss", "valid_accuracy"):
        seen = np.isfinite(third.column(name))
        np.testing.assert_array_equal(third.column(name)[seen], every.column(name)[seen])
    assert third.plot().get_lines()[1].get_xdata().tolist() == [3, 6, 7]


@pytest.mark.parametrize(
    ("disable", "progress", "shown"), [("", 1, True), ("1", 1, False), ("", 0, False)]
)
def test_the_progress_bar_is_tqdms_own(disable, progress, shown):
    code = (
        "import torch, course_utils.training as t\n"
        "data = torch.randn(8, 3), torch.arange(8) % 2\n"
        "t.fit(torch.nn.Linear(3, 2), data, None, epochs=1, batch_size=4,"
        f" optimizer=lambda p: torch.optim.SGD(p, lr=0.1), progress=bool({progress}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("TQDM_DISABLE", None)
    if disable:
        environment["TQDM_DISABLE"] = disable
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert ("2/2" in done.stderr or "0/2" in done.stderr) == shown, done.stderr


# --- callbacks --------------------------------------------------------------


def test_callbacks_see_the_run_in_order():
    seen = []

    class Watch:
        def on_fit_start(self, state):
            seen.append(("start", state.epoch, state.step))

        def on_batch_end(self, state):
            assert state.x.shape[0] == len(state.y) == len(state.output)
            assert not state.output.requires_grad
            seen.append(("batch", state.epoch, state.step))

        def on_epoch_end(self, state):
            assert state.row is state.history.epochs[-1]
            seen.append(("epoch", state.epoch, state.step))

    run(callbacks=[Watch()], epochs=2, batch_size=50)
    assert seen == [
        ("start", 0, 0), ("batch", 1, 1), ("batch", 1, 2), ("epoch", 1, 2),
        ("batch", 2, 3), ("batch", 2, 4), ("epoch", 2, 4),
    ]  # fmt: skip


def test_a_callback_can_add_a_metric_and_stop_the_run():
    class Norm:
        def on_epoch_end(self, state):
            state.row["norm"] = sum(p.norm().item() for p in state.model.parameters())
            state.stop = state.epoch == 2

    history = run(callbacks=[Norm()], epochs=9)
    assert len(history) == 2
    assert (history.column("norm") > 0).all()


def test_snapshots_are_copies_of_the_weights():
    snapshots = Snapshots(every=2)
    model = small_model()
    start = {name: w.clone() for name, w in model.state_dict().items()}
    run(model, callbacks=[snapshots], epochs=4)
    assert list(snapshots.weights) == [0, 2, 4]
    for name, weight in model.state_dict().items():
        assert torch.equal(snapshots.weights[0][name], start[name])
        assert torch.equal(snapshots.weights[4][name], weight)
    assert not torch.equal(snapshots.weights[2]["1.weight"], snapshots.weights[4]["1.weight"])


class TwoHeads(nn.Module):
    """Scores, and in training also those of an auxiliary head."""

    def __init__(self):
        super().__init__()
        self.body, self.side = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x):
        x = x.flatten(1)
        return (self.body(x), self.side(x)) if self.training else self.body(x)


def test_auxiliary_heads_train_through_a_loss_of_ones_own():
    class Auxiliary(Callback):
        values = ()

        def on_batch_end(self, state):
            self.values += (F.cross_entropy(state.output[1], state.y).item(),)

    def loss(output, y):
        if isinstance(output, tuple):
            return F.cross_entropy(output[0], y) + 0.3 * F.cross_entropy(output[1], y)
        return F.cross_entropy(output, y)

    seed_everything(0)
    model, watch = TwoHeads(), Auxiliary()
    history = run(model, loss=loss, callbacks=[watch], epochs=10)
    assert history.column("valid_accuracy")[-1] > 0.9
    assert watch.values[-1] < 0.8 * watch.values[0]


def test_a_callback_can_keep_a_part_of_the_network_in_evaluation_mode():
    seed_everything(0)
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4), nn.Linear(4, 3))
    mean = model[1].running_mean.clone()

    class Frozen(Callback):
        def on_fit_start(self, state):
            state.model[1].eval()

    run(model, callbacks=[Frozen()])
    assert torch.equal(model[1].running_mean, mean)


# --- evaluate ---------------------------------------------------------------


def test_evaluate_agrees_with_one_big_batch_whatever_the_batch_size():
    model, (x, y) = small_model(), blobs(70)
    scores = model(x)
    for batch_size in (7, 64, 1000):
        found = evaluate(model, (x, y), batch_size=batch_size)
        assert found.loss == pytest.approx(F.cross_entropy(scores, y).item(), rel=1e-5)
        assert found.accuracy == pytest.approx((scores.argmax(1) == y).double().mean().item())
        assert np.array_equal(found.predictions, scores.argmax(1).numpy())
        assert found.predictions.dtype == np.int64


def test_evaluate_switches_dropout_off_and_restores_each_layers_mode():
    model = small_model(dropout=0.9)
    model.train()
    model[1].eval()
    assert evaluate(model, blobs()).loss == evaluate(model, blobs()).loss
    assert model.training
    assert model[3].training
    assert not model[1].training


def test_evaluate_moves_no_running_statistics():
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4), nn.Linear(4, 3))
    before = model[1].running_mean.clone()
    evaluate(model.train(), blobs())
    assert torch.equal(model[1].running_mean, before)


# --- early errors -----------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train": (torch.zeros(0, 1, 2, 2), torch.zeros(0, dtype=torch.int64))}, "at least one"),
        ({"train": (torch.zeros(5, 1, 2, 2), torch.zeros(4, dtype=torch.int64))}, "5 images and 4"),
        ({"train": (torch.zeros(5, 1, 2, 2), torch.full((5,), 3))}, "labels run from 3 to 3.*3 c"),
        ({"train": (torch.zeros(5, 1, 2, 2), torch.full((5,), -1))}, "labels run from -1"),
        ({"train": (torch.zeros(5, 1, 2, 2), torch.zeros(5))}, "int64 class numbers"),
        ({"train": (torch.zeros(5, 1, 3, 3), torch.zeros(5, dtype=torch.int64))}, r"\(1, 3, 3\)"),
        ({"train": (torch.zeros(5, 1, 2, 2).byte(), torch.zeros(5).long())}, "must be floats"),
        ({"train": torch.zeros(5, 1, 2, 2)}, "Dataset or a pair"),
        ({"valid": (torch.zeros(5, 1, 2, 2), torch.full((5,), 9))}, "valid: labels run from 9"),
        ({"epochs": 0}, "epochs must be"),
        ({"batch_size": 2.5}, "batch_size must be"),
        ({"valid_every": 0}, "valid_every must be"),
        ({"optimizer": torch.optim.SGD(small_model().parameters(), lr=1.0)}, "function of the p"),
        ({"optimizer": 0.1}, "function of the p"),
        ({"optimizer": lambda p: None}, "must return a torch.optim.Optimizer"),
        ({"model": nn.Identity()}, "scores of shape"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_words(changes, words):
    with pytest.raises(ValueError, match=words):
        run(**changes)


def test_nothing_is_trained_when_the_validation_split_is_wrong():
    model = small_model()
    before = model[1].weight.clone()
    with pytest.raises(ValueError, match="valid"):
        run(model, valid=(torch.zeros(5, 1, 2, 2), torch.full((5,), 9)))
    assert torch.equal(model[1].weight, before)


def test_divergence_says_so_and_keeps_the_history():
    class Explode(Callback):
        def on_epoch_end(self, state):
            if state.epoch == 2:
                state.optimizer.param_groups[0]["lr"] = 1e30

    with pytest.raises(Diverged, match="epoch 3, at learning rate 1e\\+30.*too high") as caught:
        run(callbacks=[Explode()], epochs=5)
    assert caught.value.epoch == 3
    assert len(caught.value.history) == 2
    assert np.isfinite(caught.value.history.column("valid_loss")).all()


def test_weights_that_break_in_the_last_step_are_found_on_the_validation_split():
    class Break(Callback):
        def on_batch_end(self, state):
            with torch.no_grad():
                state.model[1].weight.fill_(math.nan)

    with pytest.raises(Diverged, match="epoch 1"):
        run(callbacks=[Break()], batch_size=90)


# --- devices and seeds ------------------------------------------------------


def test_the_default_device_is_the_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert default_device() == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert default_device() == torch.device("cuda")


def test_fit_moves_model_and_data_to_the_default_device(monkeypatch):
    """The meta device stands in for a GPU: a step there fails unless both have been moved."""
    monkeypatch.setattr(training, "default_device", lambda: torch.device("meta"))
    model, moved = small_model(), {}

    class Shelf:
        def tensors(self, device="cpu"):
            moved["data"] = torch.device(device)
            x, y = blobs()
            return x, y  # fit itself must see to the device

    monkeypatch.setattr(training, "_check_fits", lambda *_: None)  # it reads values: none on meta
    step = training._step

    def watched(state, x, y):
        step(state, x, y)
        moved["devices"] = {x.device.type, y.device.type, state.loss.device.type}
        state.callbacks = ()
        raise StopIteration

    monkeypatch.setattr(training, "_step", watched)
    with pytest.raises(StopIteration):
        run(model, Shelf(), None, device=None)
    assert moved == {"data": torch.device("meta"), "devices": {"meta"}}
    assert next(model.parameters()).device.type == "meta"


def test_evaluate_stays_on_the_models_device(monkeypatch):
    monkeypatch.setattr(training, "default_device", lambda: torch.device("meta"))
    assert evaluate(small_model(), blobs()).predictions.shape == (90,)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu_gives_the_same_run_twice():
    def weights():
        model = small_model(0, dropout=0.5)
        run(model, device=None, seed=5)
        assert next(model.parameters()).is_cuda
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    assert torch.equal(weights(), weights())


def test_seed_everything_seeds_all_three_generators():
    def draws(seed):
        import random

        seed_everything(seed)
        return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002

    assert draws(4) == draws(4)
    assert all(a != b for a, b in zip(draws(4), draws(5), strict=True))


# --- history ----------------------------------------------------------------


def test_history_survives_a_file(tmp_path):
    history = run(valid=None)
    history.epochs[0]["extra"] = np.float32(0.5)
    history.save(tmp_path / "run.json")
    again = History.load(tmp_path / "run.json")
    assert again.column("train_loss").tolist() == history.column("train_loss").tolist()
    assert again.column("extra")[0] == 0.5
    assert np.isnan(again.column("extra")[1])
    assert json.loads((tmp_path / "run.json").read_text())["epochs"][0]["valid_loss"] is None


def test_history_refuses_other_files_and_unknown_columns(tmp_path):
    (tmp_path / "other.json").write_text('{"a": 1}')
    with pytest.raises(ValueError, match="not a history"):
        History.load(tmp_path / "other.json")
    with pytest.raises(ValueError, match="it has epoch, lr"):
        run().column("accuracy")


def test_history_plots_both_splits_in_percent():
    history = run()
    ax = history.plot()
    lines = {line.get_label(): line.get_ydata() for line in ax.get_lines()}
    np.testing.assert_allclose(lines["valid"], 100 * history.column("valid_accuracy"))
    assert set(lines) == {"train", "valid"}
    assert "%" in ax.get_ylabel()
    assert history.plot(ax, quantity="loss") is ax
    with pytest.raises(ValueError, match="quantity"):
        history.plot(quantity="speed")
    assert [line.get_label() for line in run(valid=None).plot().get_lines()] == ["train"]
    matplotlib.pyplot.close("all")


# --- augmentation -----------------------------------------------------------


def picture(count=1, size=28):
    """A dark image with one bright, lopsided object in the middle."""
    x = torch.full((count, 1, size, size), -0.8)
    x[:, :, 10:18, 12:16] = 2.0
    x[:, :, 10:12, 12:20] = 1.0
    return x


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_an_empty_recipe_changes_nothing():
    x = picture(3)
    torch.testing.assert_close(RandomAffine()(x, generator()), x)
    torch.testing.assert_close(PLANKTON.limited(0.0)(x, generator()), x)


def test_augmentation_repeats_with_its_seed_and_keeps_its_input():
    x = picture(4)
    kept = x.clone()
    assert torch.equal(PLANKTON(x, generator(3)), PLANKTON(x, generator(3)))
    assert not torch.equal(PLANKTON(x, generator(3)), PLANKTON(x, generator(4)))
    assert torch.equal(x, kept)
    out = PLANKTON(x, generator())
    assert not torch.equal(out[0], out[1])  # each image draws for itself


@pytest.mark.parametrize(
    ("angle", "turned"),
    [(90.0, lambda x: torch.rot90(x, 1, (2, 3))), (180.0, lambda x: x.flip(2, 3))],
)
def test_quarter_turns_are_exact(monkeypatch, angle, turned):
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.ones(*shape))  # every draw: +limit
    out = RandomAffine(rotation=angle)(picture(), generator())
    torch.testing.assert_close(out, turned(picture()), atol=1e-4, rtol=0)


def test_rotation_keeps_a_circle_round_on_an_oblong_image(monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.ones(*shape))
    rows, columns = torch.meshgrid(torch.arange(31.0), torch.arange(61.0), indexing="ij")
    disc = (((rows - 15) ** 2 + (columns - 30) ** 2) < 100).float()[None, None]
    for recipe in (RandomAffine(rotation=45), RandomAffine(rotation=90)):
        assert (recipe(disc, generator()) - disc).abs().mean() < 0.01


def test_a_flip_is_a_mirror_image_and_comes_half_of_the_time():
    x = picture(2000)
    out = RandomAffine(flip=0.5)(x, generator())
    mirrored = torch.isclose(out, x.flip(3), atol=1e-4).all(dim=(1, 2, 3))
    same = torch.isclose(out, x, atol=1e-4).all(dim=(1, 2, 3))
    assert bool((mirrored ^ same).all())
    assert 0.45 < mirrored.float().mean() < 0.55


def test_shift_moves_by_its_share_of_the_side(monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.ones(*shape))
    out = RandomAffine(shift=3 / 28)(picture(), generator())  # reads 3 pixels right and down
    torch.testing.assert_close(out, torch.roll(picture(), (-3, -3), (2, 3)), atol=1e-4, rtol=0)


def area(x):
    return (x - x.amin()).sum().item()


def test_zoom_enlarges_and_stretch_keeps_the_area(monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.ones(*shape))
    before = area(picture())
    assert area(RandomAffine(zoom=1.5)(picture(), generator())) == pytest.approx(
        2.25 * before, rel=0.02
    )
    assert area(RandomAffine(stretch=1.3)(picture(), generator())) == pytest.approx(
        before, rel=0.05
    )


def test_draws_cover_their_ranges_evenly():
    recipe = RandomAffine(rotation=180, zoom=1.6)
    matrices = recipe.matrices(20_000, generator()).double()
    angles = torch.rad2deg(torch.atan2(matrices[:, 1, 0], matrices[:, 0, 0]))
    zooms = 1 / torch.hypot(matrices[:, 0, 0], matrices[:, 1, 0])
    counts = torch.histc(angles, 12, -180, 180)
    assert counts.min() > 0.9 * counts.mean()
    assert 1 / 1.6 - 1e-6 <= zooms.min() < 0.63
    assert 1.59 < zooms.max() <= 1.6 + 1e-6
    assert zooms.log().mean().abs() < 0.01  # log-uniform: as often smaller as larger


def test_shear_is_in_the_plankton_recipe_and_not_in_the_galaxy_one():
    def skew(recipe):
        m = recipe.matrices(5000, generator()).double()
        dots = m[:, 0, 0] * m[:, 0, 1] + m[:, 1, 0] * m[:, 1, 1]
        lengths = torch.hypot(m[:, 0, 0], m[:, 1, 0]) * torch.hypot(m[:, 0, 1], m[:, 1, 1])
        return torch.rad2deg(torch.asin(dots / lengths)).abs()

    assert 19 < skew(PLANKTON).max() <= 20.001
    assert skew(GALAXY).max() < 1e-3


def test_the_recipe_is_that_of_the_slide():
    assert (PLANKTON.rotation, PLANKTON.zoom, PLANKTON.flip) == (180, 1.6, 0.5)
    assert (PLANKTON.shear, PLANKTON.stretch) == (20, 1.3)
    assert 28 * PLANKTON.shift == pytest.approx(2.947, abs=1e-3)


def test_a_limited_recipe_shrinks_every_range():
    half = PLANKTON.limited(0.5)
    assert (half.rotation, half.shear, half.flip) == (90, 10, 0.5)
    assert half.zoom == pytest.approx(math.sqrt(1.6))


def test_what_comes_in_from_outside_is_the_chosen_padding():
    x = picture()
    x[:, :, :, 0] = 3.0  # a bright left border
    out = RandomAffine(shift=0.3)
    dark = out(x, generator(1))
    assert dark.min() == x.min()
    assert not torch.isclose(dark, torch.tensor(0.0), atol=1e-3).all()
    for padding in ("border", "reflection"):
        assert RandomAffine(shift=0.3, padding=padding)(x, generator(1)).shape == x.shape


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RandomAffine(zoom=0.5), "zoom must be from 1"),
        (lambda: RandomAffine(rotation=-10), "rotation must be"),
        (lambda: RandomAffine(flip=2), "flip must be"),
        (lambda: RandomAffine(padding="white"), "padding must be"),
        (lambda: PLANKTON.limited(2), "strength"),
        (lambda: PLANKTON(torch.zeros(3, 28, 28), generator()), "N, C, H, W"),
        (lambda: PLANKTON(torch.zeros(1, 3, 28, 28).byte(), generator()), "float images"),
    ],
)
def test_bad_recipes_and_images_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
