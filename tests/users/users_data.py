"""Data modules as users write them: right ones, odd ones and wrong ones."""

import os
import random
import tempfile
from typing import ClassVar

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch.nn.functional import one_hot

from dl_experiments.data.loader import InMemory, InMemoryDataModule

N, TEST = 40, 12


def points():
    """Inputs [52, 4] in three groups, and the groups."""
    draw = torch.Generator().manual_seed(1)
    which = torch.arange(N + TEST) % 3
    x = torch.randn(N + TEST, 4, generator=draw, dtype=torch.float64)
    return x + 2 * torch.eye(3, 4, dtype=torch.float64)[which], which


class Classes(InMemoryDataModule):
    """Three classes, as they should be; others change what is said here."""

    input_shape = (4,)
    outputs = 3

    def __init__(self, name, batch_size, run_seed, seed=0, training_samples=N):
        super().__init__(
            batch_size=batch_size, run_seed=run_seed, training_samples=training_samples
        )
        self.seed = seed

    def change(self, x, y):
        return x, y

    def load(self):
        x, y = self.change(*points())
        return InMemory(x[:N], y[:N]), InMemory(x[N:], y[N:])


class Int32(Classes):
    def change(self, x, y):
        return x, y.int()


class Bytes(Classes):
    def change(self, x, y):
        return x, y.to(torch.uint8)


class OneHot(Classes):
    def change(self, x, y):
        return x, one_hot(y, 3).float()


class OneHotIntegers(Classes):
    def change(self, x, y):
        return x, one_hot(y, 3)


class Two(Classes):
    outputs = 2

    def change(self, x, y):
        return x, (y > 0).long()


class Booleans(Two):
    def change(self, x, y):
        return x, y > 0


class Soft(Classes):
    def change(self, x, y):
        return x, one_hot(y, 3) * 0.9 + 1 / 30


class FromOne(Classes):
    def change(self, x, y):
        return x, y + 1


class Unlabelled(Classes):
    def change(self, x, y):
        return x, torch.where(torch.arange(len(y)) % 4 == 0, -100, y)


class Column(Classes):
    def change(self, x, y):
        return x, y[:, None]


class FloatLabels(Classes):
    def change(self, x, y):
        return x, y.double()


class HoleInTest(Classes):
    def change(self, x, y):
        x[N + 5, 2] = float("nan")
        return x, y


class InfiniteTraining(Classes):
    def change(self, x, y):
        x[[3, 4], 0] = float("inf")
        return x, y


class TooLarge(Classes):
    def change(self, x, y):
        x[7] *= 1e300
        return x, y


class Complex(Classes):
    def change(self, x, y):
        return x + 1j, y


class Sparse(Classes):
    def change(self, x, y):
        self.sparse = True
        return x, y

    def load(self):
        train, test = super().load()
        return InMemory(train.inputs.to_sparse(), train.targets), test


class Gradients(Classes):
    def change(self, x, y):
        return x.requires_grad_(), y


class Arrays(Classes):
    def change(self, x, y):
        return x.numpy(), y.numpy()


class Strings(Classes):
    def change(self, x, y):
        return torch.from_numpy(np.array(["a", "b"])), y


class NoTest(Classes):
    def load(self):
        train, test = super().load()
        return train, InMemory(test.inputs[:0], test.targets[:0])


class MoreInputs(Classes):
    def load(self):
        train, test = super().load()
        return InMemory(train.inputs, train.targets[:-1]), test


class OtherShape(Classes):
    def change(self, x, y):
        return x.view(-1, 2, 2), y


class OtherSize(Classes):
    def __init__(self, name, batch_size, run_seed, seed=0):
        super().__init__(name, batch_size, run_seed, seed, training_samples=1000)


class OneClass(Classes):
    outputs = 1

    def change(self, x, y):
        return x, y * 0


class OneSet(Classes):
    def load(self):
        return super().load()[0]


class Normalised(Classes):
    """By hand."""

    def change(self, x, y):
        return x - x[:N].mean(0), y


class MeanAlone(Classes):
    def load(self):
        train, test = super().load()
        mean = train.inputs.mean(0)
        return InMemory(train.inputs, train.targets, mean), InMemory(
            test.inputs, test.targets, mean
        )


class NoSpread(Classes):
    """A column that is constant, divided by its standard deviation."""

    def load(self):
        x, y = points()
        x[:, 1] = 1
        scale = 1 / x.std(0)
        made = [InMemory(a, b, x.mean(0), scale) for a, b in ((x[:N], y[:N]), (x[N:], y[N:]))]
        return tuple(made)


class MeanOfEach(Classes):
    def load(self):
        train, test = super().load()
        mean = train.inputs.mean(1, keepdim=True)
        return InMemory(train.inputs, train.targets, mean, mean), test


class Changing(Classes):
    """Other numbers each time, from a source that nobody can seed."""

    def change(self, x, y):
        return x + int.from_bytes(os.urandom(4), "little") / 2**32, y


class NumpyDraws(Classes):
    def change(self, x, y):
        order = np.random.permutation(len(x))  # noqa: NPY002
        return x[order], y[order]


class PythonDraws(Classes):
    def change(self, x, y):
        order = list(range(len(x)))
        random.shuffle(order)
        return x[order], y[order]


