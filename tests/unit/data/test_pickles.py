"""Arrays read from pickles that are not trusted."""

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dl_experiments.data import pickles

PYTHON_2 = (  # as CIFAR-10 is published: text and bytes are one type
    b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\n"
    b"q\x04K\x00\x85U\x01b\x87Rq\x05(K\x01K\x02K\x03\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01"
    b"\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x06\x00\x01\x02"
    b"\xfd\xfe\xfftbU\x06labelsq\x08]q\x09(K\x06K\x09eu."
)


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert type(found[key]) is type(value)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(found[key], value)
        else:
            assert found[key] == value


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_same_as_pickle_itself(protocol: int) -> None:
    draw = np.random.default_rng(0)
    whole = {
        "data": draw.integers(0, 256, (4, 6), dtype=np.uint8),
        "labels": [3, 0, 9],
        "columns": np.asfortranarray(draw.integers(-9, 9, (3, 2))),
        "big": np.arange(3, dtype=">i4"),
        "names": ["Größe", b"\xff\x00"],
    }
    same(pickles.load(pickle.dumps(whole, protocol)), whole)


def test_python_2() -> None:
    expected = pickle.loads(PYTHON_2, encoding="latin1")
    assert expected["data"].tolist() == [[0, 1, 2], [253, 254, 255]]
    same(pickles.load(PYTHON_2), expected)


class Calls:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("hostile", "name"),
    [
        (lambda path: Calls(os.mkdir, path), "mkdir"),
        (lambda path: Calls(eval, f"open({path!r}, 'w')"), "eval"),
        (lambda path: Calls(getattr, {}, "mkdir"), "getattr"),
        (lambda path: Calls(np.save, path, [1]), "save"),
        (lambda path: Calls(np.memmap, path, "u1", "w+", 0, (3,)), "memmap"),
        (lambda path: OrderedDict(a=1), "OrderedDict"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_nothing_else_is_called(hostile: Any, name: str, protocol: int, tmp_path: Path) -> None:
    target = tmp_path / "made"
    content = pickle.dumps(
        {"data": np.zeros(2, np.uint8), "labels": hostile(str(target))}, protocol
    )
    with pytest.raises(ValueError, match=rf"it asks for '\w+(\.\w+)*\.{name}', which is refused$"):
        pickles.load(content)
    assert not target.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Ran out of input"),
        (PYTHON_2[:-30], "truncated"),
        (b"garbage", "no pickle of arrays"),
        (pickle.dumps([1, 2]), "no pickle of arrays"),
        (pickle.dumps({"data": np.array(["a", "b"])}), "'<U1', not of whole numbers"),
        (pickle.dumps({"data": np.array([{}, 1], object)}), "'|O8', not of whole numbers"),
        (b"cnumpy\nndarray\n(K\x02tR.", "not callable"),
        (b"\x80\x02cnumpy\ndtype\nU\x02u1\x85RK\x05b.", "no pickle of arrays"),
        (b"\x80\x02(dU\x01acnumpy.core.multiarray\n_reconstruct\n)Rs.", "no pickle of arrays"),
        (PYTHON_2.replace(b"K\x02K\x03\x86", b"K\x09K\x03\x86"), "reshape"),
    ],
)
def test_what_is_no_dictionary_of_arrays_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=r"^no pickle of arrays: ") as caught:
        pickles.load(content)
    assert message in str(caught.value)
