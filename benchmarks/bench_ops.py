"""What `course_utils.ops` costs beside torch and beside the matrix product that it contains.

``python -m benchmarks.bench_ops [--threads 1] [--batch 32] [--seconds 4]``

Both sides run in this process on the same number of threads, in turns, on float32, so that
whatever else the machine does meets both. The tables give medians in milliseconds and their
ratios; a ratio above its limit is marked, and nothing fails: times depend on the machine.
On one thread the clock is the processor time of this process, which other programs disturb least;
on more threads it is the wall's. NumPy copies on one thread whatever the number, so im2col weighs
more the more threads the product has.
"""

import argparse
import statistics
import time
from dataclasses import dataclass

import numpy as np
import scipy.signal
import torch
import torch.nn.functional as F
from threadpoolctl import threadpool_info, threadpool_limits

from course_utils import ops
from course_utils.ops import reference

# Ratios that the course promises.
TO_PRODUCT, TO_TORCH, BACKWARD, SMALL, POINTWISE = 1.5, 2.5, 3.0, 4.0, 1.5


@dataclass(frozen=True)
class Layer:
    """A convolutional layer on square images."""

    name: str
    inputs: int
    size: int
    outputs: int
    kernel: int
    stride: int = 1
    padding: int = 0

    @property
    def output_size(self):
        return (self.size + 2 * self.padding - self.kernel) // self.stride + 1


LARGE = (
    Layer("VGG conv1_1", 3, 224, 64, 3, 1, 1),
    Layer("VGG conv1_2", 64, 224, 64, 3, 1, 1),
    Layer("VGG conv2_2", 128, 112, 128, 3, 1, 1),
    Layer("VGG conv3_3", 256, 56, 256, 3, 1, 1),
    Layer("VGG conv4_3", 512, 28, 512, 3, 1, 1),
    Layer("VGG conv5_3", 512, 14, 512, 3, 1, 1),
    Layer("ResNet conv1", 3, 224, 64, 7, 2, 3),
    Layer("ResNet conv2 3x3", 64, 56, 64, 3, 1, 1),
    Layer("ResNet conv3 3x3/2", 128, 56, 128, 3, 2, 1),
    Layer("ResNet conv5 3x3", 512, 7, 512, 3, 1, 1),
)
POINT = (
    Layer("ResNet conv2 1x1 down", 256, 56, 64, 1),
    Layer("ResNet conv2 1x1 up", 64, 56, 256, 1),
    Layer("ResNet conv4 1x1 up", 256, 14, 1024, 1),
    Layer("ResNet conv5 1x1 down", 2048, 7, 512, 1),
)
#: Pooling: inputs, size, kernel, stride and padding; outputs are the inputs.
POOLS = (
    Layer("VGG pool1", 64, 224, 64, 2, 2),
    Layer("VGG pool3", 256, 56, 256, 2, 2),
    Layer("VGG pool5", 512, 14, 512, 2, 2),
    Layer("ResNet pool 3x3/2", 64, 112, 64, 3, 2, 1),
    Layer("LeNet S2", 6, 28, 6, 2, 2),
)
LENET = (Layer("LeNet C1", 1, 28, 6, 5, 1, 2), Layer("LeNet C3", 6, 14, 16, 5))


