"""The other commands, and what bad input does."""
import json
import os
import unittest

import h5py
import numpy as np

from program import ENVIRONMENT, SMALL, SOURCE, Case, kill_hard, run, settings, start, text, wait_for


class EveryConfiguration(Case):
    def test_goes_two_steps_on_two_ranks_and_is_complete(self):
        for path in sorted((SOURCE / "configs").rglob("*.json")):
            with self.subTest(path.name):
                config = json.loads(path.read_text())
                batch = {"training.steps": 2, "training.global_batch": 8, "training.micro_batch": 4,
                         "output.sample_every": 2, "output.sample_count": 4, "output.sample_block": 4}
                self.succeed("train", path, "--out", self.folder / path.stem, *settings(batch), ranks=2)
                resolved = json.loads((self.folder / path.stem / "config.json").read_text())
                for section, keys in config.items():
                    for key in keys:
                        self.assertIn(key, resolved[section], "a shipped key that nobody reads")
                self.assertEqual(len(list((self.folder / path.stem / "samples").iterdir())), 1)


class Sample(Case):
    def test_draws_the_same_bits_on_any_number_of_ranks(self):
        self.train("wavelet_fashion_mnist.json", "images", ranks=2)
        self.train("score_points.json", "points", ranks=1, **{"output.sample_block": 8})
        for name, count, key, shape in (("images", 10, "images", (10, 1, 28, 28)), ("points", 50, "points", (50, 2))):
            drawn = []
            for ranks in (1, 2, 3):
                self.succeed("sample", name, "--count", count, "--out", f"{name}_{ranks}.h5", "--image", f"{name}.png",
                             "--seed", 3, ranks=ranks, folder=self.folder)
                with h5py.File(self.folder / f"{name}_{ranks}.h5", "r") as file:
                    self.assertEqual(text(file.attrs["kind"]), name)
                    drawn.append(file[key][()])
            self.assertEqual(drawn[0].shape, shape)
            self.assertEqual(drawn[0].dtype, np.float32)
            self.assertTrue(np.array_equal(drawn[0], drawn[1]) and np.array_equal(drawn[0], drawn[2]))
            self.succeed("sample", name, "--count", count - 3, "--out", "fewer.h5", "--seed", 3, folder=self.folder)
            with h5py.File(self.folder / "fewer.h5", "r") as file:
                self.assertTrue(np.array_equal(file[key][()], drawn[0][: count - 3]))

    def test_twins_are_the_same_data_imported_as_drawn(self):
        self.succeed("data", "import", "points", "synthetic:gaussian", "twin.h5", folder=self.folder)
        self.train("score_points.json", "drawn", **{"training.steps": 2})
        self.train("score_points.json", "drawn", flags=["--resume"], **{"training.steps": 4, "dataset.path": "twin.h5"})
        self.succeed("data", "import", "images", "synthetic:phi4", "phi4.h5", "--size", "8", "--set", "dataset.rows=60",
                     folder=self.folder)
        with h5py.File(self.folder / "phi4.h5", "r") as file:
            self.assertEqual(file["images"].shape, (60, 1, 8, 8))
        for setting, says in (("--size=11", "even"), ("--set=dataset.bet=3", "did you mean 'beta'")):
            code, _, error = run("data", "import", "images", "synthetic:phi4", "x.h5", setting, folder=self.folder)
            self.assertEqual(code, 2, error)
            self.assertIn(says, error)

    def test_is_a_valid_data_file_again(self):
        self.train("score_points.json", "again")
        self.succeed("sample", "again", "--count", 100, "--out", "samples.h5", folder=self.folder)
        out, _ = self.succeed("data", "info", "samples.h5", folder=self.folder)
        self.assertIn("100", out)


class Evaluate(Case):
    def test_reports_figures_with_their_errors(self):
        self.train("score_points.json", "points")
        self.succeed("evaluate", "points", "--out", "figures.json", "--compare", "points", ranks=2, folder=self.folder)
        figures = json.loads((self.folder / "figures.json").read_text())["figures"]
        self.assertGreater(figures["nll"]["standard_error"], 0)
        self.assertEqual(figures["nll"]["unit"], "nats")
        self.assertLess(abs(figures["true_nll"]["value"] - 2.7533), 4 * figures["true_nll"]["standard_error"])

    def test_is_the_same_on_any_number_of_ranks(self):
        self.train("score_points.json", "ranks")
        values = []
        for ranks in (1, 2):
            self.succeed("evaluate", "ranks", "--out", f"{ranks}.json", ranks=ranks, folder=self.folder)
            values.append(json.loads((self.folder / f"{ranks}.json").read_text())["figures"])
        self.assertEqual(*values)


