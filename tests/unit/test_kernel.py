"""The compiled passes against autograd, net by net; the compiler and the cache of libraries."""

import ctypes
import itertools
import logging
import os
import stat
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional

from dl_experiments.sweep import compiler, kernel
from dl_experiments.sweep.kernel import ACTIVATIONS, Layers

TORCH = {
    "identity": lambda z, _: z,
    "relu": lambda z, _: torch.relu(z),
    "leaky_relu": functional.leaky_relu,
    "tanh": lambda z, _: torch.tanh(z),
    "selu": lambda z, _: torch.selu(z),
    "gelu": lambda z, _: functional.gelu(z),
}
# Relative to the largest entry of a net's outputs or gradient. Float32 is held against float64.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-5}
SLOPE = 0.01
# One layer; widths around the sizes of a tile; wide and narrow; more rows than one chunk.
SHAPES = [
    ((3, 2), 1),
    ((1, 5, 10, 4), 7),
    ((2, 11, 6, 13, 1), 33),
    ((7, 1, 9), 128),
    ((31, 50, 3), 41),
]


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        found = {dtype: kernel.load.__wrapped__(dtype) for dtype in TOLERANCE}
    if None in found.values():
        pytest.skip("no C compiler")
    return found


def like(widths, name):
    return Layers(widths, ((name, SLOPE),) * (len(widths) - 2) + (("identity", 0.0),))


def random(layers, rows, blocks, lanes, dtype, *, shared=False, seed=0):
    """Parameters, inputs and the gradient with respect to the outputs, all with padding lanes."""
    draw = torch.Generator().manual_seed(seed)
    x_blocks = 1 if shared else blocks
    shapes = [
        (blocks, layers.parameters, lanes),
        (x_blocks, rows, layers.widths[0], lanes),
        (blocks, rows, layers.widths[-1], lanes),
    ]
    return [torch.randn(shape, dtype=dtype, generator=draw) for shape in shapes]


def both(compiled, layers, theta, x, grad_outputs):
    """Outputs and gradient, copied out of the kernel's memory."""
    outputs, saved = compiled.forward(layers, theta, x)
    gradient = compiled.backward(layers, theta, x, saved, grad_outputs)
    return outputs.clone(), gradient.clone()


def twin(layers, theta, x, grad_outputs):
    """The same of one net, by autograd in float64."""
    theta = theta.double().requires_grad_()
    h, at = x.double(), 0
    for inputs, outputs, (name, slope) in zip(
        layers.widths, layers.widths[1:], layers.activations, strict=False
    ):
        weight = theta[at : at + inputs * outputs].view(outputs, inputs)
        bias = theta[at + inputs * outputs : at + (inputs + 1) * outputs]
        h = TORCH[name](functional.linear(h, weight, bias), slope)
        at += (inputs + 1) * outputs
    (gradient,) = torch.autograd.grad(h, theta, grad_outputs.double())
    return h.detach(), gradient


def same(a, b):
    """Equal bit for bit, but any NaN is like another."""
    return torch.equal(a.isnan(), b.isnan()) and torch.equal(a.nan_to_num(), b.nan_to_num())


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize(("widths", "rows"), SHAPES, ids=str)
@pytest.mark.parametrize("shared", [False, True])
def test_every_net_of_a_stack_agrees_with_autograd(kernels, dtype, name, widths, rows, shared):
    compiled, layers, nets = kernels[dtype], like(widths, name), 0
    blocks = 2
    theta, x, grad = random(layers, rows, blocks, compiled.lanes, dtype, shared=shared)
    theta *= 0.5
    theta[-1, :, 3:] = float("nan")  # no net there
    outputs, gradient = both(compiled, layers, theta, x, grad)
    for block, lane in itertools.product(range(blocks), range(compiled.lanes)):
        if block == blocks - 1 and lane >= 3:
            continue
        given = x[0 if shared else block, :, :, lane]
        expected = twin(layers, theta[block, :, lane], given, grad[block, :, :, lane])
        for got, true in zip((outputs, gradient), expected, strict=True):
            error = (got[block, ..., lane].double() - true).abs().max()
            assert error <= TOLERANCE[dtype] * true.abs().max()
        nets += 1
    assert nets == compiled.lanes + 3


