"""The arrays in a pickle, read without running anything that it asks for.

A pickle is a program: loading it calls whatever it names. Here it gets numbers, text, plain
containers, and stand-ins for what numpy makes an array of, which only take notes; the array is made
of these notes when the pickle has ended.
"""

import io
import pickle
import re
from typing import Any

import numpy as np


class _Type:
    """Stands for ``numpy.dtype``."""

    def __init__(self, code: str, *_: Any) -> None:
        self.code = code

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.code = state[1] + self.code  # the order of the bytes


class _Array:
    """Stands for an array."""

    def __init__(self, *state: Any) -> None:
        self.shape, self.type, self.columns_first, self.content = state or (None,) * 4

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.shape, self.type, self.columns_first, self.content = state

    def made(self) -> np.ndarray:
        """The array, if it is one of whole numbers."""
        content, code = self.content, self.type.code
        if not re.fullmatch(r"[<>|=]?[iu][1248]", code):
            raise pickle.UnpicklingError(f"it holds an array of {code!r}, not of whole numbers")
        content = content.encode("latin1") if isinstance(content, str) else content  # of Python 2
        array = np.frombuffer(content, code)
        return array.reshape(self.shape, order="F" if self.columns_first else "C")


def _reconstruct(*_: Any) -> _Array:
    """What numpy's function of that name begins with."""
    return _Array()


def _frombuffer(content: Any, kind: Any, shape: Any, order: Any, *_: Any) -> _Array:
    """The same of pickles of protocol 5."""
    return _Array(shape, kind, order == "F", content)


def _encode(text: str, encoding: str) -> bytes:
    """Bytes as Python 3 writes them for Python 2."""
    return text.encode("latin1")


_KNOWN = {
    "numpy.ndarray": None,  # told to _reconstruct, never called
    "numpy.dtype": _Type,
    "numpy.core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray._reconstruct": _reconstruct,
    "numpy.core.numeric._frombuffer": _frombuffer,
    "numpy._core.numeric._frombuffer": _frombuffer,
    "_codecs.encode": _encode,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """What a pickle gets by a name."""
        if f"{module}.{name}" not in _KNOWN:
            raise pickle.UnpicklingError(f"it asks for {f'{module}.{name}'!r}, which is refused")
        return _KNOWN[f"{module}.{name}"]


def load(content: bytes) -> dict[str, Any]:
    """The dictionary of arrays and plain values in a pickle.

    Raises:
        ValueError: It is cut short or damaged, asks for anything else, or is no such dictionary.
    """
    try:
        found = dict(_Reader(io.BytesIO(content), encoding="latin1").load())
        return {key: one.made() if isinstance(one, _Array) else one for key, one in found.items()}
    except Exception as error:  # whatever broken bytes raise
        raise ValueError(f"no pickle of arrays: {error or type(error).__name__}") from error
