"""Grading outside of the corpus: messages, names, isolation, going on, grading again, export."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import pickle
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import axe_playwright_python
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import grading_toys as toys
from browser import PHONE, served, visit
from conftest import ROOT
from course_admin.__main__ import main
from course_admin.grading import lms, memory, pages, records, sandbox, syscalls, trust
from course_admin.grading.conversation import Conversation, Ended
from course_admin.grading.inside.magics import python_of
from course_admin.grading.inside.notebook import NotANotebook, read_cells
from course_admin.grading.inside.wire import WireError, decode, encode
from course_admin.grading.limits import Limits
from course_admin.grading.marks import Mark
from course_admin.grading.matching import cells_from, match
from course_admin.grading.names import Owner, from_file, from_folder
from course_admin.grading.records import Record
from course_admin.grading.staging import stage
from course_admin.grading.submissions import collect
from course_admin.grading.trials import outcomes_from, trial
from course_utils.exercises import probes
from course_utils.exercises.core import chapters, exercises_of, families_of
from course_utils.exercises.plain import plain

FAST = ("--answer-seconds", "3", "--cell-seconds", "5", "--jobs", "2")

# ---- messages ------------------------------------------------------------------------------------

NUMBERS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
)
VALUES = st.recursive(
    NUMBERS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_a_message_comes_out_as_it_went_in(value):
    got = decode(encode(value))
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    "kind", ["?", "i1", "u8", ">i4", "f2", "f4", "f8", "c8", "c16", "U5", "S3"]
)
def test_arrays_keep_type_shape_and_numbers(kind):
    array = np.arange(24).reshape(2, 3, 4).astype(kind)[:, ::2]
    got = decode(encode({"x": [array, np.zeros((0, 5))]}))["x"]
    assert got[0].dtype == array.dtype
    np.testing.assert_array_equal(got[0], array)
    assert got[1].shape == (0, 5)
    got[0][...] = 0  # its own numbers


def test_special_numbers_survive():
    got = decode(encode([np.inf, -0.0, 1e-310, 10**400, complex(1, -2)]))
    assert got == [np.inf, 0.0, 1e-310, 10**400, complex(1, -2)]
    assert np.signbit(got[1])
    assert np.isnan(decode(encode(float("nan"))))


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_a_message_or_refused(data):
    for candidate in (data, len(data).to_bytes(8, "big") + data):
        with contextlib.suppress(WireError):
            decode(candidate)


def message(tree, blob=b""):
    header = json.dumps({"tree": tree, "sizes": [len(blob)]}).encode()
    return len(header).to_bytes(8, "big") + header + blob


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(os.getcwd),
        message({"array": 0, "dtype": "|O", "shape": [1]}, b"x" * 8),
        message({"array": 0, "dtype": "<f8", "shape": [10**9, 10**9]}, b"x" * 8),
        message({"array": 0, "dtype": "<f8", "shape": [-1]}, b"x" * 8),
        message({"array": 0, "dtype": "<f8", "shape": [0, 10**18]}),
        message({"array": 5, "dtype": "<f8", "shape": [1]}, b"x" * 8),
        message({"array": 0, "dtype": "<f8,<f8", "shape": [1]}, b"x" * 16),
        message({"float": "__import__('os')"}),
        message({"dict": [[["a list as key"], 1]]}),
        message({"set": [1]}),
        b"\xff" * 100,
        message(0)[:-1],
    ],
)
def test_hostile_messages_are_refused(data):
    with pytest.raises(WireError):
        decode(data)


def test_objects_cannot_be_sent():
    with pytest.raises(WireError):
        encode([object()])
    with pytest.raises(WireError):
        encode(np.array([None]))


def test_outcomes_of_another_form_are_refused():
    for reply in (None, [1], [{"kind": "value"}], [{"kind": "right", "value": 1}]):
        with pytest.raises(ValueError, match="outcome"):
            outcomes_from(reply)


def test_every_exercise_can_be_sent_and_every_probe_stands_where_the_sandbox_sees_it():
    """Cases and right outcomes are plain; so no object of a hidden module goes into the sandbox."""
    for chapter in chapters():
        members = [m for family in families_of(chapter) for m in family.members.values()]
        for exercise in [*exercises_of(chapter), *members]:
            for case in exercise.draw_cases(0):
                again = decode(encode(case))
                assert all(type(a) is type(b) for a, b in zip(again, case, strict=True)), exercise
                plain(list(again))
            if exercise.probe is not None:
                assert getattr(probes, exercise.probe.__name__) is exercise.probe, exercise.id


# ---- notebooks and names -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "python"),
    [
        ("x = 1", "x = 1"),
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("if True:\n    !ls\n    %time x", "if True:\n    pass\n    pass"),
        ("files = !ls", "files = None"),
        ("%%time\nx = 1", "# %%time\nx = 1"),
        ("%%bash\nrm -rf /", ""),
        ("np.zeros?", "pass"),
        ("x = 5 %\\\n 3", "x = 5 %\\\n 3"),
    ],
)
def test_magics_do_nothing_and_lines_stay_where_they_are(source, python):
    assert python_of(source) == python


def plan(contents):
    cells = cells_from(read_cells(toys.notebook(contents).encode()))
    return match(toys.assignment(), cells)


def test_matching_says_where_each_answer_is():
    found = plan(toys.cells())
    assert [m.after for m in found.matches] == [3, 5, 7]
    assert found.found == 3
    assert not any(m.duplicate or m.notes for m in found.matches)


def test_a_draft_below_does_not_replace_the_marked_answer():
    found = plan([*toys.cells(), toys.code("def my_convolve2d(x, w):\n    return None")])
    assert found.matches[1].after == 5
    assert not found.matches[1].duplicate


@pytest.mark.parametrize("data", [b"", b"\x00\x01", b"{", b"[]", b"null", b'{"cells": 3}'])
def test_what_is_no_notebook_is_said_to_be_none(data):
    with pytest.raises(NotANotebook):
        read_cells(data)


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("alice.ipynb", Owner("alice")),
        ("hw2_alice.ipynb", Owner("alice")),
        ("alice-HW2.ipynb", Owner("alice")),
        ("alice (1).ipynb", Owner("alice")),
        ("alice-Copy1.ipynb", Owner("alice")),
        ("hw2.ipynb", Owner("hw2")),
        ("smithjohn_4711_815_hw2.ipynb", Owner("smithjohn", "4711")),
        ("smithjohn_LATE_4711_815_hw2-1.ipynb", Owner("smithjohn", "4711", True)),
        ("Anna Ö_99_assignsubmission_file_hw2.ipynb", Owner("Anna Ö", "99")),
    ],
)
def test_names_of_files(name, owner):
    assert from_file(name, "hw2") == owner


def test_names_of_folders_and_keys():
    assert from_folder("Anna Ö_99_assignsubmission_file_") == Owner("Anna Ö", "99")
    assert from_folder("Zoe\u0308").key == from_folder("Zoë").key
    keys = {from_folder(name).key for name in ("李雷", "韩梅", "a/b", "..", "CON", "x" * 300)}
    assert len(keys) == 6
    assert all(key.isascii() and len(key) < 60 and "/" not in key for key in keys)


def test_a_zip_of_a_class_is_split_by_student(tmp_path):
    path = tmp_path / "submissions.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("smithjohn_1_10_hw2.ipynb", toys.notebook(toys.cells()))
        archive.writestr("doejane_LATE_2_11_hw2.ipynb", toys.notebook(toys.cells()))
        archive.writestr("grades.csv", "x")
    for source in (path, tmp_path):
        found = collect(source, "hw2")
        assert [(one.owner.name, one.late) for one in found] == [
            ("doejane", True),
            ("smithjohn", False),
        ]


# ---- isolation -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage") / "course"
    stage(folder)
    return folder


@pytest.fixture(scope="module")
def trusted(staged):
    return trust.trusted_sandbox(staged, [], Limits())


def test_the_staged_course_has_no_oracle_no_mistake_and_no_solution(staged):
    names = {str(path.relative_to(staged)) for path in staged.rglob("*") if path.is_file()}
    assert "course_utils/exercises/outcomes.py" in names
    assert not [n for n in names if re.search(r"exercises/ch\d|famil|chapters/", n)]
    kept = {n for n in names if n.startswith("course_admin") and n.endswith(".py")}
    assert all("grading/inside/" in n or n.endswith("__init__.py") for n in kept)
    for path in staged.rglob("*.py"):
        assert "Mistake(\n" not in path.read_text(encoding="utf-8"), path


def run_in(box, source):
    with Conversation(box, Limits()) as talk:
        request = {"do": "run", "number": 1, "source": source, "how": "whole", "seconds": 20.0}
        return talk.ask(request, 30)


@pytest.mark.parametrize(
    "source",
    [
        "open('/course/x', 'w')",
        "open('/x', 'w')",
        "open('/dev/x', 'w')",
        "import os\nos.mkdir('/work/x')",
        "import os, sys\nopen(os.path.join(sys.prefix, 'x'), 'w')",
        "import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000) == 0",
        "import ctypes\nassert ctypes.CDLL(None).memfd_create(b'x', 0) >= 0",
        "import os\nos.kill(1, 9)\nos.setuid(0)",
        "import socket\nsocket.create_connection(('192.0.2.1', 80), 3)",
        "open('/dev/shm/x', 'wb').write(bytes(65 * 2**20))",
        "import course_utils.exercises.ch05",
        "import course_admin.assignments",
        "bytearray(10 * 2**30)",
    ],
)
def test_the_sandbox_refuses(trusted, source):
    assert run_in(trusted, source)["error"]


def test_the_sandbox_allows_what_notebooks_do(trusted):
    source = (
        "import subprocess, sys, tempfile, multiprocessing as mp\n"
        "assert subprocess.run([sys.executable, '-c', 'print(3)'], capture_output=True,"
        " text=True).stdout == '3\\n'\n"
        "with mp.get_context('fork').Pool(2) as pool:\n    assert pool.map(abs, [-1]) == [1]\n"
        "tempfile.TemporaryFile().write(b'x')\n"
        "from course_utils.data import load\n"
        "assert len(load('fashion_mnist_small', 'train', limit=5).images) == 5\n"
        "from course_utils.exercises import check, quiz\ncheck('05.1', abs)\n"
    )
    said = run_in(trusted, source)
    assert said["error"] == "", said


def test_a_sandbox_that_does_not_hold_is_found_out(trusted, monkeypatch):
    """Each of the self-test's questions can fail."""
    with_network = replace(trusted)
    rights = sandbox.Sandbox._rights
    monkeypatch.setattr(sandbox.Sandbox, "_rights", lambda self: [*rights(self), "--share-net"])
    here = {name for _, name in socket.if_nameindex()} - {"lo"}  # none if this machine is unplugged
    assert ("network" in (trust.fault_of(with_network, Limits()) or "")) == bool(here)
    monkeypatch.undo()
    monkeypatch.setattr(trust, "SECRETS", ("course_utils",))
    monkeypatch.setattr(trust, "ROOT", Path("/course"))
    assert "shows /course/course_utils" in (trust.fault_of(trusted, Limits()) or "")
    monkeypatch.undo()
    many = trust.fault_of(trusted, Limits(processes=100_000))
    assert "number of processes" in (many or "")


