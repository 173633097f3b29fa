"""How much a submission may use of the machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Limits:
    """Limits of one submission; times in seconds of the clock.

    ``answer`` is for all hidden cases of one exercise: eight times what the notebook's own check
    allows, so that a busy machine costs nobody a point. ``cell`` is for one cell of the notebook,
    ``submission`` for everything.
    """

    answer: float = 10.0
    cell: float = 60.0
    submission: float = 300.0
    start: float = 60.0
    memory_mb: int = 3072
    file_mb: int = 64
    processes: int = 64

    @property
    def most_memory(self) -> int:
        """Bytes for all processes together; one alone is refused memory before it comes to that."""
        return int(1.25 * self.memory_mb * 2**20)

    def inside(self) -> dict[str, Any]:
        """Return what the process in the sandbox is bound to."""
        return {
            "processes": self.processes,
            "memory_bytes": self.memory_mb * 2**20,
            "file_bytes": self.file_mb * 2**20,
            "cpu_seconds": int(self.submission) + 10,
        }

    def to_json(self) -> dict[str, Any]:
        """Return the limits as a dict of numbers."""
        return asdict(self)
