"""What comparisons with PyTorch's eager Python share: a Python that has torch, and processes that run steps on request."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TORCH = "2.15.0"
# What launch/main.cpp sets by mallopt: freed memory is kept.
KEPT = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": "2000000000",
        "MALLOC_TOP_PAD_": str(64 << 20), "MALLOC_ARENA_MAX": "1"}


class Side:
    """A warm process that runs steps on request."""

    def __init__(self, *command, memory_kept):
        environment = dict(os.environ, OMP_NUM_THREADS="1", **(KEPT if memory_kept else {}))
        self.process = subprocess.Popen(list(map(str, command)), env=environment, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.greeting = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]} ended with {self.process.wait()}")
        return line.strip()

    def request(self, steps):
        """The numbers of its answer; the first are the processor seconds that the steps took."""
        print(steps, file=self.process.stdin, flush=True)
        return list(map(float, self.answer().split()))

    def seconds(self, steps):
        """Processor seconds a step."""
        return self.request(steps)[0] / steps

    def end(self):
        print(0, file=self.process.stdin, flush=True)
        self.process.wait()


def peer_python():
    """Of a virtual environment with the whole of torch in .deps (5 GB), made where it is not there."""
    folder = ROOT / f".deps/peer-torch-{TORCH}"
    if not (folder / "complete").exists():
        print(f"fetching torch {TORCH} for Python from PyPI (5 GB unpacked) into {folder.relative_to(ROOT)}", flush=True)
        subprocess.run(["/usr/bin/python3", "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "-q", "--no-compile", f"torch=={TORCH}", "numpy"], check=True)
        (folder / "complete").touch()
    return folder / "bin/python"
