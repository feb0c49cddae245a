"""Training as a user meets it: the run directory, resume, numbers of ranks, stops, damage (kills: kills_test.py)."""
import filecmp
import json
import os
import signal
import time
import unittest

import h5py
import numpy as np

from program import (ENVIRONMENT, SMALL, SOURCE, Case, environment, kill_hard, last_checkpoint, ranks_of, run, settings, start,
                     wait_for)


class RunDirectory(Case):
    def test_holds_what_the_design_says(self):
        self.train("wavelet_fashion_mnist.json", "run", ranks=2, **{"output.sample_every": 3})
        run_folder = self.folder / "run"
        names = {path.name for path in run_folder.iterdir()}
        self.assertEqual(len([n for n in names if n.startswith("events.out.tfevents.")]), 1)
        self.assertLessEqual({"config.json", "metrics.jsonl", "provenance.jsonl", "checkpoints", "samples", "lock"}, names)
        self.assertEqual(sorted(p.name for p in (run_folder / "samples").iterdir()),
                         ["step_00000003.png", "step_00000006.png"])
        self.assertEqual((run_folder / "checkpoints/latest").read_text().strip(), "step_00000006.h5")
        lines = [json.loads(line) for line in (run_folder / "metrics.jsonl").read_text().splitlines()]
        self.assertEqual([line["step"] for line in lines], [2, 4, 6])
        for key in ("samples", "loss", "grad_norm", "learning_rate", "samples_per_second", "loss_low"):
            self.assertIn(key, lines[0])
        self.assertEqual(set(lines[0]["seconds"]), {"data", "compute", "communicate", "optimise", "checkpoint"})
        provenance = json.loads((run_folder / "provenance.jsonl").read_text().splitlines()[0])
        self.assertEqual(provenance["ranks"], 2)

    def test_the_resolved_configuration_gives_the_same_run(self):
        self.train("score_points.json", "first", ranks=2)
        self.succeed("train", "first/config.json", "--out", "second", ranks=2, folder=self.folder)
        self.assertTrue(filecmp.cmp(last_checkpoint(self.folder / "first"), last_checkpoint(self.folder / "second"), False))

    def test_h5py_reads_a_checkpoint(self):
        self.train("score_points.json", "read", ranks=1)
        with h5py.File(last_checkpoint(self.folder / "read"), "r") as file:
            self.assertEqual(set(file), {"trainer", "optimizer", "ema", "state", "progress"})
            self.assertEqual(set(file["ema"]), {"0.1", "0.05"})
            self.assertEqual(file["progress"].attrs["step"], 12)
            self.assertEqual(file["progress"].attrs["samples"], 12 * 32)
            json.loads(file.attrs["config"])
            self.assertEqual(json.loads(file.attrs["data_spec"])["shape"], [2])
            name = next(iter(file["trainer/network"]))
            self.assertEqual(set(file["optimizer/network"][name]), {"exp_avg", "exp_avg_sq"})

    def test_dry_run_writes_nothing(self):
        out, _ = self.train("score_points.json", "dry", flags=["--dry-run"])
        self.assertIn("parameters ", out)
        self.assertFalse((self.folder / "dry").exists())


