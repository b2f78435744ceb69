"""First on a process's path: what macOS lacks and does otherwise, as far as Linux can show it.

There is no /proc and no /sys, no affinity, no ``prctl`` and no ``mallopt``; nothing may be forked,
processes are spawned; the limit of open files is infinite, and takes no infinite number.
"""

import ctypes
import functools
import io
import multiprocessing
import os
import platform
import resource

UNLIMITED = resource.RLIM_INFINITY
LINUX_ONLY = ("sched_getaffinity", "sched_setaffinity", "posix_fadvise", "memfd_create")
LINUX_ONLY += ("eventfd", "pidfd_open", "copy_file_range", "splice", "getrandom")


def without_files_of_linux(call):
    @functools.wraps(call)
    def called(path, *args, **keys):
        if str(path).startswith(("/proc", "/sys")):
            raise FileNotFoundError(2, "No such file or directory", path)
        return call(path, *args, **keys)

    return called


def setrlimit(what, limits, set_limit=resource.setrlimit, get_limit=resource.getrlimit):
    if what != resource.RLIMIT_NOFILE:
        return set_limit(what, limits)
    if limits[0] == UNLIMITED or limits[0] > 10240:
        raise ValueError("current limit exceeds maximum limit")
    return set_limit(what, (min(limits[0], get_limit(what)[1]), get_limit(what)[1]))


def getrlimit(what, get_limit=resource.getrlimit):
    return (256, UNLIMITED) if what == resource.RLIMIT_NOFILE else get_limit(what)


def get_context(method=None, context=multiprocessing.get_context):
    assert method != "fork", "macOS does not survive it"
    return context(method)


def fork():
    raise AssertionError("macOS does not survive it")


class Library:
    """The C library."""

    def __init__(self, linux):
        self.linux = linux

    def __getattr__(self, name):
        if name in ("prctl", "mallopt"):
            raise AttributeError(name)
        return getattr(self.linux, name)


def open_library(name, *args, _open=ctypes.CDLL, **keys):
    return Library(_open(None)) if name is None else _open(name, *args, **keys)


platform.uname()  # whose answer is kept: torch is Linux's
names = os.uname_result(("Darwin", *os.uname()[1:]))
os.uname = lambda: names
for name in LINUX_ONLY:
    if hasattr(os, name):
        delattr(os, name)
for name in ("stat", "lstat", "listdir", "scandir", "open", "readlink", "access"):
    setattr(os, name, without_files_of_linux(getattr(os, name)))
__builtins__["open"] = io.open = without_files_of_linux(io.open)
resource.setrlimit, resource.getrlimit = setrlimit, getrlimit
multiprocessing.set_start_method("spawn")
multiprocessing.get_context, os.fork = get_context, fork
ctypes.CDLL = open_library
