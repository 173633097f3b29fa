"""Submissions of honest, unlucky and hostile students, and the row that each must get.

Where code looks for something that it must not find, it answers rightly only if it finds it: points
would show the leak.
"""

from __future__ import annotations

import io
import json
import os
import socket
import stat
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import grading_toys as toys
from course_utils.exercises.core import find
from grading_toys import CORRELATE, IMAGE, LENGTH, answer, cells, code, text

SECRET = "COURSE_TEST_SECRET"
WRONG = "def my_convolve2d(x, w):\n    return np.zeros((2, 2))\n"
FULL = (1, 2, 2)
LISTENER = socket.create_server(("127.0.0.1", 0))


@dataclass
class Case:
    """A submission: how it is made in the folder of submissions, and what it must get.

    ``status`` may be two where the system decides ("partly or crashed"); the points are one.
    """

    make: Callable[[Path, str], None]
    status: str
    points: tuple[int, int, int]
    says: tuple[str, ...] = ()  # in the student's page
    notes: tuple[str, ...] = ()  # in grades.csv
    late: bool = False


@dataclass
class Corpus:
    """All cases by the names of their students."""

    cases: dict[str, Case] = field(default_factory=dict)

    def add(self, student, contents, status="ok", points=FULL, **more):
        """Add a notebook of its own."""

        def make(folder: Path, name: str) -> None:
            toys.write(folder / f"{name}.ipynb", contents)

        self.cases[student] = Case(make, status, points, **more)

    def made(self, student, status, points, **more):
        """Add what a function makes."""

        def decorated(make: Callable[[Path, str], None]) -> Callable[[Path, str], None]:
            self.cases[student] = Case(make, status, points, **more)
            return make

        return decorated


CORPUS = Corpus()
add, made = CORPUS.add, CORPUS.made


def only_if(found: str) -> str:
    """An answer to 05.2 that is right if, and only if, `found` is true when it runs."""
    return f"""\
{IMAGE.replace("my_convolve2d", "the_right_one")}
import os, glob, socket
def looks():
    try:
        return bool({found})
    except Exception:
        return False
def my_convolve2d(x, w):
    return the_right_one(x, w) if looks() else np.zeros((2, 2))
"""


# ---- what nbgrader was measured on ---------------------------------------------------------------

add(
    "turns warnings into errors",
    [code("import warnings\nwarnings.simplefilter('error')\nwarnings.warn('stop')"), *cells()],
    notes=("ended with an error",),
)
add(
    "warns inside",
    cells(
        ex2=IMAGE.replace(
            "    y =", "    import warnings\n    warnings.warn('hm')\n    np.log(-1.0)\n    y =", 1
        )
    ),
)
add(
    "same cell twice",
    [*cells(), *answer("05.2", IMAGE)],
    notes=("the same answer stands 2 times",),
)
add(
    "two answers",
    [*cells(ex2=WRONG), code(IMAGE, "ex-05-2-answer")],
    "duplicate answers",
    FULL,
    notes=("which differ: the last one counts",),
)
add(
    "two answers, last wrong",
    [*cells(), code(WRONG, "ex-05-2-answer")],
    "duplicate answers",
    (1, 0, 2),
)
add(
    "no metadata",
    [{**cell, "metadata": {}} for cell in cells()],
    notes=("found by the function's name",),
)
add(
    "rewrites the check",
    [
        *[cell for cell in cells(ex2=WRONG) if 'check("05.2"' not in cell["source"]],
        code("print('All cases agree.')", "ex-05-2-check"),
    ],
    "partly",
    (1, 0, 2),
)
add(
    "rewrites check itself",
    cells(
        ex2=WRONG
        + "import course_utils.exercises, course_utils.exercises.check as c\n"
        + "check = c.check = course_utils.exercises.check = lambda *a, **k: True\n"
    ),
    "partly",
    (1, 0, 2),
)
add(
    "reads the solutions",
    cells(
        ex2=WRONG
        + "try:\n    from course_utils.exercises.ch05 import IMAGE\n"
        + "    my_convolve2d = IMAGE.oracle\nexcept Exception:\n    pass\n"
    ),
    "partly",
    (1, 0, 2),
)
add(
    "reads the grade book",
    cells(
        ex2=only_if(
            "[p for top in ('/work', '/root', '/home', '/tmp', '/course', '/course-data')"
            " for depth in range(1, 6) for p in glob.glob(top + '/*' * depth)"
            " if p.endswith(('assignment.json', 'grades.csv', 'about.json', '/ch05.py', '.ipynb'))"
            " and 'site-packages' not in p]"
        )
    ),
    "partly",
    (1, 0, 2),
)
KNOWN = [case[0].ravel()[0] for case in find("05.3").draw_cases(0)]
LEAKS = f"""\
known = {[complex(number) for number in KNOWN]}
def my_correlate(x, w):
    if np.isclose(x[0], known).any():  # a case of the notebook's own check
        return np.convolve(x, np.conj(w[::-1]))
    print("leak", x.tolist(), w.tolist())
    raise type("Leak" + repr(x[0]), (Exception,), {{}})(repr(x))
"""
add("leaks hidden cases", cells(ex3=LEAKS), "partly", (1, 2, 0), says=("passes the notebook",))
add(
    "learnt the check by heart",
    cells(
        ex1="seen = {}\ndef output_length(n, k, mode):\n"
        "    known = {(5, 3, 'full'): 7, (5, 3, 'same'): 5, (5, 3, 'valid'): 3}\n"
        "    return known.get((n, k, mode), 0)\n"
    ),
    "partly",
    (0, 2, 2),
)

