"""Exercises of chapter 21: when it does not learn."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy.spatial.distance import cdist
from scipy.special import softmax
from sklearn.calibration import calibration_curve
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from course_utils.exercises.core import Exercise, Mistake

# --- 21.1 -----------------------------------------------------------------------------------


def _calibration_cases(rng):
    fixed = (np.array([0.9, 0.9, 0.6, 0.7]), np.array([True, False, True, True]), 5)
    drawn = []
    for count, bins in ((40, 10), (100, 15), (60, 4), (7, 10)):
        confidence = rng.uniform(0.25, 1, count)
        drawn.append((confidence, rng.uniform(size=count) < confidence**2, bins))
    hesitant = rng.uniform(0.2, 0.7, 50)
    return [fixed, *drawn, (hesitant, rng.uniform(size=50) < hesitant**0.3, 8)]


def _calibration_by_sklearn(confidence, correct, bins):
    accuracy, mean = calibration_curve(correct, confidence, n_bins=bins)
    counts = np.histogram(confidence, np.linspace(0, 1, bins + 1))[0]
    return float(np.abs(accuracy - mean) @ counts[counts > 0] / len(correct))


def _bin_means(confidence, correct, bins):
    """Share, mean confidence and accuracy of each bin that is not empty."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    groups = [place == k for k in np.unique(place)]
    share = np.array([group.mean() for group in groups])
    mean = np.array([confidence[group].mean() for group in groups])
    return share, mean, np.array([correct[group].mean() for group in groups])


def _unweighted(confidence, correct, bins):
    _, mean, accuracy = _bin_means(confidence, correct, bins)
    return float(np.abs(accuracy - mean).mean())


def _empty_bins_count(confidence, correct, bins):
    _, mean, accuracy = _bin_means(confidence, correct, bins)
    return float(np.abs(accuracy - mean).sum() / bins)


def _signed(confidence, correct, bins):
    share, mean, accuracy = _bin_means(confidence, correct, bins)
    return float(share @ (mean - accuracy))


def _signed_the_other_way(confidence, correct, bins):
    return -_signed(confidence, correct, bins)


def _largest(confidence, correct, bins):
    _, mean, accuracy = _bin_means(confidence, correct, bins)
    return float(np.abs(accuracy - mean).max())


def _squared(confidence, correct, bins):
    share, mean, accuracy = _bin_means(confidence, correct, bins)
    return float(np.sqrt(share @ (accuracy - mean) ** 2))


def _one_by_one(confidence, correct, bins):
    return float(np.abs(correct - confidence).mean())


def _middles(confidence, correct, bins):
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    share, _, accuracy = _bin_means(confidence, correct, bins)
    return float(share @ np.abs(accuracy - (np.unique(place) + 0.5) / bins))


def _equal_counts(confidence, correct, bins):
    parts = [part for part in np.array_split(np.argsort(confidence), bins) if len(part)]
    gaps = [abs(correct[part].mean() - confidence[part].mean()) * len(part) for part in parts]
    return float(np.sum(gaps) / len(correct))


CALIBRATION = Exercise(
    id="21.1",
    title="The calibration error",
    points=1,
    minutes=10,
    trains="the expected calibration error and its bins",
    cases=_calibration_cases,
    oracle=_calibration_by_sklearn,
    mistakes=(
        Mistake(
            "bins not weighted",
            _unweighted,
            "You average the gaps of the bins that are filled, each bin alike. A bin with one "
            "answer must not count as much as a bin with fifty.",
        ),
        Mistake(
            "empty bins counted",
            _empty_bins_count,
            "You divide by the number of bins. The weight of a bin is its share of the answers, "
            "and an empty one has none.",
        ),
        Mistake(
            "signed gaps",
            _signed,
            "Too sure in one bin and too hesitant in another cancel out in your sum. Take each "
            "bin's gap without its sign.",
        ),
        Mistake(
            "signed gaps, accuracy first",
            _signed_the_other_way,
            "Gaps of both signs cancel out in your sum. Take each bin's gap without its sign.",
        ),
        Mistake(
            "largest gap",
            _largest,
            "That is the gap of the worst bin, the maximum calibration error. Asked for is the "
            "mean over the answers.",
        ),
        Mistake(
            "squares",
            _squared,
            "You take the root of a mean square. The expected calibration error is a mean of "
            "absolute gaps.",
        ),
        Mistake(
            "each answer by itself",
            _one_by_one,
            "You compare each answer's confidence with 0 or 1. Only in a bin of many can right "
            "answers have a share.",
        ),
        Mistake(
            "middle of the bin",
            _middles,
            "You take the middle of each bin for its confidence. Take the mean of the confidences "
            "that fell into it.",
        ),
        Mistake(
            "bins with equal counts",
            _equal_counts,
            "Your bins hold equally many answers. Here they are equally wide, from 0 to 1.",
        ),
    ),
)

