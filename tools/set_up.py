"""Install this project where the Python that runs this lives: with uv, or else with pip.

uv takes seconds where pip takes minutes, but it reads none of pip's settings, and a machine with an
index of its own, or a build of torch made for it, tells pip of them. So pip is asked for its
settings and uv is given them. Where that cannot be done pip installs, and one line says why.
"""

import ast
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
UV = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable]
CONSTRAINT = ["--constraint", "constraints.txt"]
PROJECT = [*CONSTRAINT, "--editable", ".[dev]"]
UNFINISHED = Path(sys.prefix, ".unfinished")

# pip's settings: those that uv has an option for, and those that change what pip says or keeps,
# but not what it installs.
SEVERAL = {
    "extra-index-url": "--index",
    "find-links": "--find-links",
    "constraint": "--constraint",
    "trusted-host": "--allow-insecure-host",
}
ONE = {"index-url": "--default-index", "cert": "--cert"}
SWITCHES = {"no-index": "--no-index", "pre": "--pre", "no-cache-dir": "--no-cache"}
NO_MATTER = """break-system-packages cache-dir compile config-file debug default-timeout
    disable-pip-version-check exists-action log no-color no-compile no-input
    no-python-version-warning no-warn-conflicts no-warn-script-location progress-bar quiet
    require-virtualenv resume-retries retries root-user-action timeout verbose"""
OFF = ("0", "f", "false", "n", "no", "off")


class NotWithUv(Exception):
    """Why uv does not install here."""


def main() -> None:
    """Install, and leave a mark for as long as that has not come to its end."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # uv and pip are asked to end by the same signal
    anew = UNFINISHED.exists()  # half a package would count as installed
    UNFINISHED.touch()
    try:
        settings = pip_settings()
        options = uv_options(settings)
        heard([*PIP, "install", "--quiet", "--only-binary", "uv", *CONSTRAINT, "uv"])
        options += ["--reinstall"] if anew else []
        anew = True
        if patience := settings.get("timeout") or settings.get("default-timeout"):
            os.environ.setdefault("UV_HTTP_TIMEOUT", patience)
        heard([*UV, *options, *PROJECT])
    except NotWithUv as why:
        print(f"set-up: pip installs, which takes minutes: {why}", file=sys.stderr, flush=True)
        force = ["--force-reinstall"] if anew else []
        if code := subprocess.call([*PIP, "install", "--quiet", *force, *PROJECT]):
            sys.exit(code)
    UNFINISHED.unlink()


def pip_settings() -> dict[str, str]:
    """What pip's files and variables set for an installation; the stronger replaces the weaker."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    settings = {"cert": bundle} if bundle else {}
    listed = heard([*PIP, "config", "list", "-vvvvvv"])  # heard however quiet pip is to be
    for section in ("global", "install", ":env:"):
        for key, value in re.findall(rf"^{section}\.([\w-]+)=(.+)$", listed, re.MULTILINE):
            if text := str(ast.literal_eval(value)):
                settings[key] = text
    return settings


def uv_options(settings: Mapping[str, str]) -> list[str]:
    """The same said to uv.

    Raises:
        NotWithUv: A setting decides what is installed, and uv has no word for it.
    """
    options = ["--index-strategy", "unsafe-best-match"]  # pip takes the best of all places, too
    if sys.dont_write_bytecode:  # else Python compiles what is used when it is: sooner done
        options.append("--compile-bytecode")
    for key, value in settings.items():
        if key == "find-links":  # pip, too, leaves out a folder that is not there
            places = [os.path.expanduser(place) for place in value.split()]
            value = " ".join(x for x in places if "://" in x or os.path.exists(x))
        if key in SEVERAL:
            options += [part for word in value.split() for part in (SEVERAL[key], word)]
        elif key in ONE:
            options += [ONE[key], value]
        elif key == "no-cache-dir" or value.lower() not in OFF:
            if key in SWITCHES:
                options.append(SWITCHES[key])
            elif key not in NO_MATTER.split():
                raise NotWithUv(f"uv has no word for its setting {key}")
    return options


def heard(command: list[str]) -> str:
    """What a command says.

    Raises:
        NotWithUv: It failed; with the reason it gave.
    """
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if not line.startswith("WARNING")]
        said = textwrap.shorten(" ".join(lines), 400)
        raise NotWithUv(f"{command[2]} ended with {done.returncode}: {said}".rstrip(": "))
    return done.stdout


if __name__ == "__main__":
    main()