def medians(runs, seconds):
    """Median milliseconds of each function; they take turns until the time is up."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    for run in runs.values():  # warm up
        run()
    times = {name: [] for name in runs}
    until = time.perf_counter() + seconds
    while len(times[next(iter(runs))]) < 3 or time.perf_counter() < until:
        for name in list(runs) if len(times[next(iter(runs))]) % 2 else list(runs)[::-1]:
            started = clock()
            answer = runs[name]()
            times[name].append(1e3 * (clock() - started))
            del answer  # freed outside the time
    return {name: statistics.median(values) for name, values in times.items()}


def arrays(layer, batch):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, layer.inputs, layer.size, layer.size), np.float32)
    w = rng.standard_normal((layer.outputs, layer.inputs, layer.kernel, layer.kernel), np.float32)
    return x, w / layer.kernel


def product(layer, batch):
    """The matrix product alone: columns are there already, those of one image for every image."""
    k, p = layer.inputs * layer.kernel**2, layer.output_size**2
    filters = np.ones((layer.outputs, k), np.float32)
    columns = np.ones((k, p), np.float32)

    def run():
        y = np.empty((batch, layer.outputs, p), np.float32)
        for image in y:
            np.matmul(filters, columns, out=image)
        return y

    return run


def forward_row(layer, batch, seconds):
    x, w = arrays(layer, batch)
    how = {"stride": layer.stride, "padding": layer.padding}
    tensors = torch.from_numpy(x), torch.from_numpy(w)

    def theirs():
        with torch.no_grad():
            return F.conv2d(*tensors, **how)

    runs = {
        "product": product(layer, batch),
        "ours": lambda: ops.conv2d(x, w, **how),
        "torch": theirs,
    }
    return medians(runs, seconds)


def backward_row(layer, batch, seconds):
    x, w = arrays(layer, batch)
    how = {"stride": layer.stride, "padding": layer.padding}
    tensors = [torch.from_numpy(a).requires_grad_() for a in (x, w)]
    y = F.conv2d(*tensors, **how)
    g = torch.ones_like(y)
    runs = {
        "ours": lambda: ops.conv2d_backward(g.numpy(), x, w, **how),
        "torch": lambda: torch.autograd.grad(y, tensors, g, retain_graph=True),
    }
    return medians(runs, seconds)


def ratio(ours, other, limit):
    value = ours / other
    return f"{value:6.2f} {'<=' if value <= limit else '> '} {limit:.1f}"


def convolution_table(title, layers, batch, seconds, *, product_limit, torch_limit):
    print(f"\n{title}, batch {batch}: forward (ms)")
    print(f"{'layer':22}{'product':>9}{'ours':>9}{'torch':>9}   to product     to torch")
    for layer in layers:
        ms = forward_row(layer, batch, seconds)
        times = "".join(f"{ms[name]:9.2f}" for name in ("product", "ours", "torch"))
        to_product = "" if product_limit is None else ratio(*_two(ms, "product"), product_limit)
        print(f"{layer.name:22}{times}  {to_product:13}  {ratio(*_two(ms, 'torch'), torch_limit)}")


def backward_table(title, layers, batch, seconds, *, limit):
    print(f"\n{title}, batch {batch}: backward, by input and weight (ms)")
    print(f"{'layer':22}{'ours':>9}{'torch':>9}     to torch")
    for layer in layers:
        ms = backward_row(layer, batch, seconds)
        times = f"{ms['ours']:9.2f}{ms['torch']:9.2f}"
        print(f"{layer.name:22}{times}  {ratio(*_two(ms, 'torch'), limit)}")


def _two(ms, other):
    return ms["ours"], ms[other]


def pooling_row(layer, kind, batch, seconds):
    x = arrays(layer, batch)[0]
    how = {"kernel_size": layer.kernel, "stride": layer.stride, "padding": layer.padding}
    ours, ours_backward = getattr(ops, f"{kind}_pool2d"), getattr(ops, f"{kind}_pool2d_backward")
    theirs = getattr(F, f"{kind}_pool2d")
    tensor = torch.from_numpy(x).requires_grad_()
    y = theirs(tensor, **how)
    g = torch.ones_like(y)
    runs = {
        "ours": lambda: ours(x, **how),
        "torch": lambda: theirs(tensor.detach(), **how),
        "ours backward": lambda: ours_backward(g.numpy(), x, **how),
        "torch backward": lambda: torch.autograd.grad(y, tensor, g, retain_graph=True),
    }
    return medians(runs, seconds)


def pooling_table(layers, batch, seconds, *, limit):
    """Torch's forward notes which number won; ours looks for it in the backward."""
    print(f"\nPooling, batch {batch}: forward, backward, and the two together (ms)")
    print(f"{'layer':22}{'':5}" + f"{'ours':>9}{'torch':>9}     to torch  " * 3)
    for layer in layers:
        for kind in ("max", "avg"):
            ms = pooling_row(layer, kind, batch, seconds)
            pairs = [(ms["ours"], ms["torch"]), (ms["ours backward"], ms["torch backward"])]
            pairs.append(tuple(map(sum, zip(*pairs, strict=True))))
            cells = [f"{a:9.2f}{b:9.2f}  {ratio(a, b, limit)}" for a, b in pairs]
            print(f"{layer.name:22}{kind:5}{'  '.join(cells)}")


