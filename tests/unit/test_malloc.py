"""What tensors give back stays with the process."""

import platform
import subprocess
import sys

import pytest

# Bytes of the heap after 160 MiB were taken from it in blocks of a tensor's size, and given back.
KEPT = """
import ctypes
import {first}
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in
                "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks cost".split()]
libc.mallinfo2.restype = Info
blocks = [libc.malloc(16 * 2**20) for _ in range(10)]
for block in blocks:
    libc.free(block)
print(libc.mallinfo2().arena)
"""


def kept(first: str) -> int:
    code = KEPT.format(first=first)
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(made.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_memory_is_kept():
    size = 160 * 2**20
    assert kept("dl_experiments") > size > kept("sys")