def test_the_filter_knows_its_machines():
    assert len(syscalls.program("x86_64") or b"") % 8 == 0
    assert syscalls.program("aarch64") != syscalls.program("x86_64")
    assert syscalls.program("pdp11") is None


def class_of(folder, *students):
    toys.assignment().save(folder / "private")
    for name in students:
        toys.write(folder / "in" / f"{name}.ipynb", toys.cells())
    return ["grade", str(folder / "in"), "--assignment", str(folder / "private")] + [
        "--out",
        str(folder / "out"),
        *FAST,
    ]


@pytest.mark.parametrize("programs", [(), ("/bin/false",), ("/nowhere/bwrap",)])
def test_without_a_sandbox_nothing_is_graded(tmp_path, monkeypatch, capsys, programs):
    command = class_of(tmp_path, "alice")
    monkeypatch.setattr(sandbox, "programs", lambda: programs)
    assert main(command) == 1
    error = capsys.readouterr().err
    assert "--no-sandbox" in error
    assert "Traceback" not in error
    assert rows_of(tmp_path / "out") == []


def test_a_sandbox_that_fails_later_stops_the_grading_without_zeros(tmp_path, monkeypatch, capsys):
    command = class_of(tmp_path, "alice", "bob")

    def broken(stage, hidden, limits):
        return sandbox.Sandbox(stage, (), "/bin/false")

    monkeypatch.setattr("course_admin.grading.run.trusted_sandbox", broken)
    assert main(command) == 1
    assert "could not start" in capsys.readouterr().err
    assert rows_of(tmp_path / "out") == []


