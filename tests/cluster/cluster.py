"""Throw-away clusters for tests: Slurm (mini-slurm.sh) and hosts as network namespaces (vnet.sh)."""
import filecmp
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "runs"))

import program  # noqa: E402  (tests/runs)
from program import MPIRUN, PROGRAM, SMALL, SOURCE, last_checkpoint, settings, wait_for  # noqa: E402,F401 (for the tests)

LONG = os.environ.get("ORNSTEIN_LONG") == "1"
long_form = unittest.skipUnless(LONG, "long form: ORNSTEIN_LONG=1")

# The environment of a user who has no cluster: what a job inherits must not be the test's own.
PLAIN = {name: value for name, value in program.ENVIRONMENT.items()
         if not name.startswith(("SLURM_", "SBATCH_", "OMPI_", "PMIX_"))}
PLAIN.update(ORNSTEIN=PROGRAM, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
             OMPI_MCA_hwloc_base_binding_policy="none", PATH=f"{os.environ['PATH']}:/usr/sbin:/sbin")

# A step takes some milliseconds, so that a signal after the first logged one falls into the run.
STEPS = 120
FEW = {**SMALL["score_points.json"], "training.steps": STEPS, "training.global_batch": 2048,
       "training.micro_batch": 512, "checkpoint.every": 20, "output.log_every": 5,
       "runtime.collective_timeout": 40}


def skip(why):
    """Ends this module's tests, loudly: CTest shows the case as skipped (SKIP_REGULAR_EXPRESSION)."""
    print(f"CANNOT RUN HERE: {why}", file=sys.stderr, flush=True)
    raise unittest.SkipTest(why)


def require(commands, packages):
    if os.geteuid() != 0:
        skip("throw-away clusters need root")
    missing = [command for command in commands if not shutil.which(command, path=PLAIN["PATH"])]
    if missing:
        skip(f"{', '.join(missing)} missing: apt-get install --no-install-recommends {packages}")
    if subprocess.run(["unshare", "--mount", "--uts", "true"], capture_output=True).returncode != 0:
        skip("no right to make namespaces")


def arguments(out, **values):
    return [str(SOURCE / "configs/score_points.json"), "--out", str(out), *settings({**FEW, **values})]


def logged_steps(out):
    metrics = out / "metrics.jsonl"
    lines = metrics.read_text().splitlines() if metrics.exists() else []
    return [json.loads(line)["step"] for line in lines if line.endswith("}")]


class ClusterCase(program.Case):
    """Cases that compare with a run that nothing disturbed: four ranks of mpirun on one host."""

    def undisturbed(self, steps):
        out = self.folder / f"undisturbed_{steps}"
        if not out.exists():
            done = subprocess.run([MPIRUN, "--oversubscribe", "-n", "4", PROGRAM, "train",
                                   *arguments(out, **{"training.steps": steps})],
                                  env=PLAIN, capture_output=True, text=True, timeout=600)
            self.assertEqual(done.returncode, 0, done.stderr)
        return last_checkpoint(out)

    def assert_as_undisturbed(self, out, log, steps=STEPS):
        newest, whole = last_checkpoint(out), self.undisturbed(steps)
        self.assertEqual(newest.name, whole.name, log)
        self.assertTrue(filecmp.cmp(newest, whole, shallow=False), log)
        self.assertEqual(logged_steps(out), list(range(5, steps + 1, 5)), log)


class Slurm:
    """Slurm with nodes n1, n2 of two cores, partitions `main` and, preempting it, `high`."""

    def __init__(self, folder, extra=""):
        self.folder = folder
        done = subprocess.run([HERE / "mini-slurm.sh", "start", folder, "2"], env={**PLAIN, "MINI_SLURM_EXTRA": extra},
                              capture_output=True, text=True)
        if done.returncode != 0:
            skip(f"mini-slurm.sh: {done.stderr.strip()}")
        self.environment = {**PLAIN, "SLURM_CONF": f"{folder}/slurm.conf"}

    def stop(self):
        subprocess.run([HERE / "mini-slurm.sh", "stop", self.folder], env=PLAIN, check=True, capture_output=True)

    def node(self, verb, name):
        subprocess.run([HERE / "mini-slurm.sh", verb, self.folder, name], env=PLAIN, check=True, capture_output=True)

    def ask(self, *command, **options):
        done = subprocess.run([str(c) for c in command], env=self.environment, capture_output=True, text=True,
                              timeout=60, **options)
        assert done.returncode == 0, f"{shlex.join(map(str, command))}\n{done.stderr}"
        return done.stdout.strip()

    def job(self, number):
        """{key: value} of `scontrol show job`."""
        words = self.ask("scontrol", "show", "job", number, "--oneliner").split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def ends(self, number, seconds=600):
        """The state in which the job ended, requeues and all."""
        final = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")
        end = time.monotonic() + seconds
        while True:
            state = self.job(number)["JobState"]
            if time.monotonic() > end:
                return state
            time.sleep(0.3)  # a job that is requeued shows such a state for a moment
            if state in final and self.job(number)["JobState"] == state:
                return state
