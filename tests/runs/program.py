"""Runs the program as a user would: under mpirun, in a scratch folder, with a time limit."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import h5py
import numpy as np

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ["ORNSTEIN"]
ENVIRONMENT = dict(
    os.environ,
    OMP_NUM_THREADS="1",
    OMPI_ALLOW_RUN_AS_ROOT="1",
    OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
    OMPI_MCA_hwloc_base_binding_policy="none",
    OMPI_MCA_rmaps_base_oversubscribe="1",
)
MPIRUN = os.environ.get("MPIRUN", "mpirun")


def command(*arguments, ranks=1):
    launcher = [MPIRUN, "-n", str(ranks)] if ranks > 1 else []
    return [*launcher, PROGRAM, *map(str, arguments)]


def run(*arguments, ranks=1, folder=None, timeout=120):
    """(exit code, standard output, standard error)"""
    done = subprocess.run(command(*arguments, ranks=ranks), cwd=folder or SOURCE, env=ENVIRONMENT, timeout=timeout,
                          capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def start(*arguments, ranks=1, folder=None):
    return subprocess.Popen(command(*arguments, ranks=ranks), cwd=folder or SOURCE, env=ENVIRONMENT,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)


def kill_hard(process):
    """SIGKILL to the launcher and every rank, as a node that dies."""
    for pid in filter(str.isdigit, os.listdir("/proc")):  # mpirun gives each rank a process group of its own
        try:
            if os.getsid(int(pid)) == process.pid:
                os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()
    process.stderr.close()


def ranks_of(process):
    """{rank: pid} of the program's processes that a launcher has started."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getsid(int(pid)) == process.pid and os.readlink(f"/proc/{pid}/exe") == os.path.realpath(PROGRAM):
                environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                rank = next(v for v in environment if v.startswith(b"OMPI_COMM_WORLD_RANK="))
                found[int(rank.split(b"=")[1])] = int(pid)
        except (OSError, StopIteration):
            pass
    return found


@contextlib.contextmanager
def environment(**values):
    before = dict(ENVIRONMENT)
    ENVIRONMENT.update(values)
    try:
        yield
    finally:
        ENVIRONMENT.clear()
        ENVIRONMENT.update(before)


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def text(attribute):
    """h5py gives the program's attributes, of fixed length, as bytes."""
    return attribute.decode() if isinstance(attribute, bytes) else attribute


def settings(values):
    return [part for key, value in values.items() for part in ("--set", f"{key}={json.dumps(value)}")]


class Case(unittest.TestCase):
    """A scratch folder with small files of images, functions and ragged point clouds."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="ornstein_runs_"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        noise = np.random.default_rng(0)
        with h5py.File(cls.folder / "images.h5", "w") as file:
            file.attrs["kind"] = "images"
            file.attrs["format_version"] = 1
            file["images"] = noise.integers(0, 256, (96, 1, 28, 28), dtype=np.uint8)
            file["labels"] = noise.integers(0, 10, 96)
            file["split"] = (np.arange(96) % 3 == 0).astype(np.uint8) * 2
        with h5py.File(cls.folder / "functions.h5", "w") as file:
            file.attrs["kind"] = "functions"
            file.attrs["format_version"] = 1
            file["values"] = noise.normal(size=(40, 1, 64)).astype(np.float32).cumsum(2)
            file["coordinates"] = np.linspace(0, 1, 64)[:, None]
        with h5py.File(cls.folder / "point_clouds.h5", "w") as file:
            file.attrs["kind"] = "point_clouds"
            file.attrs["format_version"] = 1
            sizes = noise.integers(12, 33, 40)
            file["points"] = noise.normal(size=(sizes.sum(), 3)).astype(np.float32)
            file["offsets"] = np.concatenate([[0], sizes.cumsum()])
            file["labels"] = np.arange(40) % 3

    def succeed(self, *arguments, **options):
        code, out, error = run(*arguments, **options)
        self.assertEqual(code, 0, f"{arguments}\n{out}\n{error}")
        return out, error

    def refuse(self, says, *arguments):
        """Exit code 2, and one line of the program's own that holds `says`, a text or several."""
        code, _, error = run(*arguments, folder=self.folder)
        self.assertEqual(code, 2, error)
        own = [line for line in error.splitlines() if line.startswith("rank ")]
        self.assertEqual(len(own), 1, error)
        for part in [says] if isinstance(says, str) else says:
            self.assertIn(part, own[0])

    def train(self, config, out, ranks=1, flags=(), **values):
        return self.succeed("train", SOURCE / "configs" / config, "--out", out, *flags,
                            *settings({**SMALL[config], **values}), ranks=ranks, folder=self.folder)

    def tensors(self, path):
        """{name: array} of every data set."""
        found = {}
        with h5py.File(path, "r") as file:
            file.visititems(lambda name, item: found.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None)
        return found

    def assert_close(self, a, b, learning_rate, steps, limit=1e-5):
        """Equal in the sense of the design: other numbers of ranks, fp32."""
        a, b = self.tensors(a), self.tensors(b)
        self.assertEqual(a.keys(), b.keys())
        for part in {name.split("/")[0] if not name.startswith("ema") else "/".join(name.split("/")[:2]) for name in a}:
            if part not in ("trainer",) and not part.startswith("ema"):
                continue
            names = [name for name in a if name.startswith(part + "/")]
            difference = np.sqrt(sum(np.sum((a[n].astype(float) - b[n]) ** 2) for n in names))
            size = np.sqrt(sum(np.sum(a[n].astype(float) ** 2) for n in names))
            self.assertLessEqual(difference / size, limit, part)
            for name in names:
                if name.endswith("to_k.bias"):  # softmax ignores it: its true gradient is zero
                    continue
                most = np.max(np.abs(a[name])) if a[name].size else 0
                self.assertLessEqual(np.max(np.abs(a[name] - b[name])), 1e-4 * max(most, learning_rate * steps), name)


# Configurations as they are shipped, on little data and for a few steps.
SMALL = {
    "score_points.json": {"dataset.path": "synthetic:gaussian", "training.steps": 12, "training.global_batch": 32,
                          "training.micro_batch": 8, "checkpoint.every": 4, "checkpoint.keep_last": 10,
                          "output.log_every": 2, "output.sample_every": 0},
    "wavelet_fashion_mnist.json": {"dataset.path": "images.h5", "training.steps": 6, "training.global_batch": 8,
                                   "training.micro_batch": 2, "checkpoint.every": 2, "checkpoint.keep_last": 10,
                                   "training.precision": "fp32",
                                   "output.log_every": 2, "output.sample_every": 0, "output.sample_count": 8,
                                   "output.sample_block": 4},
    "score_fashion_mnist.json": {"dataset.path": "images.h5", "training.steps": 2, "training.global_batch": 8,
                                 "training.micro_batch": 2, "output.sample_every": 0},
}


def last_checkpoint(run_folder):
    return sorted((run_folder / "checkpoints").glob("step_*.h5"))[-1]