# ---- a class, twice ------------------------------------------------------------------------------


def rows_of(out):
    with open(out / "grades.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def four(tmp_path):
    return tmp_path, class_of(tmp_path, *"abcd")


@pytest.mark.slow
def test_a_killed_run_goes_on_and_grades_nobody_twice(four):
    folder, command = four
    process = subprocess.Popen(
        [sys.executable, "-m", "course_admin", *command], cwd=ROOT, start_new_session=True
    )
    kept = folder / "out" / "records"
    end = time.monotonic() + 100
    while len(list(kept.glob("*.json"))) < 1 and time.monotonic() < end:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    first = {path.name: path.stat().st_mtime_ns for path in kept.glob("*.json")}
    assert 1 <= len(first) < 4
    assert main(command) == 0
    assert [row["student"] for row in rows_of(folder / "out")] == list("abcd")
    assert {row["status"] for row in rows_of(folder / "out")} == {"ok"}
    assert first == {name: (kept / name).stat().st_mtime_ns for name in first}


@pytest.mark.slow
def test_regrading_changes_what_was_named_and_nothing_else(four, capsys):
    """As after a corrected test: here the records are made wrong by hand."""
    folder, command = four
    assert main(command) == 0
    out = folder / "out"
    for path in (out / "records").glob("*.json"):
        record = records.load(path)
        wrong = [replace(mark, points=0, status="wrong") for mark in record.marks]
        replace(record, marks=tuple(wrong)).save(out / "records")
    again = ["regrade", *command[1:]]
    assert main([*again, "--exercise", "05.2"]) == 0
    assert {(r["05.1"], r["05.2"], r["05.3"]) for r in rows_of(out)} == {("0", "2", "0")}
    assert main([*again, "--student", "b"]) == 0
    assert [row["points"] for row in rows_of(out)] == ["2", "5", "2", "2"]
    assert "graded again (05.2): 0 points before" in (out / "report.html").read_text("utf-8")
    assert main([*again, "--exercise", "99.9"]) == 2
    assert main([*again, "--student", "nobody"]) == 2
    assert main(again) == 2
    # What is handed in anew is graded anew, the others are kept.
    toys.write(folder / "in" / "c.ipynb", toys.cells(ex3=toys.NOT_TURNED))
    capsys.readouterr()
    assert main(command) == 0
    assert "3 were graded before" in capsys.readouterr().out
    assert [row["points"] for row in rows_of(out)] == ["2", "5", "3", "2"]


def test_results_of_another_assignment_are_not_mixed(tmp_path, capsys):
    command = class_of(tmp_path, "alice")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine", encoding="utf-8")
    assert main(command) == 2
    assert "other files" in capsys.readouterr().err
    inside = [*command[: -len(FAST) - 1], str(tmp_path / "in" / "out"), *FAST]
    assert main(inside) == 2
    assert "overlap" in capsys.readouterr().err
    nowhere = [*command[:3], "hw99", *command[4:]]
    assert main(nowhere) == 2
    assert "no such assignment" in capsys.readouterr().err


# ---- pages and exports ---------------------------------------------------------------------------


def record(student="Doe, Jane", lms_id="", points=2):
    marks = (
        Mark("05.1", 1, 1, "right", "All cases agree."),
        Mark(
            "05.2", points - 1, 2, "known mistake", "`f(<x>)` gave `&`.", "not turned", True, ("n",)
        ),
    )
    return Record(
        from_folder(student).key,
        student,
        lms_id,
        False,
        "d",
        "hw2.ipynb",
        marks,
        notes=("cell `1`",),
    )


def test_a_page_escapes_what_it_shows_and_has_what_readers_need():
    page = pages.feedback(record("<script>alert(1)</script>"), "hw2", {"05.2": "A & B"})
    assert "<script>" not in page
    assert "<code>f(&lt;x&gt;)</code>" in page
    for part in ('lang="en"', "<title>", "<h1>", "<main>", 'scope="row"', "<caption>"):
        assert part in page


def test_status_names_the_gravest():
    assert record(points=3).status == "duplicate answers"
    for kind, status in (
        ("took too long", "timeout"),
        ("crashed", "crashed"),
        ("missing", "missing answers"),
        ("unreadable", "unreadable"),
    ):
        marks = (Mark("05.1", 0, 1, kind, ""), Mark("05.2", 0, 2, "not answered", ""))
        assert replace(record(), marks=marks).status == status
    assert replace(record(), marks=(Mark("05.1", 1, 1, "right", ""),)).status == "ok"
    assert replace(record(), marks=(Mark("05.1", 0, 1, "wrong", ""),)).status == "partly"


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_canvas_gets_its_own_grade_book_back():
    table = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "hw1 (8)", "hw2 (9)"],
        ["    Points Possible", "", "", "", "", "10", "5"],
        ["Doe, Jane", "4711", "s1", "jane", "A", "7", ""],
        ["Smith, John", "12", "s2", "john", "A", "8", "4"],
    ]
    text, warnings = lms.canvas([record("doejane", "4711"), record("Nobody")], "hw2", table)
    rows = read(text)
    assert [(row["Student"], row["hw2 (9)"]) for row in rows] == [
        ("Doe, Jane", "2"),
        ("Smith, John", "4"),
    ]
    assert "hw1 (8)" not in rows[0]
    assert warnings == ["not in the grade book: Nobody"]
    assert read(lms.canvas([record()], "hw2", None)[0])[0]["hw2"] == "2"


