"""Setting up: uv installs what pip would, and pip does where uv cannot; no network."""

import json
import os
import runpy
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools/set_up.py"
TOOL = runpy.run_path(str(SCRIPT))
PROJECT = ["--constraint", "constraints.txt", "--editable", ".[dev]"]

FAKE = """
import json, os, sys
with open("said", "a") as said:
    said.write(json.dumps([__package__, *sys.argv[1:]]) + "\\n")
if "list" in sys.argv:
    print(os.environ["SETTINGS"])
if f"{__package__} {sys.argv[-1]}" in os.environ["FAILING"].split(","):
    sys.exit("WARNING: a place was left out\\nno such\\n  thing")
"""


@pytest.fixture
def plain(monkeypatch):
    """What the machine's owner set for pip and uv is no part of a test."""
    for name in [*os.environ]:
        if name.startswith(("PIP_", "UV_")) or name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@dataclass
class Lab:
    """A project and an environment to set up."""

    folder: Path
    more: dict[str, str]

    @property
    def python(self) -> Path:
        return self.folder / ".venv/bin/python"

    @property
    def unfinished(self) -> Path:
        return self.folder / ".venv/.unfinished"

    def set_up(self, *failing: str, **more: str):
        return subprocess.run(
            [self.python, SCRIPT],
            cwd=self.folder, capture_output=True, text=True, check=False,
            env=os.environ | self.more | {"FAILING": ",".join(failing)} | more,
        )  # fmt: skip

    def said(self) -> list[list[str]]:
        """The commands since the last time, less pip's for its settings."""
        path = self.folder / "said"
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        path.unlink()
        assert lines.pop(0)[0] == "pip"
        return lines


@pytest.fixture
def lab(plain, tmp_path) -> Lab:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    return Lab(tmp_path, {})


@pytest.fixture
def fakes(lab) -> Lab:
    for name in ("pip", "uv"):
        (lab.folder / f"fakes/{name}").mkdir(parents=True)
        (lab.folder / f"fakes/{name}/__init__.py").touch()  # comes before a real one
        (lab.folder / f"fakes/{name}/__main__.py").write_text(FAKE)
    lab.more = {"PYTHONPATH": str(lab.folder / "fakes"), "PYTHONDONTWRITEBYTECODE": ""}
    lab.more["SETTINGS"] = "global.index-url='https://pip.example/simple'"
    return lab


def uv(lab: Lab, *more: str) -> list[str]:
    return [
        "uv", "pip", "install", "--quiet", "--python", str(lab.python),
        "--index-strategy", "unsafe-best-match", "--default-index", "https://pip.example/simple",
        *more, *PROJECT,
    ]  # fmt: skip


def pip(*more: str) -> list[str]:
    return ["pip", "--disable-pip-version-check", "install", "--quiet", *more]


GET_UV = pip("--only-binary", "uv", "--constraint", "constraints.txt", "uv")


def test_uv_installs_and_says_nothing(fakes):
    done = fakes.set_up()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert fakes.said() == [GET_UV, uv(fakes)]
    assert not fakes.unfinished.exists()


def test_without_uv_pip_installs_and_one_line_says_why(fakes):
    done = fakes.set_up("pip uv")
    assert (done.returncode, done.stdout) == (0, "")
    why = "pip ended with 1: no such thing"
    assert done.stderr == f"set-up: pip installs, which takes minutes: {why}\n"
    assert fakes.said() == [GET_UV, pip(*PROJECT)]
    assert not fakes.unfinished.exists()


def test_where_uv_fails_pip_installs_all_of_it_and_one_line_says_why(fakes):
    done = fakes.set_up("uv .[dev]")
    assert done.returncode == 0
    why = "uv ended with 1: no such thing"
    assert done.stderr == f"set-up: pip installs, which takes minutes: {why}\n"
    assert fakes.said() == [GET_UV, uv(fakes), pip("--force-reinstall", *PROJECT)]


@pytest.mark.parametrize("failing", [[], ["pip uv"]], ids=["uv", "pip"])
def test_what_was_left_half_made_is_made_anew(fakes, failing):
    assert fakes.set_up("uv .[dev]", "pip .[dev]").returncode == 1
    assert fakes.unfinished.exists()
    fakes.said()
    assert fakes.set_up(*failing).returncode == 0
    by_pip = pip("--force-reinstall", *PROJECT)
    assert fakes.said() == [GET_UV, by_pip if failing else uv(fakes, "--reinstall")]
    assert not fakes.unfinished.exists()


def test_bytecode_is_compiled_where_python_would_not_keep_it(fakes):
    assert fakes.set_up(PYTHONDONTWRITEBYTECODE="1").returncode == 0
    assert "--compile-bytecode" in fakes.said()[-1]