# --- 21.2 -----------------------------------------------------------------------------------


def _loop_cases(rng):
    tiny = (np.array([[0.0], [2.0]]), np.array([1.0, 5.0]), np.array([[1.0], [3.0]]), 0.1, 1)
    drawn = []
    for count, features, new, steps in ((12, 2, 5, 20), (30, 3, 4, 40), (9, 1, 3, 15)):
        x = rng.normal(3, 2, size=(count, features))
        y = x @ rng.normal(size=features) + rng.normal(size=count) + 1
        drawn.append((x, y, rng.normal(4, 1, size=(new, features)), 0.1, steps))
    return [tiny, *drawn]


def _loop_by_torch(x, y, x_new, rate, steps):
    x, y, x_new = (torch.from_numpy(array) for array in (x, y, x_new))
    mean, std = x.mean(dim=0), x.std(dim=0, correction=0)
    model = torch.nn.Linear(x.shape[1], 1).double()
    torch.nn.init.zeros_(model.weight)
    torch.nn.init.zeros_(model.bias)
    rule = torch.optim.SGD(model.parameters(), lr=rate)
    for _ in range(steps):
        rule.zero_grad()
        F.mse_loss(model((x - mean) / std).squeeze(1), y).backward()
        rule.step()
    return model((x_new - mean) / std).squeeze(1).detach().numpy()


def _loop(*, shape=True, mean=True, own=True, column=False):
    """The loop with some of its three faults mended; `column`: the answer is (M, 1)."""

    def run(x, y, x_new, rate, steps):
        z = (x - x.mean(axis=0)) / x.std(axis=0)
        z_new = (x_new - x.mean(axis=0)) / x.std(axis=0)
        if not own:
            z_new = (x_new - x_new.mean(axis=0)) / x_new.std(axis=0)
        w, b = np.zeros((x.shape[1], 1)), 0.0
        for _ in range(steps):
            error = z @ w + b - (y[:, None] if shape else y)  # (N, N) where the shape is wrong
            slope = 2 * error.mean(axis=1, keepdims=True)
            scale = 1 / len(x) if mean else 1.0
            w = w - rate * scale * (z.T @ slope)
            b = b - rate * scale * slope.sum()
        answers = z_new @ w + b
        return answers if column else answers[:, 0]

    return run


def _two_of_three(kept):
    return _loop(**{kept: False})


def _only(mended):
    return _loop(**{name: name == mended for name in ("shape", "mean", "own")})


LOOP = Exercise(
    id="21.2",
    title="Three faults in a loop",
    points=2,
    minutes=15,
    trains="finding silent faults by asking for shapes and scales",
    cases=_loop_cases,
    oracle=_loop_by_torch,
    rtol=1e-6,
    mistakes=(
        Mistake(
            "the loop as it was",
            _loop(shape=False, mean=False, own=False),
            "That is what the loop answers as it was. Print the shape of `error`: what should it "
            "be? Then repeat every row of `x` and `y`: does the step stay as long?",
        ),
        Mistake(
            "the shapes are left",
            _two_of_three("shape"),
            "Your loop gives one and the same answer for every row. Print `error.shape`: every "
            "answer meets every label.",
        ),
        Mistake(
            "the sum is left",
            _two_of_three("mean"),
            "Two faults are mended. Now repeat every row of `x` and `y`: the loss does not "
            "change, but your step becomes twice as long.",
        ),
        Mistake(
            "the new rows' own statistics are left",
            _two_of_three("own"),
            "Two faults are mended. Now ask for the answer to a single new row: what are its mean "
            "and its standard deviation?",
        ),
        Mistake(
            "only the shapes mended",
            _only("shape"),
            "One fault is mended, the shapes. Two are left: one makes the step too long, one is "
            "in what happens to the new rows.",
        ),
        Mistake(
            "a column",
            _loop(column=True),
            "The numbers are right, but you return a column, (M, 1). Asked for is (M,): a "
            "column is how such faults begin.",
        ),
    ),
)

# --- 21.3 -----------------------------------------------------------------------------------