def test_moodle_gets_its_worksheet_back():
    table = [
        ["Identifier", "Full name", "Email address", "Grade", "Maximum Grade", "Feedback comments"],
        ["Participant 99", "Anna Ö", "a@b.c", "", "3.00", ""],
        ["Participant 5", "Bo", "b@b.c", "1", "3.00", ""],
    ]
    text, warnings = lms.moodle([record("Anna Ö", "99")], "hw2", table)
    rows = read(text)
    assert rows[0]["Grade"] == "2"
    assert "05.2: 1 of 2" in rows[0]["Feedback comments"]
    assert rows[1]["Grade"] == "1"
    assert not warnings
    with pytest.raises(ValueError, match="no column"):
        lms.moodle([record()], "hw2", [["a"], ["b"]])


def test_export_writes_a_file(tmp_path, capsys):
    record().save(tmp_path / "records")
    (tmp_path / "about.json").write_text('{"assignment": "hw2"}', encoding="utf-8")
    assert main(["export", str(tmp_path), "--to", "canvas"]) == 0
    assert (tmp_path / "canvas.csv").is_file()
    assert main(["export", str(tmp_path / "nothing"), "--to", "moodle"]) == 2


def test_the_outcomes_of_known_mistakes_are_kept(monkeypatch):
    """Two hundred students with one mistake cost its time once."""
    calls = []
    found = trial("05.3", None, 12345)
    monkeypatch.setattr(
        "course_admin.grading.trials.outcomes",
        lambda *a, **k: calls.append(1) or [],
    )
    fresh = replace(found, _mistakes={})
    mistake = fresh.exercise.mistakes[0]
    assert fresh._run_mistake(mistake, 1.0) is fresh._run_mistake(mistake, 1.0)
    assert len(calls) == 1


