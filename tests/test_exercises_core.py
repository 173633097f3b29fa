"""check() on a toy exercise: right, wrong and hostile answers."""

from __future__ import annotations

import _thread
import importlib.machinery
import random
import signal
import sys
import threading
import time
import types
import warnings
from dataclasses import replace
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nbclient import NotebookClient

import toy_exercises as toy
from course_utils.exercises import Exercise, Mistake, check
from course_utils.exercises.check import try_answer, try_exercise
from course_utils.exercises.compare import EXACT, Tolerance, difference
from course_utils.exercises.core import exercises_of, find
from course_utils.exercises.describe import brief, brief_call
from course_utils.exercises.judge import BookError, expected_values, judge
from course_utils.exercises.outcomes import Outcome, outcomes
from course_utils.exercises.plain import NotPlainError, plain
from course_utils.exercises.report import EDGES, OTHER_EDGE, Result
from course_utils.exercises.run import run_for
from toy_exercises import TOY

RIGHT = np.array([1.0, 2.0, -1.0, -2.0])
LOOSE = Tolerance()


def constant(value):
    return lambda *case: value


def one_case(expected, *case, **settings):
    """An exercise with one case and a known expected value."""
    return replace(
        TOY, cases=lambda rng: [case], oracle=constant(expected), mistakes=(), **settings
    )


@pytest.fixture
def toy_module(monkeypatch):
    """Make the toy the only exercise of chapter Z."""
    name = "course_utils.exercises.chZ"
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.EXERCISES = (replace(TOY, id="Z.2"),)
    monkeypatch.setitem(sys.modules, name, module)
    return module


# Right, wrong, known mistake


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_right_answer_passes(seed):
    result = try_exercise(TOY, lambda x, w: np.convolve(x, w), seed=seed)
    assert result.passed
    assert (result.status, result.mistake) == ("right", None)
    assert "All 3 cases" in result.message


@pytest.mark.parametrize("mistake", TOY.mistakes, ids=lambda m: m.name)
def test_known_mistake_gets_its_own_hint(mistake):
    result = try_exercise(TOY, mistake.function)
    assert (result.status, result.mistake, result.passed) == ("known mistake", mistake.name, False)
    others = [m.hint for m in TOY.mistakes if m is not mistake]
    assert mistake.hint in result.message
    assert not any(hint in result.message for hint in others)


def test_message_names_smallest_failing_case():
    def wrong_when_long(x, w):
        return np.convolve(x, w) + (len(x) > 4)

    message = try_exercise(TOY, wrong_when_long).message
    case = TOY.draw_cases(0)[1]
    assert message.startswith(f"`{brief_call('wrong_when_long', case)}` should give `")
    assert brief(np.convolve(*case)) in message
    assert brief(np.convolve(*case) + 1) in message
    assert message.count("\n") == 0


def test_mistake_that_agrees_on_one_case_only_gets_no_hint():
    def unlike_any(x, w):
        return np.convolve(x, w[::-1]) if len(x) == 2 else np.convolve(x, w) + 1

    result = try_exercise(TOY, unlike_any)
    assert (result.status, result.mistake) == ("wrong", None)
    assert toy.FLIP_HINT not in result.message


def test_large_arrays_are_abbreviated():
    def wrong_when_very_long(x, w):
        y = np.convolve(x, w)
        if len(x) == 40:
            y[3] = 7
        return y

    message = try_exercise(TOY, wrong_when_very_long).message
    assert "float64 array of shape (46,)" in message
    assert "1 of 46 entries differs, first at [3]: expected" in message
    assert len(message) < 400


def test_mistake_may_raise_or_change_its_inputs():
    def in_place(x, w):
        x[:] = 0
        return RIGHT

    def refuses(x, w):
        raise ValueError("no")

    mistakes = (Mistake("in place", in_place, "HINT A"), Mistake("refuses", refuses, "HINT B"))
    exercise = replace(TOY, mistakes=mistakes)
    assert "HINT A" in try_exercise(exercise, in_place).message
    assert "HINT B" in try_exercise(exercise, refuses).message
    assert try_exercise(exercise, toy.wrong_index).mistake is None


