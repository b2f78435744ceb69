"""Compiles ``kernel.c`` for this processor and keeps the libraries.

A library is code that runs as whoever trains. So it is kept with what is the user's alone, never
beside data, which several may share, and loaded only from a folder that nobody else could write to.
"""

import ctypes
import hashlib
import logging
import os
import platform
import shlex
import shutil
import stat
import subprocess
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

# -fno-ipa-cp: gcc would otherwise clone the product, twice as much code and 5 % slower. No
# -ffast-math: a net that has diverged must show it.
FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd", "-fno-ipa-cp"]

log = logging.getLogger(__name__)


def library(number: str) -> ctypes.CDLL:
    """The kernel for C's ``float`` or ``double``, from the cache or compiled now.

    Raises:
        FileNotFoundError: There is no compiler.
        subprocess.SubprocessError: It fails, or is not done in time.
    """
    source, compiler = Path(__file__).with_name("kernel.c"), _compiler()
    key = f"{number}-{_digest(source.read_bytes() + repr((compiler, FLAGS, _machine())).encode())}"
    try:
        for path in _own_folder().glob(f"{key}-*.so"):
            if _is_own(path) and path.stem == f"{key}-{_digest(path.read_bytes())}":
                return ctypes.CDLL(str(path))
    except (OSError, RuntimeError) as error:
        log.debug("no library is kept: %s", error)
    with tempfile.TemporaryDirectory() as scratch:
        built = Path(scratch) / f"{key}.so"
        _compile([*compiler[0], *FLAGS, f"-DREAL={number}", str(source), "-o", str(built)])
        try:
            return ctypes.CDLL(str(_keep(built, _own_folder())))
        except (OSError, RuntimeError) as error:
            log.debug("the library is not kept: %s", error)
            return ctypes.CDLL(str(built))


def _own_folder() -> Path:
    """Where libraries are kept, made where it is not there.

    Raises:
        OSError: It cannot be made, or is another's, or others may write to it.
        RuntimeError: There is no home folder.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    folder = cache / "dl_experiments-kernels"
    with suppress(FileExistsError):
        cache.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    if not _is_own(folder):
        raise PermissionError(f"{folder} is not this user's alone")
    return folder


def _is_own(path: Path) -> bool:
    """Whether a file or folder, no link to one, is this user's and nobody else may write to it."""
    facts = path.lstat()
    kind = stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode)
    writable = facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return kind and facts.st_uid == os.geteuid() and not writable


def _compiler() -> tuple[list[str], tuple[str, float, int]]:
    """The command, and which program it is: a new version is another file."""
    for command in [os.environ["CC"]] if os.environ.get("CC") else ["cc", "gcc", "clang"]:
        words = shlex.split(command)
        if found := shutil.which(words[0]):
            real = os.path.realpath(found)
            return words, (real, os.stat(real).st_mtime, os.stat(real).st_size)
    raise FileNotFoundError("no cc, gcc or clang on the path, or no such $CC")


def _machine() -> list[str]:
    """What code made for this processor depends on; a home folder can be shared by several."""
    facts = {platform.system(), platform.machine(), *platform.libc_ver()}
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        lines = cpuinfo.read_text().splitlines()
        facts.update(li for li in lines if li.startswith(("model name", "flags", "Features")))
    return sorted(facts)


@cache
def describe() -> str:
    """The compiler's own words for what it is; empty where there is none."""
    try:
        words, _ = _compiler()
        said = subprocess.run([*words, "--version"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return ""
    return said.stdout.partition("\n")[0].strip()


def _compile(command: list[str]) -> None:
    """Run the command for this processor; for any of its kind where the compiler refuses."""
    command = [*command, "-shared", "-fPIC", "-lm"]
    options: dict[str, Any] = {"capture_output": True, "stdin": subprocess.DEVNULL, "timeout": 300}
    if subprocess.run([*command, "-march=native"], **options).returncode:
        subprocess.run(command, check=True, **options)


def _keep(built: Path, folder: Path) -> Path:
    """Put the library in the folder, in one step, under a name that tells a damaged one."""
    for damaged in folder.glob(f"{built.stem}-*.so"):
        damaged.unlink(missing_ok=True)
    path = folder / f"{built.stem}-{_digest(built.read_bytes())}.so"
    temporary = path.with_suffix(f".{uuid4().hex}")
    shutil.copyfile(built, temporary)
    temporary.chmod(0o600)
    os.replace(temporary, path)
    return path


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