@pytest.mark.parametrize(
    ("setting", "value", "options"),
    [
        ("index-url", "https://a/simple", ["--default-index", "https://a/simple"]),
        ("extra-index-url", "https://a\nhttps://b", ["--index", "https://a", "--index", "https://b"]),
        ("find-links", "/ https://b/x", ["--find-links", "/", "--find-links", "https://b/x"]),
        ("find-links", "~ /not/there", ["--find-links", os.path.expanduser("~")]),
        ("constraint", "a.txt b.txt", ["--constraint", "a.txt", "--constraint", "b.txt"]),
        ("trusted-host", "a b:8", ["--allow-insecure-host", "a", "--allow-insecure-host", "b:8"]),
        ("cert", "/a folder/ca.pem", ["--cert", "/a folder/ca.pem"]),
        ("no-index", "1", ["--no-index"]),
        ("no-index", "False", []),
        ("pre", "yes", ["--pre"]),
        ("no-cache-dir", "off", ["--no-cache"]),  # any value means it
        ("user", "no", []),
        ("progress-bar", "off", []),
        ("root-user-action", "ignore", []),
    ],
)  # fmt: skip
def test_each_setting_of_pip_is_said_to_uv(setting, value, options, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    every = ["--index-strategy", "unsafe-best-match"]
    assert TOOL["uv_options"]({setting: value}) == [*every, *options]


@pytest.mark.parametrize("setting", ["no-binary", "target", "proxy", "set-tomorrow"])
def test_a_setting_that_uv_has_no_word_for_leaves_it_to_pip(setting):
    with pytest.raises(TOOL["NotWithUv"], match=setting):
        TOOL["uv_options"]({setting: "x"})


def test_the_settings_are_those_that_pip_goes_by(plain, tmp_path, monkeypatch):
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://weak\ncert = ca.pem\nfind-links =\n    one\n    it's=two\n"
        "timeout = 7\n[install]\nindex-url = https://strong\ntrusted-host = a\n"
        "[download]\nno-deps = true\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_TRUSTED_HOST", "b c")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://more")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_TIMEOUT", "")  # set to nothing is not set
    monkeypatch.setenv("PIP_QUIET", "3")
    monkeypatch.setenv("CURL_CA_BUNDLE", "weaker.pem")
    settings = TOOL["pip_settings"]()
    expected = {
        "index-url": "https://strong", "cert": "ca.pem", "trusted-host": "b c",
        "extra-index-url": "https://more", "no-index": "1", "timeout": "7", "quiet": "3",
    }  # fmt: skip
    assert {key: settings[key] for key in expected} == expected
    assert settings["find-links"].split() == ["one", "it's=two"]
    assert "no-deps" not in settings


def test_a_bundle_of_certificates_that_pip_would_find(plain, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/ca.pem")
    assert TOOL["pip_settings"]()["cert"] == "/ca.pem"


def wheel(folder: Path, name: str, version: str, *lines: str) -> Path:
    """One that holds nothing; its folder serves as a place for links and as a page of an index."""
    folder.mkdir(parents=True, exist_ok=True)
    path, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    head = [f"Name: {name}", f"Version: {version}"]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{info}/METADATA", "\n".join(["Metadata-Version: 2.1", *head, *lines]))
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    with (folder / "index.html").open("a") as page:
        page.write(f"<a href={path.name.replace('+', '%2B')}>{path.name}</a>\n")
    return path


def test_uv_takes_the_builds_that_pip_would(fakes):
    folder = fakes.folder
    wheel(folder / "more/indexed", "indexed", "2.0")  # uv by itself would look no further
    wheel(folder / "index/indexed", "indexed", "2.0+cpu")
    wheel(folder / "index/linked", "linked", "2.0")
    wheel(folder / "links", "linked", "2.0+cpu")
    wheel(folder / "links", "linked", "3.0")
    needs = ["Requires-Dist: indexed", "Requires-Dist: linked", "Provides-Extra: dev"]
    built = wheel(folder, "tiny", "1", *needs)
    (folder / "backend.py").write_text(
        "import shutil\n\ndef build_editable(folder, *_):\n"
        f"    shutil.copy({str(built)!r}, folder)\n    return {built.name!r}\n"
    )
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "tiny"\nversion = "1"\ndependencies = ["indexed", "linked"]\n'
        "optional-dependencies = { dev = [] }\n"
    )
    (folder / "constraints.txt").write_text("indexed==2.0\nlinked==2.0\n")
    (site,) = folder.glob(".venv/lib/python3*/site-packages")
    real = pytest.importorskip("uv", reason="this environment was set up by pip").__file__
    (site / "real.pth").write_text(f"{Path(real).parents[1]}\n")
    shutil.rmtree(folder / "fakes/uv")
    settings = {"index-url": "index", "extra-index-url": "more", "find-links": "links"}
    listed = [f"global.{key}='{(folder / place).as_uri()}'" for key, place in settings.items()]
    done = fakes.set_up(SETTINGS="\n".join(listed), UV_CACHE_DIR=str(folder / "cache"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    builds = sorted(path.name for path in site.glob("*ed-*"))
    assert builds == ["indexed-2.0+cpu.dist-info", "linked-2.0+cpu.dist-info"]