# Whatever an answer does

HOSTILE = {
    "raises": (toy.wrong_index, "raised an error", "IndexError: index 99"),
    "exits": (toy.exits, "raised an error", "SystemExit"),
    "interrupts itself": (toy.interrupts, "raised an error", "KeyboardInterrupt"),
    "nasty exception": (toy.nasty, "raised an error", "NastyError"),
    "recursion": (toy.recurses, "raised an error", "RecursionError"),
    "asks": (toy.asks, "raised an error", "input() does not work"),
    "abstract module": (toy.needs_a_missing_operation, "raised an error", "NotImplementedError"),
    "too few arguments": (lambda x: x, "raised an error", "positional argument"),
    "none": (constant(None), "wrong", "nothing was returned"),
    "number": (constant(1.0), "wrong", "a single number came back where shape (4,)"),
    "text": (constant("1 2 -1 -2"), "wrong", "text came back"),
    "list": (constant(RIGHT.tolist()), "wrong", "a list came back where an array"),
    "dict": (constant({"y": RIGHT}), "wrong", "a dict came back"),
    "shape": (constant(RIGHT[None]), "wrong", "the shape is (1, 4), expected (4,)"),
    "nan": (constant(RIGHT * np.nan), "wrong", "nan"),
    "objects": (constant(RIGHT.astype(object)), "wrong", "an array of dtype object came back"),
    "generator": (lambda x, w: (v for v in x), "wrong", "a generator came back"),
    "function": (constant(np.convolve), "wrong", "came back, which cannot be compared"),
    "equals everything": (constant(toy.EqualsEverything()), "wrong", "an EqualsEverything came"),
    "type equals": (constant(toy.TypeEqualsEverything()), "wrong", "a TypeEqualsEverything came"),
    "class": (constant(toy.EqualsEverything), "wrong", "a type came back"),
    "lying array": (constant(np.zeros(4).view(toy.LyingArray)), "wrong", "[0., 0., 0., 0.]"),
    "lying tensor": (constant(toy.LyingTensor(4)), "wrong", "a LyingTensor came back"),
    "list of liars": (constant([toy.EqualsEverything()] * 4), "wrong", "an EqualsEverything"),
    "masked": (constant(np.ma.masked_array(RIGHT + 1, True)), "wrong", "[2., 3., 0., -1.]"),
    "endless nest": (toy.endless_list, "wrong", "nested more than"),
    "huge": (toy.huge, "wrong", "too large"),
    "changes its input": (toy.changes_its_input, "changed its inputs", "its first argument"),
    "endless loop": (toy.endless_loop, "took too long", "took too long"),
    "sleeps": (toy.sleeps, "took too long", "took too long"),
    "swallows": (toy.swallows_everything, "took too long", "took too long"),
    "prints forever": (toy.prints_forever, "took too long", "took too long"),
}


def in_time(answer, tries=3):
    """Try an answer; that takes 2 s at most, when the machine is not busy with something else."""
    for _ in range(tries):
        start = time.monotonic()
        result = try_exercise(TOY, answer)
        if time.monotonic() - start < 2.0:
            return result
    raise AssertionError(f"took more than 2 s, {tries} times")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answer(name, capsys):
    answer, status, words = HOSTILE[name]
    result = in_time(answer)
    assert (result.status, result.passed) == (status, False)
    assert words in result.message
    assert "[1., 2., -1., -2.]" in result.message or status == "changed its inputs"
    assert len(result.message) < 800
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answer_in_a_later_case(name, monkeypatch):
    """A failure beyond the first case is found too, and the first failing case is the one named."""
    answer, status, words = HOSTILE[name]

    def right_at_first(x, w):
        return np.convolve(x, w) if len(x) == 2 else answer(x, w)

    if name == "too few arguments":
        pytest.skip("the call itself fails, so there is no later case")
    module = importlib.import_module("course_utils.exercises.check")
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.4)
    result = try_exercise(TOY, right_at_first)
    assert result.status == status
    assert "right_at_first([1., 2.]" not in result.message


