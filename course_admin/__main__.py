"""The commands of whoever teaches with the course or keeps it: `python -m course_admin --help`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from course_admin import (
    assign,
    build,
    canonical,
    exercises,
    export,
    grade,
    record,
    regrade,
    repoint,
    student,
)

COMMANDS = (build, canonical, record, repoint, student, exercises, assign, grade, regrade, export)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, one subcommand a module."""
    top = argparse.ArgumentParser(prog="python -m course_admin", description=__doc__)
    subcommands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in COMMANDS:
        name = module.__name__.rsplit(".", 1)[1]
        summary = (module.__doc__ or "").splitlines()[0]
        sub = subcommands.add_parser(name, help=summary, description=module.__doc__)
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status."""
    chosen = parser().parse_args(arguments)
    try:
        return chosen.run(chosen)
    except (ValueError, FileNotFoundError) as error:
        print(f"course_admin {chosen.command}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