@pytest.mark.parametrize("last", ACTIVATIONS)
def test_the_last_layer_may_have_an_activation_and_layers_may_differ(kernels, last):
    compiled = kernels[torch.float64]
    hidden = (("gelu", 0.0), ("tanh", 0.0), ("leaky_relu", 0.3), ("gelu", 0.0))
    layers = Layers((2, 3, 4, 5, 6, 2), (*hidden, (last, SLOPE)))
    theta, x, grad = random(layers, 45, 1, compiled.lanes, torch.float64)
    got = both(compiled, layers, theta, x, grad)
    for lane in range(compiled.lanes):
        expected = twin(layers, theta[0, :, lane], x[0, ..., lane], grad[0, ..., lane])
        for a, true in zip(got, expected, strict=True):
            assert (a[0, ..., lane] - true).abs().max() <= 1e-12 * true.abs().max()


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize(
    "value", [0.0, -0.0, 1e-30, -1e-30, 0.5, -0.5, 40.0, -40.0, 1e4, -1e4, "inf", "-inf", "nan"]
)
def test_kinks_tails_and_what_is_not_finite_are_torch_s(kernels, dtype, name, value):
    """h = f(1·x + 0) and its derivative, the gradient of the bias where d loss / d h is 1."""
    compiled, layers = kernels[dtype], Layers((1, 1), ((name, SLOPE),))
    theta = torch.tensor([1.0, 0.0], dtype=dtype)[None, :, None].repeat(1, 1, compiled.lanes)
    x = torch.full((1, 1, 1, compiled.lanes), float(value), dtype=dtype)
    outputs, gradient = both(compiled, layers, theta, x, torch.ones_like(x))
    # A single number: for 16, torch's derivative of selu at NaN is another than for one.
    z = torch.tensor(float(value), dtype=torch.float64, requires_grad=True)
    h = TORCH[name](z, SLOPE)
    h.backward()
    for got, expected in ((outputs, h.detach()), (gradient[:, 1], z.grad)):
        torch.testing.assert_close(
            got.double(),
            expected.expand(got.shape),
            equal_nan=True,
            rtol=TOLERANCE[dtype],
            atol=TOLERANCE[dtype] / 10,
        )


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_net_that_diverged_shows_it_and_its_neighbours_do_not_notice(kernels, dtype, name):
    compiled, layers = kernels[dtype], like((3, 7, 6, 2), name)
    theta, x, grad = random(layers, 43, 2, compiled.lanes, dtype)
    clean = both(compiled, layers, theta, x, grad)
    well = torch.ones(2, compiled.lanes, dtype=torch.bool)
    for lane, value in {(0, 1): "nan", (0, 2): "inf", (1, 0): "-inf", (1, 3): "1e30"}.items():
        theta[lane[0], :, lane[1]] = float(value)
        well[lane] = False
    got = both(compiled, layers, theta, x, grad)
    for a, b in zip(got, clean, strict=True):
        kept = well[:, None].expand(2, a.flatten(1, -2).shape[1], -1)
        assert torch.equal(a.flatten(1, -2)[kept], b.flatten(1, -2)[kept])
    assert got[0][0, ..., 1].isnan().all()
    assert got[1][0, :, 1].isnan().any()


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_net_s_bits_do_not_depend_on_where_it_stands(kernels, dtype, name):
    compiled, layers = kernels[dtype], like((2, 9, 8, 3), name)
    three = random(layers, 50, 3, compiled.lanes, dtype)
    expected = both(compiled, layers, *three)
    for block in range(3):
        alone = both(compiled, layers, *(t[block : block + 1].clone() for t in three))
        for a, b in zip(alone, expected, strict=True):
            assert torch.equal(a[0], b[block])
    moved = both(compiled, layers, *(t.roll(5, -1) for t in three))
    elsewhere = both(compiled, layers, *(shifted(t) for t in three))
    for a, b, true in zip(moved, elsewhere, expected, strict=True):
        assert torch.equal(a.roll(-5, -1), true)
        assert torch.equal(b, true)