def checks():
    """The threads in which answers run now."""
    return {thread for thread in threading.enumerate() if thread.name == "check"}


def assert_all_end_but(before):
    """No other thread of a check goes on for long: it would slow down whatever comes next."""
    deadline = time.monotonic() + 20
    while checks() - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not checks() - before


def test_swallowing_thread_dies_in_the_end():
    before = checks()
    try_exercise(TOY, toy.swallows_everything)
    assert_all_end_but(before)


def test_error_names_the_students_line():
    message = try_exercise(TOY, toy.wrong_index).message
    line = toy.wrong_index.__code__.co_firstlineno + 1
    assert f"line {line} (`return x[99]`) of your code" in message


def test_warnings_are_no_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with np.errstate(all="raise"):
            assert try_exercise(TOY, toy.warns).passed
        with pytest.raises(UserWarning):
            warnings.warn("the notebook's own filter is back", stacklevel=1)


def test_prints_are_kept_for_a_wrong_answer_only(capsys):
    assert "looking" not in try_exercise(TOY, toy.prints).message

    def prints_and_fails(x, w):
        print("looking at\n", x)
        print("y" * 10_000)
        return 0.0

    message = try_exercise(TOY, prints_and_fails).message
    assert "Your code printed `looking at [1. 2.] yyy" in message
    assert len(message) < 500
    assert capsys.readouterr() == ("", "")


def test_stub_is_not_answered_yet():
    result = try_exercise(TOY, toy.stub)
    assert (result.status, result.passed) == ("not answered", False)
    assert str(result).startswith("Exercise 05.2: Not answered yet. Write your answer")
    assert "Error" not in str(result)


def test_view_of_an_input_is_copied_at_once():
    kept = []

    def returns_a_buffer(x):
        kept.append(np.zeros(1) if not kept else kept[0])
        kept[0][:] = x
        return kept[0]

    exercise = replace(TOY, cases=lambda rng: [(1.0,), (2.0,)], oracle=lambda x: np.array([x]))
    assert try_exercise(replace(exercise, mistakes=()), returns_a_buffer).passed


def test_cases_are_never_handed_out():
    cases = TOY.draw_cases(0)
    before = [[a.copy() for a in case] for case in cases]
    found = outcomes(toy.changes_its_input, cases)
    assert [outcome.changed for outcome in found] == [0, 0, 0]
    for case, was in zip(cases, before, strict=True):
        for a, b in zip(case, was, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("argument", "change"),
    [
        ([1, 2], lambda a: a.append(3)),
        ({"a": 1}, lambda a: a.update(a=1.0)),
        (torch.zeros(2), lambda a: a.add_(1)),
        ([np.zeros(2)], lambda a: a[0].fill(1)),
    ],
)
def test_changed_inputs_of_every_kind(argument, change):
    def answer(number, a):
        change(a)
        return 1

    result = try_exercise(one_case(1, 5, argument), answer)
    assert result.status == "changed its inputs"
    assert "second argument" in result.message


def test_random_states_are_seeded_and_restored():
    def draws():
        return random.random(), np.random.rand(), torch.rand(1)  # noqa: NPY002

    def rolls():
        return [float(value) for value in draws()]

    np.random.seed(11)  # noqa: NPY002
    random.seed(11)
    torch.manual_seed(11)
    expected = rolls()
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    torch.manual_seed(5)
    untouched = rolls()
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    torch.manual_seed(5)
    assert [o.value for o in outcomes(rolls, [(), ()], seed=11)] == [expected, expected]
    assert rolls() == untouched


def test_figures_of_an_answer_are_closed():
    plt = pytest.importorskip("matplotlib.pyplot")
    mine = plt.figure()

    def draws(x, w):
        plt.figure()
        return np.convolve(x, w)

    assert try_exercise(TOY, draws).passed
    assert plt.get_fignums() == [mine.number]
    plt.close(mine)