def test_an_answer_that_is_garbled_is_told_from_one_that_is_slow(trusted):
    with Conversation(trusted, Limits()) as talk, pytest.raises(Ended) as caught:
        talk.ask(
            {
                "do": "run",
                "number": 1,
                "source": "import time\ntime.sleep(60)",
                "how": "whole",
                "seconds": 60.0,
            },
            1.5,
        )
    assert caught.value.why == "too slow"


BOMB = """
import os
def bomb():
    while True:
        try:
            os.fork()
        except OSError:
            pass
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the system has no handles on processes")
def test_what_a_bomb_leaves_is_gone_before_the_next_sandbox_starts(trusted):
    """One user may have 64 processes: those of the last sandbox would refuse the next one's."""
    with Conversation(trusted, Limits()) as talk:
        talk.ask({"do": "run", "number": 1, "source": BOMB, "how": "whole", "seconds": 5.0}, 9)
        talk.ask({"do": "keep", "exercise": "x", "names": ["bomb"]}, 9)
        call = {"do": "try", "exercise": "x", "cases": [()], "probe": None, "seed": 0}
        assert talk.ask({**call, "seconds": 2.0}, 20)["stuck"]
        handles = [os.pidfd_open(pid) for pid in memory.family(talk._started.process.pid)[1:]]
    assert len(handles) > 40
    with selectors.DefaultSelector() as selector:
        for handle in handles:
            selector.register(handle, selectors.EVENT_READ)
        ended = len(selector.select(0))
    for handle in handles:
        os.close(handle)
    assert ended == len(handles)