def _temperature_cases(rng):
    small = (np.array([[2.0, 0.0]]), np.array([0]), 1.0)
    drawn = [
        (3 * rng.normal(size=(count, classes)), rng.integers(0, classes, count), temperature)
        for count, classes, temperature in ((6, 3, 1.0), (20, 10, 2.5), (5, 4, 0.5), (8, 2, 3.0))
    ]
    return [small, *drawn]


def _slope_by_torch(scores, labels, temperature):
    t = torch.tensor(temperature, dtype=torch.float64, requires_grad=True)
    F.cross_entropy(torch.from_numpy(scores) / t, torch.from_numpy(labels)).backward()
    return t.grad.item()


def _slope(*, sign=1, power=2, inside=True, total=False, mean_of="probabilities"):
    """The formula with one thing wrong."""

    def slope(scores, labels, temperature):
        p = softmax(scores / temperature if inside else scores, axis=1)
        if mean_of == "classes":
            p = np.full_like(scores, 1 / scores.shape[1])
        own = scores[np.arange(len(labels)), labels]
        terms = own if mean_of == "nothing" else own - (p * scores).sum(axis=1)
        terms = sign * terms / temperature**power
        return float(terms.sum() if total else terms.mean())

    return slope


TEMPERATURE = Exercise(
    id="21.3",
    title="Which way to turn the temperature",
    points=2,
    minutes=15,
    trains="the derivative of the cross-entropy by the temperature",
    cases=_temperature_cases,
    oracle=_slope_by_torch,
    mistakes=(
        Mistake(
            "sign",
            _slope(sign=-1),
            "Your slope has the wrong sign. Where answers are right and sure, a higher "
            "temperature makes the loss larger.",
        ),
        Mistake(
            "slope by the coldness",
            _slope(sign=-1, power=0),
            "That is the derivative by 1 / T. By T comes another factor, from the chain rule.",
        ),
        Mistake(
            "chain rule forgotten",
            _slope(power=0),
            "A factor is missing: the derivative of 1 / T is not -1.",
        ),
        Mistake(
            "one temperature too few",
            _slope(power=1),
            "Your factor is 1 / T. What is the derivative of z / T by T?",
        ),
        Mistake(
            "probabilities without the temperature",
            _slope(inside=False),
            "Right at T = 1. Elsewhere the probabilities themselves depend on T.",
        ),
        Mistake(
            "sum",
            _slope(total=True),
            "You add the answers up. The loss is their mean.",
        ),
        Mistake(
            "plain mean of the scores",
            _slope(mean_of="classes"),
            "You subtract the plain mean of the scores. Each score has the weight of its "
            "probability.",
        ),
        Mistake(
            "expected score forgotten",
            _slope(mean_of="nothing"),
            "Only the true class's score is there. The logarithm of the sum of exponentials has a "
            "derivative too.",
        ),
    ),
)

# --- 21.4 -----------------------------------------------------------------------------------


def _leak_cases(rng):
    def images(count, size=5):
        return rng.integers(0, 256, size=(count, size, size), dtype=np.uint8)

    a = np.array([[1, 2], [3, 4]], dtype=np.uint8)
    train, valid = images(12), images(7)
    valid[1], valid[4] = train[3], train[9][:, ::-1]
    valid[5] = valid[2]  # twice here, but not in train
    lone = images(4)
    twice, many = images(6), images(9)
    twice[5] = twice[0]
    many[0], many[8], many[3] = twice[0], twice[2][:, ::-1], twice[4][::-1]
    many[5] = twice[3][::-1, ::-1]
    shuffled, other = images(5, 4), images(4, 4)
    other[2] = np.sort(shuffled[1].ravel()).reshape(4, 4)  # the same grey values elsewhere
    shuffled[3], other[0] = 100, 100
    other[0, 0, :2] = 99, 101  # the same mean
    mirror = images(3, 6)
    mirror = np.minimum(mirror, mirror[:, :, ::-1])  # symmetric
    return [
        (a[None], np.stack([a + 1, a[:, ::-1]])),
        (train, valid),
        (images(5), lone),
        (twice, many),
        (shuffled, other),
        (mirror, np.concatenate([images(2, 6), mirror[:1]])),
    ]


def _leaks_by_neighbours(train, valid):
    both = np.concatenate([train, train[:, :, ::-1]]).reshape(2 * len(train), -1).astype(float)
    nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(both)
    distance, _ = nearest.kneighbors(valid.reshape(len(valid), -1).astype(float))
    return np.flatnonzero(distance[:, 0] < 0.5)