def test_time_limit_is_for_all_cases_together():
    def slow(x, w):
        time.sleep(0.5)
        return np.convolve(x, w)

    assert in_time(slow).status == "took too long"


def test_earlier_failure_is_named_before_the_endless_one():
    def wrong_then_endless(x, w):
        if len(x) == 40:
            time.sleep(5)
        return np.convolve(x, w) + 1

    result = try_exercise(TOY, wrong_then_endless)
    assert result.status == "wrong"
    assert "[1., 2.]" in result.message


def test_the_users_own_interrupt_gets_through(monkeypatch):
    """Stopping the cell must work, although an answer that raises KeyboardInterrupt must not."""
    monkeypatch.setattr(sys.modules[try_exercise.__module__], "ANSWER_SECONDS", 60.0)
    timer = threading.Timer(0.3, _thread.interrupt_main)
    running, start = checks(), time.monotonic()
    timer.start()
    # A job in the background is started with interrupts ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            try_exercise(TOY, toy.endless_loop)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - start < 30  # not by the answer's own limit
    assert_all_end_but(running)


def test_run_for_says_whether_it_ended():
    done = []
    assert run_for(lambda: done.append(1), 1.0)
    assert done == [1]
    assert not run_for(lambda: time.sleep(0.3), 0.05)


# What is not a function; what is not an exercise


@pytest.mark.parametrize(
    ("answer", "what"),
    [(3, "an int"), (None, "None"), (RIGHT, "a ndarray"), (toy.EqualsEverything(), "an Equals")],
)
def test_not_callable(answer, what):
    result = try_exercise(TOY, answer)
    assert (result.status, result.passed) == ("not callable", False)
    assert f"it was given {what}" in result.message


@pytest.mark.parametrize(
    ("ident", "words"),
    [
        ("Z.9", "this chapter has Z.2"),
        ("99.1", "chapters with exercises"),
        ("../x", "no exercise"),
        (5.2, "text in quotes"),
        (np.convolve, "text in quotes"),
    ],
)
def test_unknown_exercise_never_raises(ident, words, toy_module, capsys):
    result = check(ident, np.convolve)
    assert (result.status, result.passed) == ("unknown exercise", False)
    assert words in result.message
    assert str(result) in capsys.readouterr().out


def test_check_finds_and_prints(toy_module, capsys):
    assert exercises_of("Z") == toy_module.EXERCISES
    result = check("Z.2", np.convolve, seed=3)
    assert result.passed
    assert capsys.readouterr().out == "Exercise Z.2: Right. All 3 cases agree.\n"


@pytest.mark.parametrize(
    "broken",
    [
        replace(TOY, oracle=toy.wrong_index),
        replace(TOY, oracle=constant(object())),
        replace(TOY, cases=lambda rng: [np.zeros(2)]),
        replace(TOY, cases=lambda rng: []),
        replace(TOY, cases=lambda rng: 1 / 0),
    ],
)
def test_broken_exercise_is_the_books_fault(broken):
    result = try_exercise(broken, np.convolve)
    assert (result.status, result.passed) == ("fault of the book", False)
    assert "not your mistake" in result.message


def test_module_that_cannot_be_imported_is_the_books_fault(toy_module):
    del toy_module.EXERCISES
    assert try_answer("Z.2", np.convolve).status == "fault of the book"


@pytest.mark.parametrize(
    "wrong",
    [{"id": "5.2"}, {"points": 0}, {"minutes": -1}, {"mistakes": (TOY.mistakes[0],) * 2}],
)
def test_exercise_definitions_are_validated(wrong):
    with pytest.raises(ValueError, match="exercise"):
        replace(TOY, **wrong)


def test_find_raises_lookup_error():
    with pytest.raises(LookupError, match="no exercise"):
        find("99.1")


# Probes


class Counter:
    """Adds up what it is given."""

    def __init__(self):
        self.total = 0

    def add(self, value):
        self.total += value


