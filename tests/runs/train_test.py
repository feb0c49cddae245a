"""Training as a user meets it: the run directory, resume after kills, numbers of ranks, stops, damage."""
import filecmp
import json
import signal
import time
import unittest

import h5py
import numpy as np

from program import SMALL, SOURCE, Case, kill_hard, last_checkpoint, run, settings, start, wait_for


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
    def kill_and_resume(self, config, kills, **values):
        self.train(config, f"whole_{config}", ranks=2, **values)
        out = f"killed_{config}"
        arguments = ["train", SOURCE / "configs" / config, "--out", out, "--resume", *settings({**SMALL[config], **values})]
        for delay in kills:
            process = start(*arguments, ranks=2, folder=self.folder)
            time.sleep(delay)  # before the first step, while training, while writing: wherever it falls
            kill_hard(process)
        self.succeed(*arguments, ranks=2, folder=self.folder)
        whole, killed = (last_checkpoint(self.folder / f"{kind}_{config}") for kind in ("whole", "killed"))
        self.assertEqual(whole.name, killed.name)
        self.assertTrue(filecmp.cmp(whole, killed, shallow=False))
        steps = [json.loads(line)["step"] for line in (self.folder / out / "metrics.jsonl").read_text().splitlines()]
        self.assertEqual(steps, sorted(set(steps)))

    def test_after_kills_points_end_with_the_same_bytes(self):
        self.kill_and_resume("score_points.json", [0.5, 1.3, 1.6, 2.1],
                             **{"training.steps": 1500, "checkpoint.every": 50, "checkpoint.keep_last": 3})

    def test_after_kills_images_end_with_the_same_bytes(self):
        self.kill_and_resume("wavelet_fashion_mnist.json", [1.5, 2.2],
                             **{"training.steps": 40, "checkpoint.every": 3, "checkpoint.keep_last": 2,
                                "training.precision": "bf16"})

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
        for _ in range(2):  # also when it has been set aside already
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


class Stop(Case):
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


if __name__ == "__main__":
    unittest.main()