def loops_table(seconds):
    print("\nFour nested loops, one map of 28x28 and one filter of 5x5 (ms)")
    x = np.random.default_rng(0).normal(size=(28, 28))
    w = np.random.default_rng(1).normal(size=(5, 5))
    ms = medians(
        {
            "loops": lambda: reference.conv2d_loops(x, w),
            "ours": lambda: ops.conv2d(x[None, None], w[None, None]),
        },
        seconds,
    )
    print(f"loops {ms['loops']:.2f}, ours {ms['ours']:.3f}: {ms['loops'] / ms['ours']:.0f} times")


def fft_table(seconds):
    print("\nfft_convolve2d, image 512x512, float64 (ms)")
    print(f"{'filter':>8}{'ours':>9}{'scipy':>9}{'direct':>9}   to scipy       to direct")
    x = np.random.default_rng(0).normal(size=(512, 512))
    for k in (3, 5, 9, 17, 33, 65, 129):
        w = np.random.default_rng(1).normal(size=(k, k))
        runs = {
            "ours": lambda w=w: ops.fft_convolve2d(x, w),
            "scipy": lambda w=w: scipy.signal.fftconvolve(x, w),
        }
        if k <= 33:  # beyond, the direct sum takes seconds
            runs["direct"] = lambda w=w: ops.convolve2d(x, w)
        ms = medians(runs, seconds)
        direct, against = "", ""
        if "direct" in ms:
            direct, against = f"{ms['direct']:9.2f}", f"{ms['ours'] / ms['direct']:9.2f}"
        print(
            f"{k:4}x{k:<3}{ms['ours']:9.2f}{ms['scipy']:9.2f}{direct:9}"
            f"  {ratio(*_two(ms, 'scipy'), 1.0)}  {against}"
        )


def print_libraries(threads):
    clock = "processor time" if threads == 1 else "wall time"
    print(f"{threads} thread(s) on both sides, {clock}")
    print(f"  NumPy {np.__version__}, torch {torch.__version__}")
    for library in threadpool_info():
        kernel = library.get("architecture", "")
        print(f"  {library['user_api']}: {library['internal_api']} {library['version']} {kernel}")
    info = [line.strip(" -") for line in torch.__config__.show().splitlines()]
    for line in info:
        if line.startswith(("Intel(R)", "CPU capability")):
            print(f"  torch: {line}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=4, help="at least, for each row")
    options = parser.parse_args()
    batch, seconds = options.batch, options.seconds
    torch.set_num_threads(options.threads)
    with threadpool_limits(options.threads):
        print_libraries(options.threads)
        limits = {"product_limit": TO_PRODUCT, "torch_limit": TO_TORCH}
        convolution_table("VGG and ResNet", LARGE, batch, seconds, **limits)
        limits = {"product_limit": TO_PRODUCT, "torch_limit": POINTWISE}
        convolution_table("1x1 convolutions", POINT, batch, seconds, **limits)
        limits = {"product_limit": None, "torch_limit": SMALL}
        convolution_table("LeNet", LENET, batch, min(1, seconds), **limits)
        backward_table("VGG and ResNet", LARGE + POINT, batch, seconds, limit=BACKWARD)
        backward_table("LeNet", LENET, batch, min(1, seconds), limit=SMALL)
        pooling_table(POOLS, batch, min(1, seconds), limit=SMALL)
        loops_table(min(1, seconds))
        fft_table(min(1, seconds))


if __name__ == "__main__":
    main()