class ForgetfulCounter(Counter):
    """Keeps the last value only."""

    def add(self, value):
        self.total = value


def _count(counter_class, values):
    counter = counter_class()
    for value in values:
        counter.add(value)
    return {"total": counter.total}


PROBED = Exercise(
    id="05.3",
    title="A counter",
    points=1,
    minutes=5,
    trains="state",
    cases=lambda rng: [([1, 2],), (rng.integers(1, 9, size=4).tolist(),)],
    oracle=lambda values: {"total": sum(values)},
    mistakes=(Mistake("last only", ForgetfulCounter, "It forgets."),),
    probe=_count,
)


def test_probe_turns_a_class_into_values():
    assert try_exercise(PROBED, Counter).passed
    result = try_exercise(PROBED, ForgetfulCounter)
    assert result.mistake == "last only"
    assert "`ForgetfulCounter` with `[1, 2]` should give `{'total': 3}`, but gave" in result.message


@pytest.mark.parametrize("answer", [None, 3, object(), int])
def test_probe_that_meets_nonsense(answer):
    assert try_exercise(PROBED, answer).status == "raised an error"


def test_probe_of_a_stub_is_not_answered():
    class Stub(Counter):
        def add(self, value):
            raise NotImplementedError("Write your answer")

    assert try_exercise(PROBED, Stub).status == "not answered"


# Two halves that a grader can run in two places


def test_outcomes_are_plain_and_judged_elsewhere():
    cases = TOY.draw_cases(4)
    found = outcomes(TOY.mistakes[0].function, cases)
    assert all(type(outcome.value) is np.ndarray for outcome in found)
    verdict = judge(TOY, cases, expected_values(TOY, cases), found)
    assert (verdict.status, verdict.place) == ("known mistake", 0)
    assert verdict.mistake is TOY.mistakes[0]


def test_missing_outcomes_are_never_right():
    cases = TOY.draw_cases(0)
    expected = expected_values(TOY, cases)
    found = [Outcome("value", value) for value in expected]
    assert judge(TOY, cases, expected, found).status == "right"
    assert judge(TOY, cases, expected, []).status == "not answered"
    with pytest.raises(ValueError, match="2 outcomes for 3 cases"):
        judge(TOY, cases, expected, found[:2])


def test_oracle_that_never_ends_is_reported():
    with pytest.raises(BookError, match="too long"):
        expected_values(replace(TOY, oracle=toy.sleeps), TOY.draw_cases(0), seconds=0.1)


# Comparison of plain values


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (RIGHT, torch.tensor(RIGHT, requires_grad=True)),
        (RIGHT, torch.nn.Parameter(torch.tensor(RIGHT))),
        (RIGHT, RIGHT.view(toy.LyingArray)),
        (RIGHT, RIGHT.astype(np.float32)),
        (RIGHT, RIGHT.astype(int)),
        (RIGHT, RIGHT + 1e-10),
        (torch.tensor([1.5]).bfloat16(), np.array([1.5])),
        (np.array([1.0, np.nan, np.inf]), np.array([1.0, np.nan, np.inf])),
        (3, 3.0),
        (3, np.int8(3)),
        (3, np.array(3)),
        (0.5, torch.tensor(0.5)),
        (True, np.True_),
        (1 + 2j, np.complex64(1 + 2j)),
        (10**400, 10**400),
        ((28, 14), [28, 14]),
        ([28, 14], np.array([28, 14])),
        ((28, 14), torch.zeros(28, 14).shape),
        ([], ()),
        ({"a": (1, 2)}, {"a": [1.0, 2.0]}),
        ("same", np.str_("same")),
        (None, None),
        ([range(3)], [[0, 1, 2]]),
        (np.array(["a", "b"]), np.array(["a", "b"])),
        (1.5, toy.LyingFloat(1.5)),
    ],
)
def test_alike(expected, got):
    assert difference(plain(expected), plain(got), LOOSE) is None


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (RIGHT, RIGHT + 1e-3),
        (RIGHT, RIGHT * np.nan),
        (np.array([np.nan]), np.array([0.0])),
        (np.array([np.inf]), np.array([-np.inf])),
        (RIGHT, RIGHT.astype(str)),
        (np.array(["a"]), np.array([b"a"])),
        (np.array(["a"]), np.array(["b"])),
        (RIGHT, RIGHT.tolist()),
        (3, np.array([3])),
        (3, [3]),
        (3, "3"),
        (3, None),
        (None, 0),
        (None, False),
        (10**400, 10**400 + 1),
        (10**400, 1.0),
        (14_400_000_000, 14_400_000_001),
        (np.array([2**60]), np.array([2**60 + 1])),
        (1.0, 1.1),
        (1.0, toy.LyingFloat(2.0)),
        ("a", "b"),
        ("a", b"a"),
        ([1, 2], [1]),
        ([1, 2], {1: 1, 2: 2}),
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": 2}),
        ([[1], [2]], [[1], [3]]),
        ([1, 2], RIGHT[None]),
    ],
)
def test_different(expected, got):
    reason = difference(plain(expected), plain(got), LOOSE)
    assert reason