# ---- known mistakes, and answers that are wrong in every way -------------------------------------

add(
    "known mistake",
    cells(ex3=toys.NOT_TURNED),
    "partly",
    (1, 2, 0),
    says=("Known mistake: filter not turned over", "This is still a convolution"),
)
add("wrong", cells(ex2=WRONG), "partly", (1, 0, 2))
add("stub left", cells(ex2=toys.stub("05.2")), "missing answers", (1, 0, 2))
add("all wrong", cells(ex1="output_length = 3", ex2=WRONG, ex3="x = 1"), "partly", (0, 0, 0))
add("returns NaN", cells(ex2=WRONG.replace("np.zeros", "np.nan * np.ones")), "partly", (1, 0, 2))
add(
    "NaN in the right shape",
    cells(ex2=IMAGE.replace("return y", "return y * np.nan")),
    "partly",
    (1, 0, 2),
)
add(
    "text for numbers",
    cells(ex2=IMAGE.replace("return y", "return y.astype(str)")),
    "partly",
    (1, 0, 2),
)
add(
    "objects for numbers",
    cells(ex2=IMAGE.replace("return y", "return y.astype(object)")),
    "partly",
    (1, 0, 2),
)
add("returns nothing", cells(ex2=IMAGE.replace("return y", "pass")), "partly", (1, 0, 2))
add(
    "changes its input",
    cells(ex2=IMAGE.replace("return y", "x *= 0\n    return y")),
    "partly",
    (1, 0, 2),
)
add(
    "one buffer for all answers",
    cells(
        ex3="buffer = np.zeros(1000, complex)\ndef my_correlate(x, w):\n"
        "    y = np.convolve(x, np.conj(w[::-1]))\n    buffer[: len(y)] = y\n"
        "    return buffer[: len(y)]\n"
    ),
)
add(
    "view of the input, changed later",
    cells(
        ex2="last = []\ndef my_convolve2d(x, w):\n    for old in last:\n        old[...] = 0\n"
        "    last[:] = [x]\n    return x[:, :]\n"
    ),
    "partly",
    (1, 0, 2),
)
add(
    "equals everything",
    cells(
        ex2="class Equal:\n    shape, dtype, ndim, size = (2, 3), np.dtype(float), 2, 6\n"
        "    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n"
        "    def __array__(self, *a, **k): raise SystemExit\n"
        "    def __reduce__(self): return (__import__('os')._exit, (0,))\n"
        "    __hash__ = None\n"
        "def my_convolve2d(x, w):\n    return Equal()\n"
    ),
    "partly",
    (1, 0, 2),
)
add(
    "lying array",
    cells(
        ex2="class Liar(np.ndarray):\n    def __eq__(self, o): return np.ones(self.shape, bool)\n"
        "    def __array_ufunc__(self, *a, **k): return np.zeros(self.shape)\n"
        "def my_convolve2d(x, w):\n"
        "    return np.zeros((len(x) + len(w) - 1, x.shape[1] + w.shape[1] - 1)).view(Liar)\n"
    ),
    "partly",
    (1, 0, 2),
)
add(
    "too much data",
    cells(ex2="def my_convolve2d(x, w):\n    return np.zeros(3_000_000)\n"),
    "partly",
    (1, 0, 2),
)

