"""Runs that are killed, and disks that fail: what goes on ends with the bytes of a run that nobody touched.

60 killed runs with ORNSTEIN_LONG=1 (tools/check --long), 6 without."""
import contextlib
import filecmp
import json
import os
import pathlib
import random
import signal
import subprocess
import time
import unittest

from program import SMALL, SOURCE, Case, environment, kill_hard, ranks_of, run, settings, start, wait_for

LONG = os.environ.get("ORNSTEIN_LONG") == "1"
POINTS = "score_points.json"
CONFIGURATIONS = {
    POINTS: {"training.steps": 300, "checkpoint.every": 20, "checkpoint.keep_last": 2, "output.log_every": 10},
    "wavelet_fashion_mnist.json": {"training.steps": 24, "checkpoint.every": 2, "checkpoint.keep_last": 2,
                                   "training.precision": "bf16", "network.block_out_channels": [8, 16],
                                   "detail_network.channels": 8, "detail_network.blocks": 1},
}
STAGES = ["create", "tensor", "header", "sync", "rename", "sync_directory", "latest", "prune"]  # of writing a checkpoint
KILLS = ["first steps", "any step", "start-up", "one rank", "launcher", "all", *STAGES]


def faults(text):
    return environment(ORNSTEIN_FAULT=text)


def checkpoints(run_folder):
    return sorted((run_folder / "checkpoints").glob("step_*.h5"))


def newest_step(run_folder):
    return max((int(path.stem[5:]) for path in checkpoints(run_folder)), default=0)


def processes_of(launcher):
    """Process ids in the launcher's session."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.getsid(int(pid)) == launcher.pid and pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():  # no zombie
                found.append(int(pid))
    return found


class Disturbed(Case):
    """Compares disturbed runs with whole ones, each of which is made once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.wholes = {}

    def arguments(self, config, out):
        return ["train", SOURCE / "configs" / config, "--out", out, "--resume",
                *settings({**SMALL[config], **CONFIGURATIONS[config]})]

    def whole(self, config, ranks):
        if (config, ranks) not in self.wholes:
            out = self.folder / f"whole_{config}_{ranks}"
            self.succeed(*self.arguments(config, out), ranks=ranks, folder=self.folder)
            self.wholes[config, ranks] = out
        return self.wholes[config, ranks]

    def tensors_in_one(self, config, ranks):
        return len(self.tensors(checkpoints(self.whole(config, ranks))[-1]))

    def assert_ends_as_whole(self, config, ranks, out):
        """Resumes to the end, from the newest checkpoint there is."""
        reached, steps = newest_step(out), CONFIGURATIONS[config]["training.steps"]
        _, error = self.succeed(*self.arguments(config, out), ranks=ranks, folder=self.folder)
        if reached < steps:
            self.assertIn(f"goes on from step {reached} " if reached else "starts from step 0 ", error)
        whole = self.whole(config, ranks)
        self.assertEqual(checkpoints(whole)[-1].name, checkpoints(out)[-1].name)
        for path in checkpoints(whole):
            self.assertTrue(filecmp.cmp(path, out / "checkpoints" / path.name, shallow=False), path.name)
        self.assertEqual((out / "checkpoints/latest").read_text(), f"{checkpoints(whole)[-1].name}\n")
        self.assertEqual(list((out / "checkpoints").glob("*.damaged")), [])
        logged = [[json.loads(line)["step"] for line in (path / "metrics.jsonl").read_text().splitlines()]
                  for path in (whole, out)]
        self.assertEqual(*logged)

    def assert_one_line(self, error, *parts):
        lines = [line for line in error.splitlines() if all(part in line for part in parts)]
        self.assertEqual(len(lines), 1, error)


