"""AlexNet in two processes that talk to each other, as the paper's talked on two GPUs.

Krizhevsky, Sutskever and Hinton (2012), section 3.2: half of the kernels of every layer on each
GPU, and "the GPUs communicate only in certain layers". Here each half is a Python process of its
own, and they talk through `torch.distributed` with gloo, which needs no GPU. Taught in chapter 13.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import IO, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn

from course_utils.models.alexnet import GPUS, RESPONSE_NORM, AlexNet, ResponseNorm

PACKAGES = Path(__file__).resolve().parents[1]  # where a child finds course_utils
MEETING_SECONDS = 60  # how long a half waits for the other one
POLL_SECONDS = 0.02


class TwoProcesses(NamedTuple):
    """What came back: the scores that each process worked out, and what it took.

    scores: (2, N, classes), the answers of both. parameters: numbers in each half's weights.
    sent: by the layer that reads them, numbers that each process sent the other for one image.
    process_ids: of this process's two children.
    """

    scores: Tensor
    parameters: tuple[int, int]
    sent: dict[str, int]
    process_ids: tuple[int, int]


class Gather(nn.Module):
    """Send this process's half to the other one and put both together, the first half first."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = 0

    def forward(self, x: Tensor) -> Tensor:
        """(N, C / 2, ...) -> (N, C, ...), the same in both processes."""
        x = x.contiguous()
        halves = [torch.empty_like(x) for _ in range(GPUS)]
        dist.all_gather(halves, x)
        self.sent = x[0].numel()
        return torch.cat(halves, dim=1)


def half_of(model: AlexNet, rank: int) -> nn.Sequential:
    """The layers of one process: half the kernels and units of each layer, with their weights.

    A `Gather` stands before every layer that sees both halves, and after the last: at conv3, fc6,
    fc7, fc8 and the scores. conv1 needs none, since both processes have the image. conv2, conv4
    and conv5 need none, since their groups are the halves.

    Raises ValueError for another model, a rank other than 0 and 1, or an odd number of units.
    """
    if not isinstance(model, AlexNet):
        raise ValueError(f"expected a model from course_utils.models.alexnet, got {type(model)}")
    if rank not in range(GPUS):
        raise ValueError(f"rank must be 0 or 1, got {rank!r}")
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, layer in model.named_children():
        sees_all = isinstance(layer, nn.Linear) or getattr(layer, "groups", GPUS) == 1
        if sees_all and name != "conv1":
            layers[f"{name}_reads"] = Gather()
            if name == "fc6":  # it reads flattened maps: whole maps are put together, then that
                layers.move_to_end("flatten")
        layers[name] = _half_layer(name, layer, rank)
    layers["scores_reads"] = Gather()
    return nn.Sequential(layers)