def test_same_dtype_only_on_request():
    strict = Tolerance(same_dtype=True)
    single = RIGHT.astype(np.float32)
    assert difference(single, RIGHT, LOOSE) is None
    assert difference(single, RIGHT, strict) == "the number type is float64, expected float32"
    assert difference(single, single, strict) is None
    assert difference(np.array(["a"]), np.array(["a"], dtype="U5"), strict) is None
    exercise = one_case(single, same_dtype=True)
    assert "the number type is float64" in try_exercise(exercise, lambda: RIGHT).message


def test_tolerances_come_from_the_exercise():
    loose, tight = one_case(1.0, rtol=0.1), one_case(1.0, rtol=0.0, atol=0.0)
    assert try_exercise(loose, lambda: 1.05).passed
    result = try_exercise(tight, lambda: 1.0 + 1e-11)
    assert not result.passed
    assert "should give `1`, but gave `1.00000000001`" in result.message


ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
NESTS = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None)
@given(NESTS)
def test_every_plain_value_equals_its_copy(value):
    assert difference(plain(value), plain(value), EXACT) is None
    assert difference(plain(value), plain([value]), EXACT) is not None
    assert isinstance(brief(plain(value)), str)


def test_plain_makes_copies():
    array, items = np.zeros(2), [[1]]
    copied, copied_items = plain(array), plain(items)
    array[:], items[0][0] = 1, 2
    assert copied.tolist() == [0, 0]
    assert copied_items == [[1]]
    assert plain(np.broadcast_to(1.0, (3,))).flags.writeable


@pytest.mark.parametrize("value", [object(), {1, 2}, iter([]), np.dtype(float), "x" * 2_000_000])
def test_not_plain(value):
    with pytest.raises(NotPlainError):
        plain(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([[1, 2], [3, 4]]), "[[1, 2], [3, 4]]"),
        (np.array([1 / 3, 2]), "[0.33333, 2.]"),
        (np.zeros((3, 28, 28), np.float32), "float32 array of shape (3, 28, 28)"),
        (np.zeros((0, 3)), "empty array of shape (0, 3)"),
        (0.1 + 0.2, "0.3"),
        (10**40, "an integer of more than 30 digits"),
        ([1, [2.5, "a"]], "[1, [2.5, 'a']]"),
        (list(range(1000)), "list of 1000 items"),
        ({"a": None}, "{'a': None}"),
        ("x" * 500, "'" + "x" * 98 + "…"),
    ],
)
def test_brief(value, text):
    assert brief(value) == text


def test_brief_call_with_functions_and_networks():
    assert brief_call("f", (np.tanh, torch.nn.ReLU(), 2)) == "f(tanh, ReLU, 2)"


# What is shown