class Kills(Disturbed):
    def fault(self, kind, config, ranks, out, dice):
        """A kill inside the program, which this start is sure to meet."""
        steps, every = (CONFIGURATIONS[config][key] for key in ("training.steps", "checkpoint.every"))
        left = steps - newest_step(out)
        if kind == "first steps":
            return f"kill@training.step:{dice.randint(1, min(left, every))}/{dice.randrange(ranks)}"
        if kind == "any step":
            return f"kill@training.step:{dice.randint(1, left)}/{dice.randrange(ranks)}"
        passage = dice.randint(1, max(1, left // every // 2))
        if kind == "tensor":
            tensors = self.tensors_in_one(config, ranks)
            passage = (passage - 1) * tensors + dice.randint(1, tensors)
        return f"kill@checkpoint.{kind}:{passage}/0"

    def kill(self, kind, process, out, starts, dice):
        """A kill from outside, while this start comes up or trains."""
        provenance = out / "provenance.jsonl"
        if kind != "start-up":  # training has begun, or ended
            wait_for(lambda: process.poll() is not None
                     or provenance.exists() and provenance.read_text().count("\n") > starts)
        time.sleep(dice.uniform(0, 0.6))
        if kind in ("start-up", "all"):
            kill_hard(process)
            return
        ranks = ranks_of(process)  # none of a program alone
        victim = process.pid if kind == "launcher" or not ranks else ranks[dice.choice(sorted(ranks))]
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)

    def die(self, kind, config, ranks, out, dice):
        """One start that is killed; false if it came to its end."""
        before = newest_step(out)
        provenance = out / "provenance.jsonl"
        starts = provenance.read_text().count("\n") if provenance.exists() else 0
        asked = "" if kind in ("start-up", "one rank", "launcher", "all") else self.fault(kind, config, ranks, out, dice)
        with faults(asked):
            process = start(*self.arguments(config, out), ranks=ranks, folder=self.folder)
        if not asked:
            self.kill(kind, process, out, starts, dice)
        try:
            _, error = process.communicate(timeout=300)  # to the end of the launcher and of all ranks
        except subprocess.TimeoutExpired:
            self.fail(f"{kind} {asked}: still there after 300 s: {processes_of(process)}")
        finally:
            kill_hard(process)
        code = process.returncode
        self.assertTrue(code != 0 or not asked, f"{asked} was not met\n{error}")
        self.assertGreaterEqual(newest_step(out), before)
        return code != 0

    def test_end_with_the_same_bytes(self):
        deck, deaths = [], 0
        for number in range(60 if LONG else 6):
            dice = random.Random(number)
            config, ranks = list(CONFIGURATIONS)[number // 3 % 2], (1, 2, 4)[number % 3]
            out = self.folder / f"killed_{number}"
            with self.subTest(number=number, config=config, ranks=ranks):
                kinds = []
                for _ in range(3 if not LONG else dice.randint(1, 6)):
                    if newest_step(out) == CONFIGURATIONS[config]["training.steps"]:
                        break
                    if not deck:  # every kind of kill before any a second time
                        deck = random.Random(f"deck {number}").sample(KILLS, len(KILLS))
                    kinds.append(deck.pop())
                    deaths += self.die(kinds[-1], config, ranks, out, dice)
                self.assert_ends_as_whole(config, ranks, out)
        self.assertGreaterEqual(deaths, 100 if LONG else len(KILLS))


class Disks(Disturbed):
    """Writing fails: one line that names the file and the reason, and nothing is lost."""

    def test_fault_at_each_stage_of_writing(self):
        words = {"ENOSPC": "No space left on device", "EIO": "Input/output error"}
        for number, stage in enumerate(STAGES):
            for name in words if LONG else [list(words)[number % 2]]:
                out = self.folder / f"{stage}_{name}"
                with self.subTest(stage=stage, error=name):
                    passage = 2 + (self.tensors_in_one(POINTS, 1) if stage == "tensor" else 0)  # of the second checkpoint
                    with faults(f"{name}@checkpoint.{stage}:{passage}"):
                        code, _, error = run(*self.arguments(POINTS, out), ranks=1, folder=self.folder)
                    if stage == "prune":
                        self.assertEqual(code, 0, error)
                        self.assert_one_line(error, "cannot remove", "/checkpoints/step_", words[name])
                        continue
                    self.assertEqual(code, 1, error)
                    self.assert_one_line(error, "cannot ", "/checkpoints/", words[name])
                    self.assertGreaterEqual(newest_step(out), 20)
                    self.assert_ends_as_whole(POINTS, 1, out)

    def test_read_error_while_loading_sets_nothing_aside(self):
        out = self.folder / "unread"
        with faults("kill@checkpoint.create:5"):
            run(*self.arguments(POINTS, out), folder=self.folder)
        with faults("EIO@checkpoint.read"):
            code, _, error = run(*self.arguments(POINTS, out), folder=self.folder)
        self.assertEqual(code, 1, error)
        self.assert_one_line(error, "cannot read", "step_00000080.h5", "Input/output error")
        self.assert_ends_as_whole(POINTS, 1, out)

    def test_malformed_fault_is_the_users_mistake(self):
        with faults("kill@checkpoint.renam"):
            code, _, error = run("list")
        self.assertEqual(code, 2, error)
        self.assert_one_line(error, "ORNSTEIN_FAULT", "checkpoint.rename")


@unittest.skipIf(os.geteuid() != 0, "needs root: mounts a small tmpfs")
class SmallDisk(Disturbed):
    """The run's directory on a disk of its own."""

    def mounted(self, size):
        disk = self.folder / f"disk_{size}"
        disk.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "ornstein_test", disk], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"cannot mount a tmpfs: {done.stderr}")
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=True)
        return disk

    def remount(self, disk, options):
        subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)

    def test_that_is_full_ends_the_run_and_room_lets_it_go_on(self):
        whole = self.whole(POINTS, 2)
        size = checkpoints(whole)[-1].stat().st_size
        for room in (0.4, 1.3, 2.6, 2.9):  # in the first checkpoint, the second, the third, while the second last is there
            disk = self.mounted(int(room * size) + 32768)
            out = disk / "run"
            with self.subTest(room=room):
                for _ in range(2):  # it is not the first start alone that must say so
                    code, _, error = run(*self.arguments(POINTS, out), ranks=2, folder=self.folder)
                    self.assertIn(code, (1, 2), error)
                    self.assert_one_line(error, str(out), "No space left on device")
                if room > 1.2:
                    self.assertGreater(newest_step(out), 0)
                self.remount(disk, "size=50%")
                self.assert_ends_as_whole(POINTS, 2, out)

    def test_that_is_read_only_is_said_and_lets_go_on_when_it_is_not(self):
        disk = self.mounted("16m")
        out = disk / "run"
        with faults("kill@checkpoint.create:5"):
            run(*self.arguments(POINTS, out), folder=self.folder)
        self.remount(disk, "ro")
        code, _, error = run(*self.arguments(POINTS, out), folder=self.folder)
        self.assertIn(code, (1, 2), error)
        self.assert_one_line(error, str(out), "Read-only file system")
        self.remount(disk, "rw")
        self.assert_ends_as_whole(POINTS, 1, out)


if __name__ == "__main__":
    unittest.main()