def in_two_processes(model: AlexNet, images: Tensor, *, timeout: float = 120.0) -> TwoProcesses:
    """Run a model's prediction in two processes, each with half of its weights.

    `images` is what `model` takes, (N, C, 227, 227). Each process gets its half of the weights and
    the images through a file in a temporary folder, computes on one thread in evaluation mode, and
    meets the other through a file there (gloo, `file://`).

    Raises ValueError as `half_of` does, RuntimeError with its last words if a process dies, and
    TimeoutError if they are not done in `timeout` seconds; no process is left behind.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rank in range(GPUS):
            torch.save((half_of(model, rank).eval(), images), folder / f"job{rank}.pt")
        _run(folder, timeout)
        answers = [torch.load(folder / f"answer{rank}.pt") for rank in range(GPUS)]
    return TwoProcesses(
        scores=torch.stack([answer["scores"] for answer in answers]),
        parameters=(answers[0]["parameters"], answers[1]["parameters"]),
        sent=answers[0]["sent"],
        process_ids=(answers[0]["process"], answers[1]["process"]),
    )


def _half_layer(name: str, layer: nn.Module, rank: int) -> nn.Module:
    """The rows of a layer that belong to one process; layers without weights as they are."""
    if isinstance(layer, ResponseNorm):
        return nn.LocalResponseNorm(**RESPONSE_NORM)  # a process has no other maps
    if not isinstance(layer, (nn.Conv2d, nn.Linear)):
        return layer
    if len(layer.weight) % GPUS:
        raise ValueError(f"{name} has {len(layer.weight)} outputs, which do not halve")
    rows, bias = (p.detach().chunk(GPUS)[rank].clone() for p in (layer.weight, layer.bias))
    if isinstance(layer, nn.Conv2d):
        maps = rows.shape[1]  # already those of one group, where there are two
        half: nn.Module = nn.Conv2d(
            maps, len(rows), layer.kernel_size, layer.stride, layer.padding, device="meta"
        )
    else:
        half = nn.Linear(rows.shape[1], len(rows), device="meta")
    half.weight, half.bias = nn.Parameter(rows), nn.Parameter(bias)
    return half


# --- the parent's side ---


def _run(folder: Path, timeout: float) -> None:
    """Start both processes and wait for them; whatever happens, none is left running."""
    logs = [(folder / f"log{rank}.txt").open("w+", encoding="utf-8") for rank in range(GPUS)]
    processes = [_start(folder, rank, log) for rank, log in enumerate(logs)]
    try:
        _wait(processes, logs, timeout)
    finally:
        for process in processes:
            process.kill()
            process.wait()
        for log in logs:
            log.close()


def _start(folder: Path, rank: int, log: IO[str]) -> subprocess.Popen:
    # A module of its own, not multiprocessing: that would import the parent's main program, and
    # a notebook has none.
    path = os.pathsep.join(filter(None, [str(PACKAGES), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "course_utils.parallel", str(folder), str(rank)]
    return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def _wait(processes: list[subprocess.Popen], logs: Sequence[IO[str]], timeout: float) -> None:
    end = time.monotonic() + timeout
    while any(process.poll() is None for process in processes):
        _raise_if_dead(processes, logs)
        if time.monotonic() > end:
            raise TimeoutError(f"the two processes were not done after {timeout:g} seconds")
        time.sleep(POLL_SECONDS)
    _raise_if_dead(processes, logs)


def _raise_if_dead(processes: list[subprocess.Popen], logs: Sequence[IO[str]]) -> None:
    for rank, process in enumerate(processes):
        if process.poll():
            logs[rank].seek(0)
            words = logs[rank].read().strip().splitlines() or ["it said nothing"]
            raise RuntimeError(
                f"process {rank} of the two ended with status {process.returncode}: {words[-1]}"
            )


# --- the child's side ---


def _serve(folder: Path, rank: int) -> None:
    """Meet the other process, predict, and leave the answer in the folder."""
    torch.set_num_threads(1)
    half, images = torch.load(folder / f"job{rank}.pt", weights_only=False)  # the parent's own
    _stay_on_this_machine()
    dist.init_process_group(
        "gloo",
        init_method=(folder / "meeting").as_uri(),
        rank=rank,
        world_size=GPUS,
        timeout=timedelta(seconds=MEETING_SECONDS),
    )
    with torch.no_grad():
        scores = half(images)
    gathers = {n: m for n, m in half.named_children() if isinstance(m, Gather)}
    answer = {
        "scores": scores,
        "parameters": sum(p.numel() for p in half.parameters()),
        "sent": {name.removesuffix("_reads"): gather.sent for name, gather in gathers.items()},
        "process": os.getpid(),
    }
    torch.save(answer, folder / f"answer{rank}.pt")
    dist.destroy_process_group()


def _stay_on_this_machine() -> None:
    """Talk through the loopback, which is there without any network and whatever its name."""
    names = [name for _, name in socket.if_nameindex()] if os.name == "posix" else []
    loopback = [name for name in names if name.startswith("lo")]
    if loopback:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback[0])


if __name__ == "__main__":
    # Under its own name, so that its classes are those that the parent saved.
    from course_utils import parallel

    parallel._serve(Path(sys.argv[1]), int(sys.argv[2]))