class TorchDraws(Classes):
    def __init__(self, name, batch_size, run_seed, seed=0):
        super().__init__(name, batch_size, run_seed, seed)
        self.order = torch.randperm(N + TEST)

    def change(self, x, y):
        return x[self.order] + torch.randn(1), y[self.order]


class BySeed(Classes):
    """Each seed sees points of its own."""

    def change(self, x, y):
        draw = np.random.default_rng(self.run_seed)
        return x + torch.from_numpy(draw.normal(size=x.shape)), y


class Clusters(Classes):
    """Labelled by a library that computes in threads of its own."""

    def change(self, x, y):
        grown = np.random.default_rng(0).normal(size=(20_000, 4))
        KMeans(3, n_init=1, random_state=0).fit(grown)
        return x, y


class Settings(Classes):
    """Changes what the whole process computes with."""

    def __init__(self, name, batch_size, run_seed, seed=0):
        super().__init__(name, batch_size, run_seed, seed)
        torch.set_default_dtype(torch.float64)

    def change(self, x, y):
        torch.set_grad_enabled(False)
        torch.use_deterministic_algorithms(True)
        torch.set_num_threads(1)
        np.seterr(all="raise")
        os.chdir(tempfile.gettempdir())
        return x, y


class Values(Classes):
    """A value a sample."""

    outputs = 1

    def change(self, x, y):
        return x, y.double()[:, None]


class FlatValues(Values):
    def change(self, x, y):
        return x, y.double()


class IntegerValues(Values):
    def change(self, x, y):
        return x, y[:, None].int()


class Pairs(Values):
    outputs = 2

    def change(self, x, y):
        return x, torch.stack([y, -y], 1).double()


class PairsForOne(Pairs):
    outputs = 1


class HoleInTargets(Values):
    def change(self, x, y):
        y = y.double()[:, None]
        y[2] = float("nan")
        return x, y


class Table(InMemoryDataModule):
    """A table of numbers from a file, whose path is a key."""

    input_shape = (1,)
    outputs = 1

    def __init__(self, name, file, batch_size, run_seed, seed=0):
        super().__init__(batch_size=batch_size, run_seed=run_seed, training_samples=N)
        self.file = file

    def load(self):
        table = torch.from_numpy(np.loadtxt(self.file, delimiter=","))
        return InMemory(table[:, :1], table[:, 1:]), InMemory(table[:, :1], table[:, 1:])


class Prepared(InMemoryDataModule):
    """Each variant is written once in prepare_data, and read in load."""

    input_shape = (1,)
    outputs = 1

    def __init__(self, name, folder, variant, batch_size, run_seed, seed=0):
        super().__init__(batch_size=batch_size, run_seed=run_seed, training_samples=N)
        self.folder, self.file = folder, os.path.join(folder, f"{variant}.npy")

    def prepare_data(self):
        os.makedirs(self.folder, exist_ok=True)
        with open(os.path.join(self.folder, "calls"), "a") as calls:
            calls.write(f"{self.file}\n")
        np.save(self.file, np.linspace(-1, 1, N)[:, None])

    def load(self):
        x = torch.from_numpy(np.load(self.file))
        return InMemory(x, x), InMemory(x, x)


class Flat(Values):
    """Values [n] for a task that says nothing of its targets."""

    outputs = 1

    def change(self, x, y):
        return x, y.double()


class OwnSetup(Classes):
    """Puts its sets in place by itself, one-hot."""

    def setup(self, stage=None):
        x, y = points()
        y = one_hot(y, 3).double()
        self.train, self.test = InMemory(x[:N], y[:N]), InMemory(x[N:], y[N:])


class MoreSetup(Classes):
    """Does more once the sets are there."""

    def setup(self, stage=None):
        super().setup(stage)
        self.train = InMemory(self.train.inputs * 2, self.train.targets)


class Overflowing(Classes):
    """Finite, until it is divided by what is next to nothing."""

    def load(self):
        train, test = super().load()
        small = torch.tensor(1e38)
        return InMemory(train.inputs * 100, train.targets, None, small), test


class Exits(Classes):
    def load(self):
        raise SystemExit("please download it by hand")


class NoFile(Classes):
    """Loads where it is made."""

    def __init__(self, name, batch_size, run_seed, seed=0):
        super().__init__(name, batch_size, run_seed, seed)
        self.table = np.loadtxt("/nowhere/table.csv")


class ListShape(Classes):
    input_shape: ClassVar = [4]


class HalfSeeds(Classes):
    """Two seeds share a fold."""

    def change(self, x, y):
        return x + self.run_seed // 2, y


class Counts(Values):
    """Whole numbers [n]."""

    def change(self, x, y):
        return x, y


class Nameless(InMemoryDataModule):
    """Its file says no name, and it takes none."""

    def __init__(self, batch_size, run_seed, samples, seed=0):
        super().__init__(batch_size=batch_size, run_seed=run_seed, training_samples=samples)
        self.input_shape, self.outputs, self.seed = (4,), 2, seed

    def load(self):
        draw = torch.Generator().manual_seed(self.seed)
        x = torch.randn(self.training_samples, 4, generator=draw)
        return InMemory(x, (x[:, 0] > 0).long()), InMemory(x, (x[:, 0] > 0).long())