def _found(train, valid, versions=None, key=None):
    """Places in `valid` of images whose key is among the keys of all versions of `train`."""
    versions = versions or (lambda image: (image, image[:, ::-1]))
    key = key or (lambda image: image.tobytes())
    known = {key(version) for image in train for version in versions(image)}
    return np.array([i for i, image in enumerate(valid) if key(image) in known], dtype=int)


def _in_train(train, valid):
    return _found(valid, train)


def _within_valid_too(train, valid):
    places, seen = [], {v.tobytes() for t in train for v in (t, t[:, ::-1])}
    for i, image in enumerate(valid):
        if image.tobytes() in seen:
            places.append(i)
        seen.add(image.tobytes())
    return np.array(places, dtype=int)


def _mask(train, valid):
    mask = np.zeros(len(valid), dtype=bool)
    mask[_found(train, valid)] = True
    return mask


LEAKS = Exercise(
    id="21.4",
    title="A leak detector",
    points=2,
    minutes=12,
    trains="finding copies across splits by hashing",
    cases=_leak_cases,
    oracle=_leaks_by_neighbours,
    mistakes=(
        Mistake(
            "mirror images missed",
            lambda t, v: _found(t, v, lambda image: (image,)),
            "Exact copies you find. A mirror image of a training image is a copy too.",
        ),
        Mistake(
            "only mirror images",
            lambda t, v: _found(t, v, lambda image: (image[:, ::-1],)),
            "Mirror images you find, but not all plain copies.",
        ),
        Mistake(
            "upside down",
            lambda t, v: _found(t, v, lambda image: (image, image[::-1])),
            "You turned the images upside down. A mirror exchanges left and right, the columns.",
        ),
        Mistake(
            "upside down as well",
            lambda t, v: _found(t, v, lambda image: (image, image[:, ::-1], image[::-1])),
            "You report images that stand upside down, too. Only left and right may be exchanged.",
        ),
        Mistake(
            "turned by half",
            lambda t, v: _found(t, v, lambda image: (image, image[::-1, ::-1])),
            "You turned the images by 180 degrees. A mirror leaves the rows where they are.",
        ),
        Mistake(
            "the places in train",
            _in_train,
            "Those are places in `train`. Asked for are those in `valid`, which have to go.",
        ),
        Mistake(
            "a mask",
            _mask,
            "You return True and False for each image. Asked for are the places, as whole numbers.",
        ),
        Mistake(
            "copies within valid",
            _within_valid_too,
            "You also report images that occur twice in `valid`. That is no leak from `train`.",
        ),
        Mistake(
            "same grey values",
            lambda t, v: _found(t, v, key=lambda image: np.sort(image.ravel()).tobytes()),
            "You compare which grey values occur, not where. Two images can share these by "
            "other means than copying.",
        ),
        Mistake(
            "same mean",
            lambda t, v: _found(t, v, key=lambda image: int(image.sum())),
            "Your fingerprint is a sum or a mean. Different images share it too easily: hash all "
            "the pixels in their order.",
        ),
    ),
)

# --- 21.5 -----------------------------------------------------------------------------------

_HEALTHY = "none of these"


def _clouds(rng, count, classes=3, width=4):
    centres = 4 * rng.normal(size=(classes, width))
    y = np.arange(count) % classes
    return centres[y] + rng.normal(size=(count, width)), y


def _mixed(rng, x, y):
    """The labels in an order in which few neighbours agree."""
    distance = cdist(x, x)
    np.fill_diagonal(distance, np.inf)
    orders = [rng.permutation(y) for _ in range(50)]
    return min(orders, key=lambda mixed: (mixed[distance.argmin(axis=1)] == mixed).mean())


def _diagnosis_cases(rng):
    def well(rng=rng):
        x, y = _clouds(rng, 36)
        mean, std = x[:24].mean(axis=0), x[:24].std(axis=0)
        z = (x - mean) / std
        hidden = np.maximum(rng.normal(size=(24, 8)) - 0.5, 0)
        hidden[0] = 1.0  # no unit is dead by chance
        return {"x": z[:24], "y": y[:24], "valid": z[24:], "hidden": hidden, "ratio": 0.002}

    cases = [tuple((well(np.random.default_rng(21)) | {"ratio": 0.5}).values())]
    illnesses = ("none", "rate", "dead", "some dead", "quiet", "leak", "scale", "labels")
    for illness in (*illnesses, "rate, dead"):
        run = well()
        if "rate" in illness:
            run["ratio"] = float(rng.uniform(0.5, 3))
        if "dead" in illness:
            run["hidden"][:, : 3 if "some" in illness else 5] = 0
        if illness == "quiet":
            run["hidden"][1:15] = 0  # for many images, not for all
        if illness == "leak":
            run["valid"][4] = run["x"][7]
        if illness == "scale":
            run["valid"] = 20 * run["valid"] + 30
        if illness == "labels":
            run["y"] = _mixed(rng, run["x"], run["y"])
        cases.append(tuple(run.values()))
    both = well()
    both["y"], both["valid"][0] = _mixed(rng, both["x"], both["y"]), both["x"][2]
    return [*cases, tuple(both.values())]