def test_html_is_escaped_and_says_it_in_words():
    def evil(x, w):
        print("<script>alert(1)</script>")
        raise ValueError("<img src=x onerror=alert(1)> `</code>`\x1b[31m\ud800")

    evil.__name__ = "<b>evil</b>"
    result = try_exercise(TOY, evil)
    shown = result._repr_html_()
    for tag in ("<script", "<img", "<b>"):
        assert tag not in shown
    assert "&lt;script&gt;" in shown
    assert 'role="status"' in shown
    assert "<strong>Exercise 05.2: Not yet.</strong>" in shown
    assert shown.count("<code") == shown.count("</code>")
    (shown + str(result)).encode("utf-8")
    assert "\x1b" not in str(result)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize("background", ["#ffffff", "#f3f4f5", "#121212", "#222832"])
@pytest.mark.parametrize("edge", sorted({*EDGES.values(), OTHER_EDGE}))
def test_edges_are_visible_on_light_and_dark(edge, background):
    light, dark = sorted([_luminance(edge), _luminance(background)], reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3.0


def test_heading_of_every_status():
    headings = {Result("05.2", status, "").heading for status in ("wrong", "known mistake")}
    assert headings == {"Not yet"}
    assert Result("05.2", "right", "").heading == "Right"
    assert Result("05.2", "not answered", "").heading == "Not answered yet"


def test_terminal_that_cannot_print_unicode(monkeypatch, capsys):
    class OldTerminal:
        text = ""

        def write(self, text):
            self.text += text.encode("ascii").decode()

        def flush(self):
            pass

    terminal = OldTerminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    Result("05.2", "wrong", "naïve…").show()
    assert "na\\xefve" in terminal.text


KERNEL_CELLS = (
    "import sys; sys.path[:0] = FOLDERS\n"
    "import types, importlib.machinery as m\n"
    "from dataclasses import replace\n"
    "import toy_exercises as toy\n"
    "from course_utils.exercises import check\n"
    "chapter = types.ModuleType('course_utils.exercises.chZ')\n"
    "chapter.__spec__ = m.ModuleSpec(chapter.__name__, None)\n"
    "chapter.EXERCISES = (replace(toy.TOY, id='Z.2'),)\n"
    "sys.modules[chapter.__name__] = chapter",
    "result = check('Z.2', toy.stub)",
    "result",
    "check('Z.2', toy.stub)",
    "def mine(x, w):\n    y = 1\n    return x[77]\ncheck('Z.2', mine)",
    "print(result.passed, check.__name__)",
)


@pytest.mark.slow
def test_a_notebook_shows_each_result_once(tmp_path):
    tests = Path(__file__).resolve().parent
    folders = repr([str(tests), str(tests.parent)])
    sources = [cell.replace("FOLDERS", folders) for cell in KERNEL_CELLS]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    root = str(tmp_path)
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": root}}).execute()
    outputs = [cell.outputs for cell in notebook.cells]
    assert [len(cell) for cell in outputs] == [0, 1, 1, 1, 1, 1]
    for cell in outputs[1:5]:
        assert set(cell[0].data) == {"text/html", "text/plain"}
    assert "Not answered yet" in outputs[2][0].data["text/plain"]
    assert "line 3 (`return x[77]`) of your code" in outputs[4][0].data["text/plain"]


@pytest.mark.parametrize(
    ("expected", "got", "words"),
    [
        ([1, 2], [1, 3], "should give `[1, 2]`, but gave `[1, 3]`."),
        ({"a": RIGHT}, {"a": RIGHT + 1}, "gave `{'a': [2., 3., 0., -1.]}`."),
        ([1, 2], [1], "but gave `[1]`: 1 item came back, expected 2."),
        ([0] * 50, [0] * 49 + [1], "gave `list of 50 items`: item 49: the numbers differ."),
        ([np.zeros(50)], [np.ones(50)], "item 0: 50 of 50 entries differ, first at [0]"),
    ],
)
def test_reason_is_given_where_print_does_not_show_it(expected, got, words):
    assert words in try_exercise(one_case(expected), lambda: got).message