def shifted(tensor):
    """The same values at an address that is no multiple of a vector's size."""
    room = torch.empty(tensor.numel() + 1, dtype=tensor.dtype)
    return room[1:].view_as(tensor).copy_(tensor)


def test_a_second_call_and_a_second_thread_do_not_disturb_what_is_saved(kernels):
    compiled, layers = kernels[torch.float64], like((2, 9, 3), "tanh")
    one = random(layers, 20, 1, compiled.lanes, torch.float64)
    two = random(layers, 20, 1, compiled.lanes, torch.float64, seed=1)
    expected = both(compiled, layers, *one)
    outputs, saved = compiled.forward(layers, *one[:2])
    with ThreadPoolExecutor(1) as other:
        other.submit(both, compiled, layers, *two).result()
    short = [t[:, :19].contiguous() for t in two[1:]]
    both(compiled, layers, two[0], *short)
    gradient = compiled.backward(layers, *one[:2], saved, one[2])
    assert torch.equal(outputs, expected[0])
    assert torch.equal(gradient, expected[1])


@pytest.mark.parametrize("wrong", ["shape", "type", "order"])
def test_tensors_that_do_not_fit_are_not_read(kernels, wrong):
    compiled, layers = kernels[torch.float64], like((2, 9, 3), "tanh")
    theta, x, _ = random(layers, 20, 1, compiled.lanes, torch.float64)
    bad = {"shape": x[:, :, :1], "type": x.float(), "order": x.mT.contiguous().mT}[wrong]
    with pytest.raises(AssertionError):
        compiled.forward(layers, theta, bad)


@pytest.fixture
def compiling(tmp_path, monkeypatch):
    """``load`` as in a new process with an empty cache; counts the compiler's calls."""
    calls, true_run = [], subprocess.run

    def run(command, **options):
        calls.append(command)
        return true_run(command, **options)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(compiler, "FLAGS", ["-O0"])  # is faster, and not what the tests are about
    monkeypatch.setattr(kernel, "_told", threading.Event())
    monkeypatch.setattr(subprocess, "run", run)
    load = kernel.load.__wrapped__
    return SimpleNamespace(load=load, calls=calls, folder=tmp_path / "cache/dl_experiments-kernels")


@pytest.mark.parametrize("cc", [None, "there-is-no-such-compiler", "false"])
def test_without_a_compiler_there_is_no_kernel_and_one_line_says_so(
    compiling, monkeypatch, caplog, tmp_path, cc
):
    caplog.set_level(logging.INFO, kernel.__name__)
    if cc is None:
        monkeypatch.delenv("CC", raising=False)
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        monkeypatch.setenv("CC", cc)
    assert compiling.load(torch.float32) is None
    assert compiling.load(torch.float64) is None
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "C compiler" in caplog.text


@pytest.mark.usefixtures("kernels")  # else there is no compiler
def test_a_library_is_compiled_once_and_a_damaged_one_again(compiling):
    assert compiling.load(torch.float64) is not None
    first = len(compiling.calls)
    assert first > 0
    (library,) = compiling.folder.iterdir()
    assert compiling.load(torch.float64) is not None
    assert len(compiling.calls) == first

    content = library.read_bytes()
    library.unlink()  # it is mapped: written to in place, it would change under our feet
    library.write_bytes(content[:5000])
    assert compiling.load(torch.float64) is not None
    assert len(compiling.calls) > first
    (library,) = compiling.folder.iterdir()
    assert library.stat().st_size == len(content)