def _diagnosed_by_libraries(x, y, valid, hidden, ratio):
    agreement = KNeighborsClassifier(1).fit(x, y).kneighbors(return_distance=False)[:, 0]
    found = {
        "exploding rate": ratio > 0.1,
        "dead units": np.median(hidden.max(axis=0)) == 0 and (hidden.max(axis=0) == 0).mean() > 0.5,
        "leaking split": cdist(valid, x).min() == 0,
        "wrong normalisation": np.any(np.abs(np.average(valid, axis=0)) > 1),
        "shuffled labels": (y[agreement] == y).mean() < 0.5,
    }
    return next((name for name, true in found.items() if true), _HEALTHY)


def _doctor(
    *,
    skip=(),
    units="units",
    itself=False,
    first=None,
):
    """The five checks in their order; the settings make one wrong."""

    def diagnose(x, y, valid, hidden, ratio):
        distance = cdist(x, x)
        if not itself:
            np.fill_diagonal(distance, np.inf)
        agreement = (y[distance.argmin(axis=1)] == y).mean()
        dead = {
            "units": (hidden == 0).all(axis=0).mean() > 0.5,
            "any": (hidden == 0).all(axis=0).any(),
            "zeros": (hidden == 0).mean() > 0.5,
            "images": (hidden == 0).all(axis=1).mean() > 0.5,
        }[units]
        found = {
            "exploding rate": ratio > 0.1,
            "dead units": dead,
            "leaking split": bool((cdist(valid, x) == 0).any()),
            "wrong normalisation": bool((np.abs(valid.mean(axis=0)) > 1).any()),
            "shuffled labels": agreement < 0.5,
        }
        order = [first, *found] if first else list(found)
        return next((n for n in order if found[n] and n not in skip), _HEALTHY)

    return diagnose


DIAGNOSIS = Exercise(
    id="21.5",
    title="Which check proves which illness?",
    points=3,
    minutes=25,
    trains="five checks of the clinic as code",
    cases=_diagnosis_cases,
    oracle=_diagnosed_by_libraries,
    mistakes=(
        Mistake(
            "some dead units are enough",
            _doctor(units="any"),
            "You call a layer dead because one unit is. A few dead units are common: it must be "
            "more than half of them.",
        ),
        Mistake(
            "zeros counted",
            _doctor(units="zeros"),
            "You count zeros. A ReLU puts out many in a healthy network: a unit is dead when it "
            "is 0 for *every* image.",
        ),
        Mistake(
            "images instead of units",
            _doctor(units="images"),
            "You look for images for which all units are 0. Asked for are units that are 0 for "
            "all images: the other axis.",
        ),
        Mistake(
            "each image its own neighbour",
            _doctor(itself=True),
            "The nearest image to an image is itself, and its label always agrees. Leave it out.",
        ),
        Mistake(
            "labels first",
            _doctor(first="shuffled labels"),
            "One case has two illnesses, and you name the later one. The order of the list "
            "decides.",
        ),
        Mistake(
            "dead before the rate",
            _doctor(first="dead units"),
            "A rate that explodes kills units on its way. Where both are found, the first of the "
            "list is the answer.",
        ),
        Mistake(
            "no check of the rate",
            _doctor(skip=("exploding rate",)),
            "A step half as long as the weights themselves, and you did not see it.",
        ),
        Mistake(
            "no check of the units",
            _doctor(skip=("dead units",)),
            "One network has a layer in which most units are always 0. You did not find it.",
        ),
        Mistake(
            "no check for copies",
            _doctor(skip=("leaking split",)),
            "A validation image stands among the training images, and you did not find it.",
        ),
        Mistake(
            "no check of the scale",
            _doctor(skip=("wrong normalisation",)),
            "The validation images of one case are on another scale. You did not see it.",
        ),
    ),
)

EXERCISES = (CALIBRATION, LOOP, TEMPERATURE, LEAKS, DIAGNOSIS)