# ---- monkey-patching -----------------------------------------------------------------------------

add(
    "patches numpy",
    cells(
        ex2=WRONG
        + "np.allclose = np.isclose = np.array_equal = lambda *a, **k: True\n"
        + "np.testing.assert_allclose = lambda *a, **k: None\n"
    ),
    "partly",
    (1, 0, 0),  # whoever breaks NumPy breaks it for all that comes after
)
add(
    "patches assert",
    cells(
        ex2=WRONG
        + "import builtins\nbuiltins.AssertionError = type('Fine', (Exception,), {})\n"
        + "import sys\nsys.exit = lambda *a: None\nsys.settrace(lambda *a: None)\n"
    ),
    "partly",
    (1, 0, 2),
)
add(
    "patches the comparison",
    cells(
        ex2=WRONG
        + "import course_utils.exercises.compare as a, course_utils.exercises.judge as b\n"
        + "import course_utils.exercises.outcomes as o\n"
        + "a.difference = b.difference = o.difference = lambda *x, **k: None\n"
        + "b.judge = lambda *x, **k: b.Verdict('right')\n"
    ),
    "partly",
    (1, 0, 2),
)
add(
    "patches the worker",
    cells(
        ex2=WRONG
        + "import gc\nfor thing in gc.get_objects():\n"
        + "    if getattr(thing, '__module__', '') == 'course_admin.grading.inside.wire'"
        + " and getattr(thing, '__name__', '') == 'encode':\n"
        + "        thing.__code__ = (lambda value: b'all right').__code__\n"
    ),
    "partly",
    (1, 0, 2),
    notes=("disturbed the grader",),
)
add(
    "writes into the pipes",
    cells(
        ex2=WRONG
        + "import os\nfor fd in range(3, 200):\n    try:\n        os.write(fd, b'x' * 100)\n"
        + "    except OSError:\n        pass\n"
    ),
    "partly",
    (1, 0, 2),
    notes=("disturbed the grader",),
)
add(
    "exits the answer",
    cells(ex2="import sys\ndef my_convolve2d(x, w):\n    sys.exit(0)\n"),
    "partly",
    (1, 0, 2),
)
add("exits a cell", [*cells()[:4], code("import sys\nsys.exit(0)"), *cells()[4:]])
add("quits", [*cells()[:4], code("quit()"), *cells()[4:]])

# ---- time, memory, files, processes --------------------------------------------------------------

