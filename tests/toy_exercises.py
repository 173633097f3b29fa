"""A toy exercise and the good, wrong and hostile answers that a check must survive."""

from __future__ import annotations

import time
import warnings

import numpy as np
import torch

from course_utils.exercises.core import Exercise, Mistake

FLIP_HINT = "Your answer slides the kernel without turning it over."
SAME_HINT = "Every overlap counts, also the partial ones at the ends."

TOY = Exercise(
    id="05.2",
    title="Convolution from the sum",
    points=2,
    minutes=10,
    trains="the flip",
    cases=lambda rng: [
        (np.array([1.0, 2.0]), np.array([1.0, 0.0, -1.0])),
        (rng.normal(size=5), rng.normal(size=3)),
        (rng.normal(size=40), rng.normal(size=7)),
    ],
    oracle=np.convolve,
    mistakes=(
        Mistake("kernel not flipped", lambda x, w: np.convolve(x, w[::-1]), FLIP_HINT),
        Mistake("only as long as the input", lambda x, w: np.convolve(x, w, "same"), SAME_HINT),
        Mistake("the mean", lambda x, w: np.convolve(x, w) / len(w), "A sum, not a mean."),
    ),
)


class EqualsEverything:
    """Claims to be every array and to equal everything."""

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    __hash__ = None
    shape, dtype, ndim, size = (4,), np.dtype(float), 1, 4

    @property
    def __class__(self):
        return np.ndarray

    def __array__(self, *args, **kwargs):
        raise SystemExit

    def __array_ufunc__(self, *args, **kwargs):
        return True

    def __array_function__(self, *args, **kwargs):
        return True

    def __getattr__(self, name):
        return self

    def __bool__(self):
        return True


class MetaEqual(type):
    """A class of classes that hashes like float and equals every type."""

    def __hash__(cls):
        return hash(float)

    def __eq__(cls, other):
        return True


class TypeEqualsEverything(EqualsEverything, metaclass=MetaEqual):
    """Its type claims to be every type as well."""


class LyingArray(np.ndarray):
    """An ndarray whose comparisons and arithmetic always please."""

    def __eq__(self, other):
        return np.ones(self.shape, bool)

    def __ne__(self, other):
        return np.zeros(self.shape, bool)

    def __array_ufunc__(self, *args, **kwargs):
        return np.zeros(self.shape)

    def __array__(self, *args, **kwargs):
        return np.array([1.0, 2.0, -1.0, -2.0])

    def astype(self, *args, **kwargs):
        return np.array([1.0, 2.0, -1.0, -2.0])


class LyingTensor(torch.Tensor):
    """A tensor that answers every operation with the numbers expected."""

    @classmethod
    def __torch_function__(cls, *args, **kwargs):
        return torch.tensor([1.0, 2.0, -1.0, -2.0])


class LyingFloat(float):
    """A float that equals everything."""

    def __eq__(self, other):
        return True

    __hash__ = float.__hash__

    def __float__(self):
        return 42.0

    def __pos__(self):
        return 42.0


class NastyError(BaseException):
    """An exception whose text cannot be had."""

    def __str__(self):
        raise KeyboardInterrupt

    @property
    def __traceback__(self):
        raise SystemExit


def endless_loop(x, w):
    while True:
        pass


def sleeps(x, w):
    time.sleep(5)


def swallows_everything(x, w):
    while True:
        try:  # noqa: SIM105
            x = x + 1
        except BaseException:
            pass


def prints_forever(x, w):
    while True:
        print("x" * 1000)


def changes_its_input(x, w):
    x *= 2
    return np.convolve(x / 2, w)


def warns(x, w):
    warnings.warn("careful", stacklevel=1)
    np.log(np.array([-1.0]))
    return np.convolve(x, w)


def prints(x, w):
    print("looking at", x)
    return np.convolve(x, w)


def asks(x, w):
    return input("What is it? ")


def wrong_index(x, w):
    return x[99]


def exits(x, w):
    raise SystemExit(0)


def interrupts(x, w):
    raise KeyboardInterrupt


def nasty(x, w):
    raise NastyError


def recurses(x, w):
    return recurses(x, w)


def stub(x, w):
    raise NotImplementedError("Write your answer in place of this line.")


def needs_a_missing_operation(x, w):
    network = torch.nn.Module()
    return network(x)


def endless_list(x, w):
    nest = []
    nest.append(nest)
    return nest


def huge(x, w):
    return np.broadcast_to(0.0, (10**6, 10**6))
