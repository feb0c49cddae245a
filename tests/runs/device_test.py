"""The program on a debug device (tests/debug_device): what would fail on a GPU for where its tensors lie fails here."""
import concurrent.futures
import json
import os
import subprocess
import unittest

import h5py
import numpy as np

from program import ENVIRONMENT, MPIRUN, SMALL, SOURCE, Case, command, environment, last_checkpoint, run, settings

POINTS = SMALL["score_points.json"]
LONG = os.environ.get("ORNSTEIN_LONG") == "1"
# Other data for what another configuration does: the long form's.
SAME_AS_OTHERS = {"score_swiss_roll", "score_checkerboard", "riemannian_fire", "first_hitting_fire", "function_diffusion_temperature",
                  "point_cloud_furniture"}


class EveryMethodOnADevice(Case):
    def attempt(self, path):
        """Whether its steps are replayed, with the same bits; else the program says that they cannot be."""
        values = {"training.steps": 2, "training.global_batch": 8, "training.micro_batch": 4, "output.sample_every": 2,
                  "output.sample_count": 4, "output.sample_block": 4, "runtime.device": "cuda"}
        out, replayed = self.folder / path.stem, self.folder / f"{path.stem}_replayed"
        self.succeed("train", path, "--out", out, *settings(values))
        code, _, error = run("train", path, "--out", replayed,
                             *settings({**values, "output.sample_every": 0, "runtime.cuda_graph": True}))
        if code == 2:
            self.assertIn("runtime.cuda_graph", error)
            return False
        self.assertEqual(code, 0, error)
        a, b = (self.tensors(last_checkpoint(folder)) for folder in (out, replayed))
        for name in a:
            self.assertTrue(np.array_equal(a[name], b[name]), name)
        return True

    def test_trains_and_samples_and_is_replayed_or_says_that_it_cannot(self):
        paths = [path for path in sorted((SOURCE / "configs").rglob("*.json")) if LONG or path.stem not in SAME_AS_OTHERS]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            attempts = {path.name: pool.submit(self.attempt, path) for path in paths}
        replayed = 0
        for name, attempt in attempts.items():
            with self.subTest(name):
                replayed += attempt.result()
        self.assertGreaterEqual(replayed, 3)


class EvaluationOnADevice(Case):
    def test_figures_are_those_of_the_processor(self):
        few = {"training.steps": 2, "training.global_batch": 8, "training.micro_batch": 4, "output.sample_every": 0}
        use = {"score_points": {"trainer.nll_rows": 64},
               "point_cloud_shapes_latent": {"trainer.evaluation_samples": 6, "trainer.evaluation_points": 16, "trainer.steps": 3}}
        if LONG:
            use |= {"first_hitting_ising": {"trainer.nll_rows": 32, "trainer.bound_draws": 2, "trainer.evaluation_samples": 32},
                    "riemannian_torus_mixture": {"trainer.nll_rows": 32, "trainer.tolerance": 0.01},
                    "first_hitting_shapes": {"trainer.nll_rows": 16, "trainer.bound_draws": 2, "trainer.importance_rows": 4,
                                             "trainer.evaluation_samples": 16}}
        for name, values in use.items():
            with self.subTest(name):
                out = self.folder / name
                self.succeed("train", SOURCE / "configs" / f"{name}.json", "--out", out, *settings(few))
                figures = []
                for device in ("cuda", "cpu"):
                    self.succeed("evaluate", out, "--out", out / "figures.json", *settings({**values, "runtime.device": device}),
                                 ranks=2 if name == "score_points" else 1)
                    figures.append(json.loads((out / "figures.json").read_text())["figures"])
                self.assertEqual(figures[0].keys(), figures[1].keys())
                for key, figure in figures[0].items():
                    off = 3 * figure["standard_error"] + 0.02 * abs(figure["value"]) + 1e-3
                    self.assertLess(abs(figure["value"] - figures[1][key]["value"]), off, key)