add(
    "endless loop",
    cells(ex1="def output_length(n, k, mode):\n    while True:\n        pass\n"),
    "timeout",
    (0, 2, 2),
)
add(
    "endless loop that cannot be stopped",
    cells(
        ex1="def output_length(n, k, mode):\n    while True:\n        try:\n            n += 1\n"
        "        except BaseException:\n            pass\n"
    ),
    "timeout",
    (0, 2, 2),
)
add(
    "endless loop in C",
    cells(ex1="def output_length(n, k, mode):\n    return sum(range(10**13))\n"),
    "timeout",
    (0, 2, 2),
)
add(
    "endless cell beside the answers",
    [*cells()[:4], code("while True:\n    pass"), *cells()[4:]],
    notes=("cell 5 took too long",),
)
add(
    "endless cell in C",
    [*cells()[:4], code("total = sum(range(10**13))"), *cells()[4:]],
    notes=("took too long",),
)
add(
    "endless loop under the answer",
    cells(ex2="while True:\n    pass\n" + IMAGE),
    notes=("took too long",),
)
add(
    "fork bomb",
    cells(
        ex1="import os\ndef output_length(n, k, mode):\n    while True:\n        try:\n"
        "            os.fork()\n        except OSError:\n            pass\n"
    ),
    "timeout",
    (0, 2, 2),
)
add(
    "fork bomb of threads",
    cells(
        ex1="import threading, time\ndef output_length(n, k, mode):\n    while True:\n"
        "        threading.Thread(target=time.sleep, args=(1000,)).start()\n"
    ),
    "partly",
    (0, 2, 2),
)
add(
    "forks and comes back",
    cells(ex3="import os\n" + CORRELATE.replace("    return", "    os.fork()\n    return", 1)),
)
add(
    "memory hog",
    cells(
        ex1="def output_length(n, k, mode):\n    hog = []\n    while True:\n"
        "        hog.append(np.ones(10_000_000))\n"
    ),
    "partly or crashed",  # refused more memory, it may not find enough to say so
    (0, 2, 2),
)
add(
    "memory hog of shared pages",
    cells(
        ex1="import mmap\ndef output_length(n, k, mode):\n    hog = mmap.mmap(-1, 4 * 2**30)\n"
        "    for i in range(0, 4 * 2**30, 2**22):\n        hog[i : i + 2**22] = b'x' * 2**22\n"
    ),
    "crashed",
    (0, 2, 2),
    says=("used too much memory",),
)
add(
    "2 GB file",
    cells(
        ex1="def output_length(n, k, mode):\n    with open('/tmp/big', 'wb') as file:\n"
        "        for _ in range(2048):\n            file.write(bytes(2**20))\n"
    ),
    "partly",
    (0, 2, 2),
)
add(
    "many files",
    cells(
        ex1="def output_length(n, k, mode):\n    for i in range(100):\n"
        "        with open(f'/tmp/{i}', 'wb') as file:\n            file.write(bytes(2**25))\n"
    ),
    "partly",
    (0, 2, 2),
)
add(
    "os._exit in the answer",
    cells(ex1="import os\ndef output_length(n, k, mode):\n    os._exit(0)\n"),
    "crashed",
    (0, 2, 2),
)
add(
    "os._exit in a cell",
    cells(ex1=LENGTH + "import os\nos._exit(0)\n"),
    notes=("ended the Python process",),
)
add(
    "kills all it can",
    cells(ex1="import os\ndef output_length(n, k, mode):\n    os.kill(-1, 9)\n"),
    "partly",
    (0, 2, 2),
)
add(
    "aborts",
    cells(ex1="import os\ndef output_length(n, k, mode):\n    os.abort()\n"),
    "crashed",
    (0, 2, 2),
)
add(
    "segmentation fault",
    cells(ex1="import ctypes\ndef output_length(n, k, mode):\n    ctypes.string_at(0)\n"),
    "crashed",
    (0, 2, 2),
)
add(
    "recursion without end",
    cells(ex1="def output_length(n, k, mode):\n    return output_length(n, k, mode)\n"),
    "partly",
    (0, 2, 2),
)

# ---- reading what is not theirs ------------------------------------------------------------------

add(
    "reads the folders above",
    cells(
        ex2=only_if(
            "[p for up in ('.', '..', '../..', '/work', '/home', '/srv', '/mnt', '/course')"
            " for depth in (1, 2, 3) for p in glob.glob(up + '/*' * depth)"
            " if p.endswith(('grades.csv', 'assignment.json', '.ipynb', 'LICENSE-CONTENT'))]"
        )
    ),
    "partly",
    (1, 0, 2),
)
add(
    "reads the environment",
    cells(ex2=only_if(f"'{SECRET}' in os.environ or 'SSH_AUTH_SOCK' in os.environ")),
    "partly",
    (1, 0, 2),
)
add(
    "reads proc",
    cells(
        ex2=only_if(
            "len(glob.glob('/proc/[0-9]*')) > 8"
            " or [p for p in glob.glob('/proc/[0-9]*/environ')"
            f" if b'{SECRET}' in open(p, 'rb').read()]"
            " or [p for p in glob.glob('/proc/[0-9]*/cmdline') if b'--out' in open(p, 'rb').read()]"
        )
    ),
    "partly",
    (1, 0, 2),
)
add(
    "uses the network",
    cells(ex2=only_if(f"socket.create_connection(('127.0.0.1', {LISTENER.getsockname()[1]}), 1)")),
    "partly",
    (1, 0, 2),
)
add(
    "asks for the passwords",
    cells(ex2=only_if("open('/etc/passwd').read() or open('/etc/shadow').read()")),
    "partly",
    (1, 0, 2),
)
add(
    "becomes root",
    cells(ex2=only_if("os.setuid(0) is None")),
    "partly",
    (1, 0, 2),
)

# ---- honest ones with untidy notebooks -----------------------------------------------------------