class Ranks(Case):
    def test_one_two_and_four_end_alike_and_two_goes_on_as_one(self):
        for config, rate, steps in (("score_points.json", 2e-3, 12), ("wavelet_fashion_mnist.json", 3e-3, 6)):
            for ranks in (1, 2, 4):
                self.train(config, f"{config}_{ranks}", ranks=ranks)
            self.train(config, f"{config}_21", ranks=2, **{"training.steps": steps // 2})
            self.train(config, f"{config}_21", ranks=1, flags=["--resume"])
            one = last_checkpoint(self.folder / f"{config}_1")
            for other in ("2", "4", "21"):
                self.assert_close(one, last_checkpoint(self.folder / f"{config}_{other}"), rate, steps)


class Resume(Case):
    def test_on_a_finished_run_says_so(self):
        self.train("score_points.json", "finished")
        _, error = self.train("score_points.json", "finished", flags=["--resume"])
        self.assertIn("finished already", error)

    def test_goes_on_with_more_steps_and_other_output(self):
        self.train("score_points.json", "long", **{"training.steps": 20})
        self.train("score_points.json", "short")
        self.train("score_points.json", "short", flags=["--resume"], **{"training.steps": 20, "output.log_every": 1})
        a, b = (self.tensors(last_checkpoint(self.folder / name)) for name in ("long", "short"))
        self.assertTrue(all(np.array_equal(a[name], b[name]) for name in a))

    def test_names_the_keys_that_must_not_change(self):
        self.train("score_points.json", "changed")
        code, _, error = run("train", SOURCE / "configs/score_points.json", "--out", "changed", "--resume",
                             *settings({**SMALL["score_points.json"], "training.seed": 9, "network.width": 64}),
                             folder=self.folder)
        self.assertEqual(code, 2)
        self.assertIn("training.seed", error)
        self.assertIn("network.width", error)

    def test_refuses_other_data(self):
        self.train("score_points.json", "data")
        code, _, error = run("train", SOURCE / "configs/score_points.json", "--out", "data", "--resume",
                             *settings({**SMALL["score_points.json"], "training.steps": 20,
                                        "dataset.path": "synthetic:swiss_roll"}), folder=self.folder)
        self.assertEqual(code, 2)
        self.assertIn("dataset.path", error)

    def test_sets_a_damaged_newest_checkpoint_aside_and_ends_the_same(self):
        self.train("score_points.json", "good")
        self.train("score_points.json", "damaged")
        newest = last_checkpoint(self.folder / "damaged")
        with open(newest, "r+b") as file:
            file.seek(newest.stat().st_size - 100)
            byte = file.read(1)
            file.seek(-1, 1)
            file.write(bytes([byte[0] ^ 1]))
        _, error = self.train("score_points.json", "damaged", flags=["--resume"])
        self.assertIn("step_00000012.h5", error)
        self.assertTrue((self.folder / "damaged/checkpoints/step_00000012.h5.damaged").exists())
        self.assertTrue(filecmp.cmp(last_checkpoint(self.folder / "good"), newest, shallow=False))

    def test_never_starts_from_zero_over_damaged_checkpoints(self):
        self.train("score_points.json", "lost", **{"checkpoint.keep_last": 1})
        newest = last_checkpoint(self.folder / "lost")
        newest.write_bytes(newest.read_bytes()[:-10])
        for _ in range(3):  # also when it has been set aside already
            code, _, error = run("train", SOURCE / "configs/score_points.json", "--out", "lost", "--resume",
                                 *settings({**SMALL["score_points.json"], "checkpoint.keep_last": 1}), folder=self.folder)
            self.assertEqual(code, 1, error)


class Stages(Case):
    def test_are_trained_one_by_one_and_joined_by_start_from(self):
        config = "wavelet_fashion_mnist.json"
        self.train(config, "low", **{"trainer.stages": ["low"]})
        self.train(config, "details", ranks=2, **{"trainer.stages": ["detail_2", "detail_1"], "start_from.low": "low"})
        low, details = (self.tensors(last_checkpoint(self.folder / name)) for name in ("low", "details"))
        for name, tensor in details.items():
            if name.startswith("trainer/low/"):
                self.assertTrue(np.array_equal(tensor, low[name.replace("trainer/", "ema/0.1/")]), name)
        for name, tensor in low.items():  # frozen stages stay as they were drawn
            if name.startswith("ema/0.1/detail_"):
                self.assertTrue(np.array_equal(tensor, low[name.replace("ema/0.1/", "trainer/")]), name)
        self.succeed("sample", "details", "--count", 2, "--out", "joined.h5", folder=self.folder)


class Replay(Case):
    def test_looks_into_a_step_and_changes_nothing(self):
        self.train("score_points.json", "run", ranks=2)
        before = {path: path.read_bytes() for path in (self.folder / "run").rglob("*") if path.is_file()}
        for step in (3, 12):  # before the first checkpoint, and after one
            _, error = self.train("score_points.json", "run", ranks=2, flags=["--replay", step])
            self.assertIn(f"step {step}: all is finite", error)
        after = {path: path.read_bytes() for path in (self.folder / "run").rglob("*") if path.is_file()}
        self.assertEqual(before, after)

    def test_names_the_row_that_is_not_finite(self):
        values = {"training.steps": 2400, "training.max_skipped": 5, "checkpoint.every": 400}
        with environment(ORNSTEIN_FAULT="on@data.row:37"):  # of 20,000: on one rank, in few of the steps
            self.train("score_points.json", "skips", ranks=2, **values)
            skipped = [json.loads(line) for line in (self.folder / "skips/skipped.jsonl").read_text().splitlines()]
            self.assertTrue(skipped)
            self.assertTrue(all(37 in line["rows"] and len(line["rows"]) == 32 for line in skipped))
            _, error = self.train("score_points.json", "skips", ranks=2, flags=["--replay", skipped[-1]["step"]], **values)
            self.assertIn("row 37 of the data", error)
            self.train("score_points.json", "alone", **values)
        alone = [json.loads(line) for line in (self.folder / "alone/skipped.jsonl").read_text().splitlines()]
        self.assertEqual(alone, skipped)  # all ranks skip the steps that one rank alone would

    def test_wants_a_run(self):
        code, _, error = run("train", SOURCE / "configs/score_points.json", "--out", "none", "--replay", 3,
                             *settings(SMALL["score_points.json"]), folder=self.folder)
        self.assertEqual(code, 2, error)
        self.assertIn("holds no run", error)


class Stop(Case):
    def test_before_the_time_limit_of_slurm(self):
        fake = self.folder / "bin"
        fake.mkdir()
        with environment(SLURM_JOB_ID="1", PATH=f"{fake}:{ENVIRONMENT['PATH']}"):
            for left, expected in (("1-00:00:00", 0), ("UNLIMITED", 0), ("0:50", 75)):
                (fake / "squeue").write_text(f"#!/bin/sh\necho {left}\n")
                (fake / "squeue").chmod(0o755)
                code, _, error = run("train", SOURCE / "configs/score_points.json", "--out", f"limit_{left}",
                                     "--stop-before", 1, *settings(SMALL["score_points.json"]), folder=self.folder)
                self.assertEqual(code, expected, error)

    def test_a_signal_to_mpirun_ends_in_a_checkpoint_and_exit_75(self):
        values = {"training.steps": 3000, "checkpoint.every": 100000, "output.log_every": 10}
        arguments = ["train", SOURCE / "configs/score_points.json", "--out", "stopped", "--resume",
                     *settings({**SMALL["score_points.json"], **values})]
        process = start(*arguments, ranks=2, folder=self.folder)
        metrics = self.folder / "stopped/metrics.jsonl"
        self.assertTrue(wait_for(lambda: metrics.exists() and metrics.stat().st_size > 0))
        process.send_signal(signal.SIGUSR1)
        process.stderr.close()
        self.assertEqual(process.wait(timeout=30), 75)
        first = last_checkpoint(self.folder / "stopped")
        self.assertLess(int(first.stem[5:]), 3000)
        self.succeed(*arguments, ranks=2, folder=self.folder)
        self.train("score_points.json", "unstopped", ranks=2, **values)
        self.assertTrue(filecmp.cmp(last_checkpoint(self.folder / "stopped"), last_checkpoint(self.folder / "unstopped"), False))

    def signalled(self, out, number, to_rank=None, again=False, ready=None, **values):
        """Exit code and seconds after a signal to the launcher, or to one rank, once `ready` (the first logged step)."""
        folder = self.folder / out
        process = start("train", SOURCE / "configs/score_points.json", "--out", out, "--resume",
                        *settings({**SMALL["score_points.json"], **values}), ranks=2, folder=self.folder)
        metrics = folder / "metrics.jsonl"
        self.assertTrue(wait_for(ready or (lambda: metrics.exists() and metrics.stat().st_size > 0)))
        begun = time.monotonic()
        for _ in range(2 if again else 1):
            if to_rank is None:
                process.send_signal(number)
            else:
                os.kill(ranks_of(process)[to_rank], number)
            time.sleep(1.3 if again else 0)  # within a second two are one request
        process.stderr.close()
        return process.wait(timeout=60), time.monotonic() - begun

    def test_one_signalled_rank_suffices(self):
        values = {"training.steps": 5000, "checkpoint.every": 100000, "output.log_every": 10}
        self.train("score_points.json", "never", ranks=2, **values)
        for number, rank in ((signal.SIGUSR1, 0), (signal.SIGTERM, 1), (signal.SIGINT, 1)):
            out = f"one_{number}_{rank}"
            self.assertEqual(self.signalled(out, number, to_rank=rank, **values)[0], 75)
            self.train("score_points.json", out, ranks=2, flags=["--resume"], **values)
            self.assertTrue(filecmp.cmp(last_checkpoint(self.folder / "never"), last_checkpoint(self.folder / out), False))

    def test_is_heard_while_samples_are_drawn(self):
        values = {"training.steps": 100, "output.sample_every": 2, "output.sample_count": 4_000_000, "output.sample_block": 1000,
                  "output.log_every": 1}
        code, seconds = self.signalled("drawing", signal.SIGUSR1, to_rank=1, **values)
        self.assertEqual(code, 75)
        self.assertLess(seconds, 20)  # all samples take minutes
        self.assertEqual(list((self.folder / "drawing/samples").glob("*")), [])
        self.assertTrue(last_checkpoint(self.folder / "drawing").exists())

    def test_a_second_signal_ends_at_once(self):
        values = {"training.steps": 3000, "checkpoint.every": 5, "output.log_every": 10, "output.sample_every": 20,
                  "output.sample_count": 400_000, "output.sample_block": 400_000}  # one block: no step ends between the two
        drawing = self.folder / "twice/checkpoints/step_00000020.h5"
        code, seconds = self.signalled("twice", signal.SIGTERM, to_rank=1, again=True, ready=drawing.exists, **values)
        self.assertNotIn(code, (0, 75))
        self.assertLess(seconds, 10)
        newest = last_checkpoint(self.folder / "twice")
        self.succeed("inspect", newest)


if __name__ == "__main__":
    unittest.main()