# ---- as another user, and in a browser -----------------------------------------------------------

ASK = """
import sys, tempfile
from pathlib import Path
from course_admin.grading.limits import Limits
from course_admin.grading.staging import stage
from course_admin.grading.trust import trusted_sandbox
with tempfile.TemporaryDirectory(dir="/tmp") as folder:
    stage(Path(folder) / "course")
    box = trusted_sandbox(Path(folder) / "course", [], Limits())
    print("held", box.as_root)
"""


def as_nobody(command: list[str]) -> list[str]:
    """A command that root runs as a user without rights, who can read Python and the checkout."""
    needed = [Path(sys.base_prefix), Path(sys.prefix), ROOT]
    closed = {p for path in needed for p in path.parents if not p.stat().st_mode & 0o001}
    outer = [sandbox.programs()[0], "--dev-bind", "/", "/"]
    for folder in sorted(closed):
        if not closed & set(folder.parents):
            outer += ["--perms", "0755", "--tmpfs", str(folder)]
    for path in needed:
        if closed & set(path.parents):
            for parent in sorted(path.parents):
                inside = closed & {parent, *parent.parents}
                outer += ["--perms", "0755", "--dir", str(parent)] if inside else []
            outer += ["--ro-bind", str(path), str(path)]
    drop = ["setpriv", "--reuid", "1234", "--regid", "1234", "--clear-groups"]
    return [*outer, "--", *drop, "env", "HOME=/tmp", "TMPDIR=/tmp", *command]


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as such a user already")
def test_the_sandbox_holds_for_a_user_without_rights_as_it_does_for_root():
    done = subprocess.run(
        as_nobody([sys.executable, "-c", ASK]), cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.strip() == "held False", done.stderr[-2000:]


@pytest.mark.pages
def test_the_pages_have_no_fault_of_accessibility(tmp_path, browser):
    known = record("Ökonom, Zoë")
    pages.write_feedback(tmp_path, known, "hw2", {"05.1": "One", "05.2": "Two"})
    pages.write_report(tmp_path, [known], "hw2", ["x: Traceback"])
    axe = Path(axe_playwright_python.__file__).parent / "axe.min.js"
    with served(tmp_path) as base:
        for name in (f"{known.key}.html", "report.html"):
            for theme in ("light", "dark"):
                with visit(browser, base, name, theme=theme, viewport=PHONE) as seen:
                    seen.page.evaluate(axe.read_text(encoding="utf-8"))
                    found = seen.page.evaluate("axe.run(document)")["violations"]
                    assert not found, [(one["id"], one["nodes"][0]["html"]) for one in found]
                    assert seen.page.evaluate("document.body.scrollWidth <= innerWidth")


@pytest.mark.slow
def test_what_assign_writes_is_what_grade_reads(tmp_path):
    """From the command that makes an assignment to its grades: the reference, and nothing done."""
    assert (
        main(["assign", "05.1", "05.3", "--name", "hw5", "--out", str(tmp_path), "--seed", "7"])
        == 0
    )
    made = tmp_path / "hw5"
    source = tmp_path / "in"
    source.mkdir()
    for form in ("source", "release"):
        data = (made / "nbgrader" / form / "hw5" / "hw5.ipynb").read_bytes()
        (source / f"{form}.ipynb").write_bytes(data)
    out = tmp_path / "out"
    command = ["grade", str(source), "--assignment", str(made), "--out", str(out), *FAST]
    assert main(command) == 0
    assert [(row["student"], row["status"], row["points"]) for row in rows_of(out)] == [
        ("release", "missing answers", "0"),
        ("source", "ok", "3"),
    ]
