"""Ranks that hang: the one at fault is named, everyone leaves with 86 in time, and the run goes on afterwards."""
import filecmp
import json
import os
import signal
import time
import unittest

from program import SMALL, SOURCE, Case, environment, last_checkpoint, ranks_of, run, settings, start, wait_for

LONG = os.environ.get("ORNSTEIN_LONG") == "1"
TRIES = 10 if LONG else 1
DEADLINE = 3  # seconds, runtime.collective_timeout
VALUES = {**SMALL["score_points.json"], "training.steps": 40, "checkpoint.every": 5, "runtime.collective_timeout": DEADLINE}


def alive_in(folder):
    """Live processes that work in `folder`."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/cwd") == str(folder):
                found.append(int(pid))
        except OSError:
            pass
    return found


class Hang(Case):
    def resume(self, out):
        return run("train", SOURCE / "configs/score_points.json", "--out", out, "--resume", *settings(VALUES),
                   ranks=2, folder=self.folder)

    def check(self, fault, code, words, first=7):
        self.train("score_points.json", "whole", flags=["--resume"], ranks=2, **VALUES)
        for attempt in range(TRIES):
            for rank in (0, 1):
                out = f"{fault.split('@')[0]}_{fault.split('@')[1].split(':')[0]}_{attempt}_{rank}"
                begun = time.monotonic()
                with environment(ORNSTEIN_FAULT=f"{fault.format(first + attempt)}/{rank}"):
                    left, _, error = self.resume(out)
                self.assertEqual(left, code, error)
                self.assertLess(time.monotonic() - begun, DEADLINE + 15 + 5, error)  # and the start of the ranks
                self.assertTrue(wait_for(lambda: not alive_in(self.folder), 5), alive_in(self.folder))
                self.assertIn(f"rank {rank}{words}", error)
                if code == 86:
                    flights = sorted((self.folder / out / "flight").glob("rank_*.json"))
                    self.assertTrue(flights, error)
                    flight = json.loads(flights[0].read_text())
                    self.assertIn(f"rank {rank}{words}", flight["verdict"])
                    self.assertEqual([o["sequence"] for o in flight["operations"]],
                                     list(range(flight["operations"][0]["sequence"], flight["operations"][-1]["sequence"] + 1)))
                if rank == attempt % 2:
                    self.assertEqual(self.resume(out)[0], 0)
                    self.assertTrue(filecmp.cmp(last_checkpoint(self.folder / "whole"), last_checkpoint(self.folder / out), False))

    def test_a_stopped_rank_is_named(self):
        self.check("stop@training.step:{}", 86, "")

    def test_a_sleeping_rank_is_named(self):
        self.check("sleep@training.step:{}", 86, " on")

    def test_a_rank_that_leaves_a_collective_out_is_named(self):
        self.check("on@collective:{}", 86, " on", first=100)  # in training: it repeats itself

    def test_a_rank_that_throws_ends_all(self):
        self.check("throw@training.step:{}", 1, ":")

    def test_a_rank_that_hangs_while_loading_or_in_the_last_write_is_named(self):
        for fault, rank in (("sleep@loading", 1), ("sleep@loading", 0), ("sleep@checkpoint.sync:8", 0), ("stop@checkpoint.sync:8", 0)):
            with self.subTest(fault=fault, rank=rank), environment(ORNSTEIN_FAULT=f"{fault}/{rank}"):
                code, _, error = self.resume(f"{fault.replace('@', '_').replace(':', '_')}_{rank}")
                self.assertEqual(code, 86, error)
                self.assertIn(f"rank {rank}", error)

    def test_a_stall_that_ends_is_forgiven(self):
        process = start("train", SOURCE / "configs/score_points.json", "--out", "stall", *settings({**VALUES, "training.steps": 3000, "checkpoint.every": 3000}),
                        ranks=2, folder=self.folder)
        metrics = self.folder / "stall/metrics.jsonl"
        self.assertTrue(wait_for(lambda: metrics.exists() and metrics.stat().st_size > 0))
        pid = ranks_of(process)[1]
        os.kill(pid, signal.SIGSTOP)
        time.sleep(DEADLINE - 1)
        os.kill(pid, signal.SIGCONT)
        _, error = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, error)

    def test_without_a_watchdog_nothing_is_published(self):
        self.train("score_points.json", "unwatched", ranks=2, **{"runtime.collective_timeout": 0})
        self.assertFalse((self.folder / "unwatched/flight").exists())


if __name__ == "__main__":
    unittest.main()