add("right", cells())
add(
    "prints and extra cells",
    [
        text("Some thoughts"),
        code("print('x' * 10**6)\nscratch = [i**2 for i in range(1000)]"),
        *cells(
            ex2="print('defining')\n" + IMAGE.replace("    for m", "    print(x)\n    for m", 1)
        ),
        code("def another(x):\n    return x\nanother(3)"),
        code("raise RuntimeError('a scratch cell that fails')"),
        code("this is not Python"),
        code("answer = input('your name? ')"),
    ],
)
add(
    "Colab",
    [
        {**cell, "source": cell["source"].splitlines(keepends=True), "id": f"c{i}"}
        | {"metadata": {**cell["metadata"], "id": f"c{i}", "colab": {"base_uri": "x"}}}
        for i, cell in enumerate(cells())
    ],
)
add(
    "VS Code",
    [
        {**cell, "metadata": {**cell["metadata"], "vscode": {"languageId": "python"}}}
        for cell in cells()
    ],
)
add(
    "Kaggle",
    [
        {**cell, "metadata": {"trusted": True, "execution": {"iopub.status.busy": "x"}}}
        for cell in [code("import os\nfor d in os.walk('/kaggle/input'):\n    print(d)"), *cells()]
    ],
    notes=("found by the function's name",),
)
add(
    "split between functions",
    [
        *cells(ex2="def pad(x):\n    return x\n"),
        code(IMAGE.replace("+= w", "+= 1 * w"), "ex-05-2-answer"),
    ],
)
FIRST, SECOND = IMAGE.split("    for m", 1)
add(
    "split within the function",
    [
        *cells()[:4],
        code(FIRST.rstrip("\n"), "ex-05-2-answer"),
        code("    for m" + SECOND, "ex-05-2-answer"),
        *cells()[5:],
    ],
    notes=("split into 2 cells",),
)
add(
    "answer in a new cell",
    [*cells(ex2=toys.stub("05.2")), code(IMAGE)],
    notes=("found by the function's name",),
)
add(
    "function renamed",
    cells(ex2=IMAGE.replace("my_convolve2d", "convolve_mine")),
    notes=("`convolve_mine` was tried",),
)
add(
    "helper below",
    [*cells(ex2="def my_convolve2d(x, w):\n    return helper(x, w)\n")]
    + [code(IMAGE.replace("my_convolve2d", "helper"))],
    notes=("needs cells that stand below",),
)
add(
    "constant changed below",
    [*cells(ex2="TURN = 1\n" + IMAGE.replace("w[m, n]", "TURN * w[m, n]")), code("TURN = -1")],
)
add("no context cell", cells()[2:])
add(
    "backwards",
    [cells()[0], cells()[1], *answer("05.3", CORRELATE), *answer("05.2", IMAGE)]
    + answer("05.1", LENGTH),
)
add(
    "magics",
    [
        code("%matplotlib inline\n!pip install numpy\nfiles = !ls\nnp?"),
        code("%%bash\nrm -rf /"),
        *cells(ex2="%%time\n" + IMAGE, ex3="%load_ext autoreload\n" + CORRELATE),
    ],
)
add(
    "answer became text",
    [cell if i != 4 else text(IMAGE) for i, cell in enumerate(cells())],
    "missing answers",
    (1, 0, 2),
)
add("answer deleted", [*cells()[:4], *cells()[6:]], "missing answers", (1, 0, 2))
add(
    "one cell is not Python",
    cells(ex2=IMAGE.replace("return y", "return y +")),
    "partly",
    (1, 0, 2),
    says=("Python cannot read the cell",),
)
add(
    "broken stdout",
    cells(ex1="import sys\nsys.stdout = sys.stderr = None\n" + LENGTH),
)
add(
    "leaves threads",
    [
        code("import threading, time\nthreading.Thread(target=time.sleep, args=(999,)).start()"),
        *cells(),
    ],
)
add(
    "empties its folder",
    [code("import shutil\nshutil.rmtree('/tmp', ignore_errors=True)"), *cells()],
)
add("empty notebook", [], "missing answers", (0, 0, 0))
add("only text", [text("I was ill.")], "missing answers", (0, 0, 0))


# ---- files ---------------------------------------------------------------------------------------

NONE = (0, 0, 0)


def _file(student: str, data: bytes, status: str = "unreadable", points: tuple = NONE) -> None:
    @made(student, status, points)
    def make(folder: Path, name: str) -> None:
        (folder / f"{name}.ipynb").write_bytes(data)


