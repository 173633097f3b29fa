"""Turn whatever an answer returns into plain values, without calling the answer's own methods.

A plain value is None, a bool, int, float, complex, str, bytes, a NumPy array of numbers or text, or
a list or dict of plain values. Tuples become lists; tensors and NumPy scalars become arrays.
Everything is copied, so that nobody can change it later.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

MAX_BYTES = 200_000_000
MAX_ITEMS = 200_000
MAX_DEPTH = 12
ARRAY_KINDS = "biufcUS"
MAX_TEXT = 1_000_000
# Types are told apart by id: a class of classes may claim to equal every type.
NUMPY_SCALARS = frozenset(
    id(kind) for kind in np.sctypeDict.values() if np.dtype(kind).kind in "biufc"
)
EXACT = frozenset(map(id, (type(None), bool, int, float, complex, str, bytes)))

# A subclass may override every method; these are the built-in ones, called on the object itself.
UNWRAP: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (int, int.__pos__),
    (float, float.__pos__),
    (complex, complex.__pos__),
    (str, str.__str__),
    (bytes, lambda value: bytes.__getitem__(value, slice(None))),
)


class NotPlainError(ValueError):
    """A value that cannot be compared; its text says what it is, as in "a generator"."""


def plain(value: Any) -> Any:
    """Return a plain copy of ``value``.

    Raises
    ------
    NotPlainError
        For anything that is not made of numbers, text, arrays, tensors, lists, tuples and dicts.
    """
    return _Copier().copy(value, MAX_DEPTH)


def type_name(value: Any) -> str:
    """Return the name of an object's real type, whatever the object claims."""
    return str.__str__(type.__dict__["__name__"].__get__(type(value)))


class _Copier:
    """Copies one value and counts what it has copied, so that no nest is endless."""

    def __init__(self) -> None:
        self.items = 0
        self.bytes = 0

    def copy(self, value: Any, depth: int) -> Any:
        # type(value), never isinstance: an object can lie about its __class__.
        kind = type(value)
        self._count(depth)
        if id(kind) in EXACT:
            return self._atom(value)
        if id(kind) in NUMPY_SCALARS:
            return self._array(np.array(value))
        if issubclass(kind, np.ndarray):
            return self._array(value)
        for base, unwrap in UNWRAP:
            if issubclass(kind, base):
                return self._atom(unwrap(value))
        if kind is range or issubclass(kind, (list, tuple, dict)):
            return self._container(kind, value, depth - 1)
        if _is_tensor(kind):
            return self._array(_tensor_to_array(value))
        raise NotPlainError(with_article(type_name(value)))

    def _count(self, depth: int) -> None:
        self.items += 1
        if depth < 0:
            raise NotPlainError(f"lists nested more than {MAX_DEPTH} deep")
        if self.items > MAX_ITEMS:
            raise NotPlainError(f"lists with more than {MAX_ITEMS:,} items")

    def _atom(self, value: Any) -> Any:
        if isinstance(value, (str, bytes)) and len(value) > MAX_TEXT:
            raise NotPlainError(f"a text of {len(value):,} characters")
        return value

    def _array(self, value: np.ndarray) -> Any:
        base = np.ndarray.view(value, np.ndarray)
        if base.dtype.kind not in ARRAY_KINDS:
            raise NotPlainError(f"an array of dtype {base.dtype.name}")
        self.bytes += base.nbytes
        if self.bytes > MAX_BYTES:
            raise NotPlainError(f"an array of shape {base.shape}, which is too large")
        # order="C" also makes a broadcast view own its numbers.
        copied = np.array(base, copy=True, subok=False, order="C")
        return copied.item() if copied.ndim == 0 and copied.dtype.kind in "US" else copied

    def _container(self, kind: type, value: Any, depth: int) -> Any:
        if kind is range:
            return [self.copy(item, depth) for item in value]
        if issubclass(kind, list):
            return [self.copy(item, depth) for item in list.copy(value)]
        if issubclass(kind, tuple):
            return [self.copy(item, depth) for item in tuple.__getitem__(value, slice(None))]
        items = dict.items(dict.copy(value))
        return {self._key(key, depth): self.copy(item, depth) for key, item in items}

    def _key(self, key: Any, depth: int) -> Any:
        copied = self.copy(key, depth)
        if isinstance(copied, np.ndarray):
            copied = copied.item()
        if isinstance(copied, (list, dict)):
            return str(copied)
        return copied


def with_article(name: str) -> str:
    """Return ``name`` with a or an before it."""
    return f"{'an' if name[:1].lower() in tuple('aeio') else 'a'} {name}"


def _is_tensor(kind: type) -> bool:
    # Subclasses of Tensor can hook every operation; only torch's own two types are read.
    torch = sys.modules.get("torch")
    return torch is not None and (kind is torch.Tensor or kind is torch.nn.Parameter)


def _tensor_to_array(value: Any) -> np.ndarray:
    torch = sys.modules["torch"]
    try:
        dense = torch.Tensor.detach(value).cpu().resolve_conj().resolve_neg()
        if dense.layout != torch.strided:
            dense = dense.to_dense()
        if dense.dtype == torch.bfloat16:
            dense = dense.float()
        return dense.numpy()
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise NotPlainError(f"a tensor that holds no ordinary numbers ({value.dtype})") from error
