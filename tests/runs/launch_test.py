"""Launches that cannot train are refused by one line and exit code 2 within 30 s; doctor's table over the ranks."""
import json
import os
import re
import shutil
import subprocess
import time
import unittest

import h5py
import numpy as np

from program import ENVIRONMENT, MPIRUN, PROGRAM, SMALL, SOURCE, Case, settings

SECONDS = 30


def launch(*arguments, folder, **variables):
    """(exit code, standard output, standard error, seconds)"""
    began = time.monotonic()
    done = subprocess.run([MPIRUN, *map(str, arguments)], cwd=folder, env={**ENVIRONMENT, **variables},
                          timeout=2 * SECONDS, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr, time.monotonic() - began


def own_lines(error):
    """Those of the program; mpirun adds some of its own."""
    return [line for line in error.splitlines() if re.match(r"rank \d+: ", line)]


class WrongLaunch(Case):
    def refuse(self, *arguments, says, **variables):
        code, _, error, seconds = launch(*arguments, folder=self.folder, **variables)
        self.assertEqual(code, 2, error)
        self.assertEqual(len(own_lines(error)), 1, error)
        for words in says:
            self.assertIn(words, own_lines(error)[0])
        self.assertLess(seconds, SECONDS)
        self.assertFalse((self.folder / "run").exists())

    def config(self, path, **values):
        config = json.loads((SOURCE / "configs/score_points.json").read_text())
        for key, value in {**SMALL["score_points.json"], **values}.items():
            section, name = key.split(".")
            config[section][name] = value
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(config))
        return path

    def test_other_arguments(self):
        for name in ("a.json", "b.json"):
            self.config(self.folder / name)
        self.refuse("-n", 1, PROGRAM, "train", "a.json", "--out", "run", ":",
                    "-n", 1, PROGRAM, "train", "b.json", "--out", "run",
                    says=("rank 1: ", "train a.json", "train b.json", "the same arguments"))
        # Commands that would wait for each other.
        self.refuse("-n", 2, PROGRAM, "train", "a.json", "--out", "run", ":", "-n", 2, PROGRAM, "doctor",
                    says=("rank 2: ", "2 of 4 ranks", "the same arguments"))

    def test_another_configuration_under_the_same_name(self):
        for folder, rate in (("here", 0.001), ("there", 0.002)):
            self.config(self.folder / folder / "config.json", **{"training.learning_rate": rate})
        train = (PROGRAM, "train", "config.json", "--out", "../run")
        self.refuse("-n", 1, "-wdir", self.folder / "here", *train, ":", "-n", 1, "-wdir", self.folder / "there", *train,
                    says=("the configuration", "rank 0", "config.json"))

    def test_other_data_under_the_same_name(self):
        for number, folder in enumerate(("first", "second")):
            self.config(self.folder / folder / "config.json", **{"dataset.path": "points.h5"})
            with h5py.File(self.folder / folder / "points.h5", "w") as file:
                file.attrs["kind"], file.attrs["format_version"] = "points", 1
                file["points"] = np.random.default_rng(number).normal(size=(200, 2))
        train = (PROGRAM, "train", "config.json", "--out", "../run")
        self.refuse("-n", 1, "-wdir", self.folder / "first", *train, ":", "-n", 1, "-wdir", self.folder / "second", *train,
                    says=("rank 1: the data", "dataset.path"))

    def test_another_program(self):
        other = self.folder / "ornstein"
        shutil.copy(PROGRAM, other)
        with open(other, "ab") as file:
            file.write(b"\0")
        self.config(self.folder / "a.json")
        train = ("train", "a.json", "--out", "run")
        self.refuse("-n", 1, PROGRAM, *train, ":", "-n", 1, other, *train, says=("rank 1: the program", "one build"))

    def test_ranks_that_do_not_see_each_other(self):
        self.config(self.folder / "a.json")
        for variables, cure in (({"SLURM_STEP_NUM_TASKS": "2"}, "srun --mpi=pmix"), ({"PMI_SIZE": "2"}, "mpirun")):
            ranks = [subprocess.Popen([PROGRAM, "train", "a.json", "--out", "run"], cwd=self.folder,
                                      env={**ENVIRONMENT, **variables}, stderr=subprocess.PIPE, text=True)
                     for _ in range(2)]
            for rank in ranks:
                _, error = rank.communicate(timeout=SECONDS)
                self.assertEqual(rank.returncode, 2, error)
                self.assertEqual(len(own_lines(error)), 1, error)
                self.assertIn(cure, error)
            self.assertFalse((self.folder / "run").exists())


class Doctor(Case):
    def doctor(self, *arguments, **variables):
        code, out, error, _ = launch(*arguments, folder=self.folder, **variables)
        self.assertEqual(code, 0, error)
        return out, error

    def test_shows_ranks_and_reductions(self):
        out, error = self.doctor("-n", 2, PROGRAM, "doctor", "--out", "run")
        self.assertEqual(own_lines(error), [])
        self.assertRegex(out, r"(?m)^launcher +mpirun, 2 ranks on 1 host$")
        self.assertRegex(out, r"(?m)^ranks +host +local +cores +device +memory +processor$")
        self.assertRegex(out, rf"(?m)^0-1 +{re.escape(os.uname().nodename)} +0-1 +\d+: [-\d,]+ +cpu +[\d.]+ GB, [\d.]+ free")
        times = [float(time) for time in re.findall(r"(?m)(?:1 KB|1 MB|64 MB) +([\d.]+) us +[\d.]+ GB/s$", out)]
        self.assertEqual(len(times), 3, out)
        self.assertEqual(times, sorted(times))
        self.assertFalse((self.folder / "run").exists())

    def test_flags_ranks_that_poll_on_one_core(self):
        core = str(min(os.sched_getaffinity(0)))
        ranks = ("-n", 2, "taskset", "-c", core, PROGRAM, "doctor")
        out, _ = self.doctor(*ranks)
        self.assertRegex(out, r"(?m)^odd: ranks 0-1 on .*: 2 ranks share 1 core ")
        self.assertNotIn("poll while they wait", out)
        out, _ = self.doctor(*ranks, OMPI_MCA_mpi_yield_when_idle="0")
        self.assertIn("poll while they wait", out)

    def test_flags_other_instructions(self):
        out, _ = self.doctor("-n", 1, PROGRAM, "doctor", ":", "-n", 1, "-x", "ATEN_CPU_CAPABILITY=default", PROGRAM, "doctor")
        self.assertRegex(out, r"(?m)^odd: LibTorch computes with other instructions .*rank 1: DEFAULT")
        self.assertEqual(len(re.findall(r"(?m)^[01] +" + re.escape(os.uname().nodename), out)), 2, out)

    def test_names_a_variable_that_lies_about_the_local_rank(self):
        out, error = self.doctor("-n", 2, "env", "OMPI_COMM_WORLD_LOCAL_RANK=0", PROGRAM, "doctor")
        self.assertEqual(len(own_lines(error)), 1, error)
        self.assertIn("rank 1: OMPI_COMM_WORLD_LOCAL_RANK says local rank 0", error)
        self.assertRegex(out, r"(?m)^0-1 +\S+ +0-1 ")


if __name__ == "__main__":
    unittest.main()