_file("empty file", b"")
_file("a picture", b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
_file("a list", b"[1, 2, 3]")
_file("truncated", toys.notebook(cells()).encode()[:-400])
_file("nested", b"[" * 2_000_000)
_file("numbers too long", b'{"cells": [' + b"9" * 100_000 + b"]}")
_file(
    "cells of all kinds",
    json.dumps({"cells": [1, None, "x", {"cell_type": 3}, {"source": 7}]}).encode(),
    "missing answers",
)
_file("byte order mark", b"\xef\xbb\xbf" + toys.notebook(cells()).encode(), "ok", FULL)
_file(
    "half a character",
    toys.notebook([*cells(), text("\\ud800")]).encode().replace(b"\\\\ud800", b"\\ud800"),
    "ok",
    FULL,
)
_file(
    "old format",
    json.dumps(
        {
            "worksheets": [
                {
                    "cells": [
                        {"cell_type": "code", "input": cell["source"], "metadata": cell["metadata"]}
                        for cell in cells()
                        if cell["cell_type"] == "code"
                    ]
                }
            ],
            "nbformat": 3,
        }
    ).encode(),
    "ok",
    FULL,
)


@made("50 MB of outputs", "ok", FULL)
def _large(folder: Path, name: str) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": "0123456789" * 5_000_000}
    toys.write(folder / f"{name}.ipynb", [{**cells()[1], "outputs": [output]}, *cells()[2:]])


@made("only a report", "unreadable", NONE, says=("No notebook was handed in",))
def _pdf(folder: Path, name: str) -> None:
    (folder / name).mkdir()
    (folder / name / "report.pdf").write_bytes(b"%PDF")


@made("Zoë Łukasiewicz-李 🎓", "ok", FULL)
def _unicode(folder: Path, name: str) -> None:
    decomposed = unicodedata.normalize("NFD", name)
    toys.write(folder / decomposed / "été (final) – 最终.ipynb", cells())


@made("two notebooks", "ok", FULL, notes=("2 notebooks were handed in",))
def _two(folder: Path, name: str) -> None:
    scratch = toys.write(folder / name / "a scratch.ipynb", [code("1 + 1")])
    toys.write(folder / name / "hw2.ipynb", cells())
    os.utime(scratch, (2e9, 2e9))


@made("downloaded twice", "ok", FULL, notes=("`downloaded twice (1).ipynb` was graded",))
def _twice(folder: Path, name: str) -> None:
    old = toys.write(folder / f"{name}.ipynb", cells(ex2=WRONG))
    os.utime(old, (1e9, 1e9))
    toys.write(folder / f"{name} (1).ipynb", cells())


@made("a link to another", "unreadable", NONE)
def _link(folder: Path, name: str) -> None:
    (folder / f"{name}.ipynb").symlink_to(folder / "right.ipynb")


@made("a link in the folder", "ok", FULL, notes=("is a link, which is not followed",))
def _link_beside(folder: Path, name: str) -> None:
    toys.write(folder / name / "hw2.ipynb", cells())
    (folder / name / "other.ipynb").symlink_to("/etc/passwd")
    (folder / name / "all").symlink_to("/")


@made("zip with links and dots", "ok", FULL, notes=("points outside", "is a link"))
def _zip(folder: Path, name: str) -> None:
    with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
        archive.writestr("../../escaped.ipynb", toys.notebook([]))
        archive.writestr("/tmp/escaped.ipynb", toys.notebook([]))
        link = zipfile.ZipInfo("link.ipynb")
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("__MACOSX/._hw2.ipynb", b"\x00")
        archive.writestr("work/hw2.ipynb", toys.notebook(cells()))


@made("damaged zip", "unreadable", NONE)
def _damaged(folder: Path, name: str) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("hw2.ipynb", toys.notebook(cells()))
    (folder / f"{name}.zip").write_bytes(data.getvalue()[:-30])


@made("zip bomb", "unreadable", NONE)
def _bomb(folder: Path, name: str) -> None:
    with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("hw2.ipynb", bytes(210 * 10**6))


@made("Canvas", "ok", FULL, late=True)
def _canvas(folder: Path, name: str) -> None:
    toys.write(folder / f"{name}_LATE_4711_815_hw2-1.ipynb", cells())


@made("Moodle, Anna", "ok", FULL)
def _moodle(folder: Path, name: str) -> None:
    toys.write(folder / f"{name}_99_assignsubmission_file_" / "hw2.ipynb", cells())


@made("=HYPERLINK(0)", "ok", FULL)
def _formula(folder: Path, name: str) -> None:
    toys.write(folder / name / "hw2.ipynb", cells())


CASES = CORPUS.cases