class Device(Case):
    def train_on(self, device, out, ranks=1, flags=(), config="score_points.json", **values):
        return self.train(config, out, ranks=ranks, flags=flags, **{"runtime.device": device, **values})

    def test_two_devices_learn_what_two_processors_learn(self):
        for config in ("score_points.json", "wavelet_fashion_mnist.json"):
            for device in ("cpu", "cuda"):
                self.train_on(device, f"{device}_{config}", ranks=2, config=config)
            self.assert_close(*(last_checkpoint(self.folder / f"{device}_{config}") for device in ("cpu", "cuda")),
                              1e-3, SMALL[config]["training.steps"], limit=1e-4)

    def test_a_run_moves_between_processor_and_device(self):
        """Close to a run that stayed (a GPU would draw other noise); on the device a broken run has the same bits."""
        self.train_on("cpu", "moved", **{"training.steps": 4})
        self.train_on("cuda", "moved", flags=["--resume"], **{"training.steps": 8})
        self.train_on("cpu", "moved", flags=["--resume"])
        self.train_on("cpu", "stayed")
        self.assert_close(last_checkpoint(self.folder / "moved"), last_checkpoint(self.folder / "stayed"), 1e-3, 12, limit=1e-4)
        self.train_on("cuda", "twice", **{"training.steps": 6, "checkpoint.every": 3})
        self.train_on("cuda", "in_two", **{"training.steps": 3, "checkpoint.every": 3})
        self.train_on("cuda", "in_two", flags=["--resume"], **{"training.steps": 6, "checkpoint.every": 3})
        a, b = (self.tensors(last_checkpoint(self.folder / out)) for out in ("twice", "in_two"))
        for name in a:
            self.assertTrue(np.array_equal(a[name], b[name]), name)

    def test_samples_are_those_of_the_processor(self):
        self.train_on("cuda", "drawn", ranks=2)
        drawn = []
        for device, ranks in (("cuda", 2), ("cuda", 1), ("cpu", 1)):
            self.succeed("sample", "drawn", "--count", 20, "--seed", 3, "--out", "drawn.h5",
                         *settings({"runtime.device": device}), ranks=ranks, folder=self.folder)
            with h5py.File(self.folder / "drawn.h5", "r") as file:
                drawn.append(file["points"][()])
        self.assertTrue(np.array_equal(drawn[0], drawn[1]))
        self.assertLess(np.abs(drawn[0] - drawn[2]).max(), 1e-3)

    def test_recorded_steps_are_those_done_one_by_one(self):
        for out, replay in (("eager", False), ("replayed", True)):
            self.train_on("cuda", out, ranks=2, **{"runtime.cuda_graph": replay})
        a, b = (self.tensors(last_checkpoint(self.folder / out)) for out in ("eager", "replayed"))
        for name in a:
            self.assertTrue(np.array_equal(a[name], b[name]), name)

    def test_what_cannot_be_recorded_is_refused(self):
        config = SOURCE / "configs/first_hitting_ising.json"
        self.refuse("runtime.cuda_graph", "train", config, "--out", "no", *settings({"runtime.cuda_graph": True}))

    def test_a_device_that_is_not_there_is_refused(self):
        with environment(ORNSTEIN_DEBUG_DEVICES="0"):
            self.refuse("no GPU is there", "train", SOURCE / "configs/score_points.json", "--out", "no",
                        *settings({**POINTS, "runtime.device": "cuda"}))

    def test_ranks_without_a_device_beside_others_are_refused(self):
        done = subprocess.run(
            [MPIRUN, "-n", "1", *command("train", SOURCE / "configs/score_points.json", "--out", "no", *settings(POINTS)), ":", "-n", "1", "-x",
             "ORNSTEIN_DEBUG_DEVICES=0", *command("train", SOURCE / "configs/score_points.json", "--out", "no", *settings(POINTS))],
            cwd=self.folder, env=ENVIRONMENT, timeout=120, capture_output=True, text=True)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("ranks 1 have no device (the others have)", done.stderr)

    def test_two_ranks_on_one_device_are_refused(self):
        with environment(ORNSTEIN_DEBUG_DEVICES="1"):
            code, _, error = run("train", SOURCE / "configs/score_points.json", "--out", "no", *settings(POINTS), ranks=2,
                                 folder=self.folder)
        self.assertEqual(code, 2, error)
        self.assertIn("share device 0000:00:00 (each needs its own)", error)

    def test_too_small_a_memory_is_said_with_the_batch_that_fits(self):
        values = {**SMALL["score_fashion_mnist.json"], "training.global_batch": 64, "training.micro_batch": 64}
        with environment(ORNSTEIN_DEBUG_MEMORY="5e7"):
            code, _, error = run("train", SOURCE / "configs/score_fashion_mnist.json", "--out", "large", *settings(values),
                                 folder=self.folder)
            self.assertEqual(code, 2, error)
            self.assertIn("training.micro_batch: 64 rows do not fit into the memory of cuda:0 (step 1) set it to ", error)
            fits = int(error.split("set it to ")[1].split(",")[0])
            self.succeed("train", SOURCE / "configs/score_fashion_mnist.json", "--out", "fitting",
                         *settings({**values, "training.micro_batch": fits}), folder=self.folder)

    def test_a_rank_that_hangs_in_a_collective_of_the_device_is_named(self):
        values = {**POINTS, "training.steps": 40, "runtime.collective_timeout": 3}
        with environment(ORNSTEIN_FAULT="sleep@device_collective:30/1"):
            code, _, error = run("train", SOURCE / "configs/score_points.json", "--out", "hung", *settings(values), ranks=2,
                                 folder=self.folder)
        self.assertEqual(code, 86, error)
        self.assertIn("rank 1 on", error)
        self.assertTrue(list((self.folder / "hung/flight").glob("rank_*.json")))

    def test_a_collective_of_the_device_that_fails_ends_all(self):
        with environment(ORNSTEIN_FAULT="throw@device_collective:30/1"):
            code, _, error = run("train", SOURCE / "configs/score_points.json", "--out", "failed",
                                 *settings({**POINTS, "training.steps": 40}), ranks=2, folder=self.folder)
        self.assertNotEqual(code, 0, error)
        self.assertIn("failed on cuda:1 (thrown at device_collective", error)


if __name__ == "__main__":
    unittest.main()