@pytest.mark.usefixtures("kernels")  # else there is no compiler
@pytest.mark.parametrize("place", ["XDG_CACHE_HOME", "HOME", "nowhere"])
def test_a_cache_that_cannot_be_written_does_not_matter(compiling, monkeypatch, tmp_path, place):
    (tmp_path / "file").touch()
    monkeypatch.delenv("XDG_CACHE_HOME")
    if place == "nowhere":  # no HOME, and a user whom the system does not know
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    else:
        monkeypatch.setenv(place, str(tmp_path / "file"))
    compiled = compiling.load(torch.float64)
    layers = like((2, 3), "relu")
    theta, x, grad = random(layers, 2, 1, compiled.lanes, torch.float64)
    outputs, _ = both(compiled, layers, theta, x, grad)
    expected, _ = twin(layers, theta[0, :, 0], x[0, ..., 0], grad[0, ..., 0])
    torch.testing.assert_close(outputs[0, ..., 0], expected)


@pytest.mark.usefixtures("kernels")  # else there is no compiler
def test_another_processor_or_compiler_has_its_own_library(compiling, monkeypatch):
    compiling.load(torch.float64)
    monkeypatch.setattr(compiler, "_machine", lambda: ["another"])
    compiling.load(torch.float64)
    assert len(list(compiling.folder.iterdir())) == 2


@pytest.mark.usefixtures("kernels")  # else there is no compiler
def test_libraries_are_the_user_s_alone(compiling):
    before = os.umask(0)
    try:
        compiling.load(torch.float64)
    finally:
        os.umask(before)
    (library,) = compiling.folder.iterdir()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (compiling.folder, library)]
    assert modes == [0o700, 0o600]


def linked(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.usefixtures("kernels")  # else there is no compiler
@pytest.mark.parametrize("which", ["folder", "file"])
@pytest.mark.parametrize(
    "change",
    [linked, lambda path: path.chmod(0o770), lambda path: path.chmod(0o702)],
    ids=["a link", "a group may write", "all may write"],
)
def test_what_others_could_have_written_is_not_loaded(compiling, monkeypatch, which, change):
    compiling.load(torch.float64)
    (library,) = compiling.folder.iterdir()
    first = len(compiling.calls)
    change(compiling.folder if which == "folder" else library)
    loaded = spied(monkeypatch)
    assert compiling.load(torch.float64) is not None
    assert len(compiling.calls) > first
    if which == "folder":
        assert not [path for path in loaded if path.is_relative_to(compiling.folder)]
    else:  # another has taken its place
        assert [stat.S_IMODE(path.lstat().st_mode) for path in loaded] == [0o600]
        assert not library.is_symlink()


@pytest.mark.usefixtures("kernels")  # else there is no compiler
def test_what_another_user_has_written_is_not_loaded(compiling, monkeypatch):
    compiling.load(torch.float64)
    another = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: another)
    loaded = spied(monkeypatch)
    assert compiling.load(torch.float64) is not None
    assert not [path for path in loaded if path.is_relative_to(compiling.folder)]


@pytest.mark.usefixtures("kernels")  # else there is no compiler
def test_no_library_is_looked_for_beside_the_data(compiling, monkeypatch, tmp_path):
    compiling.load(torch.float64)
    compiling.folder.rename(tmp_path / "kernels")
    monkeypatch.setenv("DL_EXPERIMENTS_DATA", str(tmp_path))
    first, loaded = len(compiling.calls), spied(monkeypatch)
    compiling.load(torch.float64)
    assert len(compiling.calls) > first
    assert [path.parent for path in loaded] == [compiling.folder]


def spied(monkeypatch):
    """The paths of libraries that are loaded from now on."""
    paths, load = [], ctypes.CDLL

    def loading(path):
        paths.append(Path(path))
        return load(path)

    monkeypatch.setattr(ctypes, "CDLL", loading)
    return paths