class Talk(Case):
    def test_every_command_explains_itself(self):
        for command in ([], ["train"], ["sample"], ["evaluate"], ["data"], ["data", "import"], ["data", "info"], ["inspect"],
                        ["list"], ["doctor"], ["join"]):
            out, _ = self.succeed(*command, "--help")
            self.assertIn("ornstein", out)

    def test_list_names_trainers_datasets_and_networks(self):
        out, _ = self.succeed("list")
        for name in ("score", "wavelet", "images", "points", "unet", "mlp", "synthetic:swiss_roll"):
            self.assertIn(name, out)

    def test_inspect_lists_a_whole_checkpoint_and_refuses_a_damaged_one(self):
        self.train("score_points.json", "run")
        path = self.folder / "run/checkpoints/step_00000012.h5"
        out, _ = self.succeed("inspect", path)
        self.assertIn("/trainer/network/", out)
        damaged = bytearray(path.read_bytes())
        damaged[len(damaged) // 2] ^= 16
        (self.folder / "step_damaged.h5").write_bytes(damaged)
        self.assertEqual(run("inspect", self.folder / "step_damaged.h5")[0], 1)

    def test_doctor_counts_the_ranks(self):
        out, _ = self.succeed("doctor", ranks=2)
        self.assertIn("mpirun, 2 ranks", out)

    def test_doctor_names_singletons_under_srun(self):
        before = dict(ENVIRONMENT)
        ENVIRONMENT["SLURM_STEP_NUM_TASKS"] = "4"
        try:
            code, _, error = run("doctor")
        finally:
            ENVIRONMENT.clear()
            ENVIRONMENT.update(before)
        self.assertEqual(code, 2)
        self.assertIn("--mpi=pmix", error)


class BadInput(Case):
    """Exit code 2, one clear line, nothing left behind."""

    def refuse(self, *arguments, says, ranks=1):
        before = sorted(self.folder.rglob("*"))
        code, _, error = run(*arguments, ranks=ranks, folder=self.folder)
        self.assertEqual(code, 2, error)
        own = [line for line in error.splitlines() if line.startswith("rank ")]
        self.assertEqual(len(own), 1, error)
        self.assertIn(says, own[0])
        self.assertEqual(sorted(self.folder.rglob("*")), before)

    def refuse_training(self, values, says, config="score_points.json", ranks=1, out="bad"):
        self.refuse("train", SOURCE / "configs" / config, "--out", out, *settings({**SMALL[config], **values}), says=says,
                    ranks=ranks)

    def data_file(self, name, **content):
        with h5py.File(self.folder / name, "w") as file:
            file.attrs["kind"] = content.pop("kind", "points")
            file.attrs["format_version"] = 1
            for key, value in content.items():
                file[key] = value
        return name

    def test_command_lines(self):
        self.refuse("trian", says="did you mean 'train'")
        self.refuse("train", says="usage")
        self.refuse("train", SOURCE / "configs/score_points.json", "--rseume", says="--rseume")
        self.refuse("train", "nowhere.json", says="nowhere.json")
        self.refuse("sample", "nowhere", "--count", "3", "--out", "x.h5", says="nowhere")
        self.refuse("sample", "nowhere", "--count", "0", "--out", "x.h5", says="--count 0")
        self.refuse("data", "import", "images", "nowhere", "x.h5", says="nowhere")
        self.refuse("data", "import", "pionts", ".", "x.h5", says="did you mean 'points'")
        self.refuse("list", "trainer", says="did you mean 'trainers'")

    def test_configurations(self):
        self.refuse_training({"training.stpes": 3}, "did you mean 'steps'")
        self.refuse_training({"training.steps": "many"}, "training.steps")
        self.refuse_training({"network.widht": 3}, "network.widht", ranks=2)
        self.refuse_training({"trainer.name": "scroe"}, "did you mean 'score'")
        self.refuse_training({"network.name": "mpl"}, "did you mean 'mlp'")
        self.refuse_training({"training.micro_batch": 7}, "must divide")
        self.refuse_training({"training.micro_batch": 32}, "2 ranks for 1 shards", ranks=2)
        self.refuse_training({"training.groups": {"netwrok": {}}}, "did you mean 'network'")
        self.refuse_training({"runtime.device": "cuda"}, "CUDA", ranks=2)
        self.refuse_training({"network": {"name": "unet"}}, "network.name")
        self.refuse_training({"network.width": 10**12}, "cannot be made", ranks=2)
        self.refuse_training({"dataset.path": []}, "dataset.path")
        (self.folder / "twice.json").write_text('{"trainer": {"name": "score"}, "trainer": {"name": "wavelet"}}')
        self.refuse("train", "twice.json", "--out", "bad", says="twice")
        (self.folder / "torn.json").write_text('{"dataset": ')
        self.refuse("train", "torn.json", "--out", "bad", says="no valid JSON")

    def test_data_files(self):
        self.refuse_training({"dataset.path": "missing.h5"}, "missing.h5")
        (self.folder / "text.h5").write_text("no HDF5")
        self.refuse_training({"dataset.path": "text.h5"}, "text.h5")
        self.refuse_training({"dataset.path": "images.h5"}, "images")
        self.refuse_training({"dataset.path": "synthetic:gausian"}, "gausian")
        points = np.zeros((50, 2), np.float32)
        points[7, 1] = np.nan
        self.refuse_training({"dataset.path": self.data_file("nan.h5", points=points)}, "row 7", ranks=2)
        self.refuse_training({"dataset.path": self.data_file("flat.h5", points=np.zeros(50))}, "flat.h5")
        self.refuse_training({"dataset.path": self.data_file("empty.h5", other=np.zeros(50))}, "points")
        self.refuse_training({"dataset.path": self.data_file("shape.h5", kind="images", images=np.zeros((5, 3, 8)))},
                             "shape.h5", config="wavelet_fashion_mnist.json")
        labels = np.arange(12) - 1
        images = np.zeros((12, 1, 8, 8), np.uint8)
        self.refuse_training(
            {"dataset.path": self.data_file("labels.h5", kind="images", images=images, labels=labels)}, "labels",
            config="wavelet_fashion_mnist.json")

    def test_places(self):
        (self.folder / "file").write_text("in the way")
        self.refuse_training({}, "file/run", out="file/run")
        self.train("score_points.json", "there")
        self.refuse_training({}, "already holds a run", out="there", ranks=2)
        self.refuse("sample", "there", "--count", 3, "--out", "there/config.json", says="must end in .h5")
        self.refuse("sample", "there", "--count", 3, "--out", "nowhere/x.h5", says="nowhere")
        self.refuse("sample", "images.h5", "--count", 3, "--out", "x.h5", says="no checkpoint")
        self.refuse("inspect", "file", says="no checkpoint")

    def test_a_second_writer(self):
        values = {**SMALL["score_points.json"], "training.steps": 1000000}
        arguments = ["train", SOURCE / "configs/score_points.json", "--out", "busy", "--resume", *settings(values)]
        first = start(*arguments, folder=self.folder)
        try:
            self.assertTrue(wait_for(lambda: (self.folder / "busy/metrics.jsonl").exists()))
            code, _, error = run(*arguments, folder=self.folder)
            self.assertEqual(code, 2, error)
            self.assertIn("another run writes here", error)
        finally:
            kill_hard(first)


class Failure(Case):
    def test_an_exception_while_training_ends_all_ranks_with_exit_1(self):
        values = {"training.learning_rate": 1e30, "training.gradient_clip": 0, "training.max_skipped": 1,
                  "training.steps": 2000, "training.warmup_steps": 0}
        code, _, error = run("train", SOURCE / "configs/score_points.json", "--out", "blown",
                             *settings({**SMALL["score_points.json"], **values}), ranks=2, folder=self.folder, timeout=60)
        self.assertEqual(code, 1, error)
        self.assertIn("were not finite", error)


if __name__ == "__main__":
    unittest.main()
