"""What holds for every method, on its first configuration in configs/: numbers of ranks, resume, sampling; joined stages."""
import filecmp
import json
import unittest

import h5py
import numpy as np

from program import SOURCE, Case, last_checkpoint, run, settings

STEPS = 6
# On little data, for a few steps, without the noise of bf16.
FEW = {"training.steps": STEPS, "training.global_batch": 8, "training.micro_batch": 2, "training.precision": "fp32",
       "checkpoint.every": STEPS // 2, "output.log_every": 2, "output.sample_every": 0, "output.sample_block": 4}


def configurations():
    """{method: its first configuration}, one for each flow or model, without those that other tests hold to the same."""
    found = {}
    for path in sorted((SOURCE / "configs").glob("*.json")):
        config = json.loads(path.read_text())
        name = "_".join([config["trainer"]["name"], *filter(None, [config.get("flow", {}).get("name"),
                                                                   config["trainer"].get("model")])])
        if name not in ("score", "wavelet"):
            found.setdefault(name, (path, config))
    return found


class MethodsCase(Case):
    def few(self, path, config, out, ranks=1, flags=(), **values):
        kind = config["dataset"]["kind"]
        path_given = config["dataset"]["path"]  # of points: the space decides, so the real file
        data = (f"{kind}.h5" if kind in ("images", "functions", "point_clouds")
                else str(SOURCE / path_given) if path_given.startswith("data/") else path_given)
        return self.succeed("train", path, "--out", out, *flags, *settings({"dataset.path": data, **FEW, **values}),
                            ranks=ranks, folder=self.folder)


class EveryMethod(MethodsCase):
    def test_ends_alike_on_any_number_of_ranks_and_after_a_resume(self):
        for name, (path, config) in configurations().items():
            with self.subTest(name):
                for ranks in (1, 2, 4):
                    self.few(path, config, f"{name}_{ranks}", ranks)
                for steps, flags in ((STEPS // 2, []), (STEPS, ["--resume"])):
                    self.few(path, config, f"{name}_resumed", 2, flags, **{"training.steps": steps})
                whole, other = (last_checkpoint(self.folder / f"{name}_{kind}") for kind in ("2", "resumed"))
                a, b = self.tensors(whole), self.tensors(other)
                self.assertTrue(filecmp.cmp(whole, other, shallow=False),
                                [n for n in a if not np.array_equal(a[n], b[n])][:5])
                rate = config["training"]["learning_rate"]
                for ranks in (1, 4):
                    self.assert_close(last_checkpoint(self.folder / f"{name}_{ranks}"), whole, rate, STEPS)

                drawn, kind = [], config["dataset"]["kind"]
                for ranks in (1, 2, 4):
                    out = f"{name}_{ranks}.h5"
                    self.succeed("sample", f"{name}_2", "--count", 6, "--steps", 4, "--out", out, ranks=ranks,
                                 folder=self.folder)
                    with h5py.File(self.folder / out, "r") as file:
                        drawn.append(file[{"functions": "values", "point_clouds": "points"}.get(kind, kind)][()])
                self.assertTrue(np.array_equal(drawn[0], drawn[1]) and np.array_equal(drawn[0], drawn[2]))
                self.assertTrue(np.isfinite(drawn[0]).all())


class Join(MethodsCase):
    def join_stages(self, name, **values):
        path = SOURCE / "configs" / f"{name}_fashion_mnist.json"
        config = json.loads(path.read_text())
        self.few(path, config, f"{name}_all", **values)
        stages = json.loads((self.folder / f"{name}_all/config.json").read_text())["trainer"]["stages"]
        for stage in stages:
            self.few(path, config, f"{name}_{stage}", **{**values, "trainer.stages": [stage]})
        runs = [f"{name}_{stage}" for stage in stages]
        self.succeed("join", *runs, "--out", f"{name}_joined", folder=self.folder)
        joined = self.tensors(last_checkpoint(self.folder / f"{name}_joined"))
        for stage, part in zip(stages, runs):
            for tensor, value in self.tensors(last_checkpoint(self.folder / part)).items():
                if f"/{stage}/" in tensor or tensor.startswith("state/"):
                    self.assertTrue(np.array_equal(value, joined[tensor]), tensor)
        self.succeed("sample", f"{name}_joined", "--count", 2, "--out", "joined.h5", folder=self.folder)
        self.few(path, config, f"{name}_joined", 2, ["--resume"], **{**values, "training.steps": STEPS + 2})
        return runs

    def test_wavelet_stages_are_one_run(self):
        self.join_stages("wavelet")

    def test_multiscale_stages_are_one_run_and_misfits_are_refused(self):
        runs = self.join_stages("multiscale", **{"trainer.schedule": "joint"})
        for operands, says in ((runs[:-1], "trained by none"), ([*runs, runs[0]], "trained by"),
                               ([runs[0], "wavelet_low"], "")):
            code, _, error = run("join", *operands, "--out", "misfit", folder=self.folder)
            self.assertEqual(code, 2, error)
            self.assertIn(says, error)
            self.assertFalse((self.folder / "misfit").exists())


class WrongPairings(MethodsCase):
    """Exit code 2 and one clear line before training."""

    def refuse(self, config, says, **values):
        code, _, error = run("train", SOURCE / "configs" / config, "--out", "bad",
                             *settings({"dataset.path": "images.h5", **FEW, **values}), folder=self.folder)
        self.assertEqual(code, 2, error)
        own = [line for line in error.splitlines() if line.startswith("rank ")]
        self.assertEqual(len(own), 1, error)
        self.assertIn(says, own[0])
        self.assertFalse((self.folder / "bad").exists())

    def images(self, name, content):
        with h5py.File(self.folder / name, "w") as file:
            file.attrs["kind"] = "images"
            file.attrs["format_version"] = 1
            file["images"] = content
        return name

    def test_of_data_and_method(self):
        plain = self.images("plain.h5", np.zeros((12, 1, 27, 27), np.uint8))
        deep = self.images("deep.h5", np.zeros((12, 1, 28, 28), np.uint16))
        self.refuse("multiscale_fashion_mnist.json", "trainer.scales", **{"trainer.scales": 6})
        self.refuse("wavelet_fashion_mnist.json", "trainer.levels", **{"trainer.levels": 6})
        self.refuse("score_fashion_mnist.json", "labels",
                    **{"dataset.path": plain, "trainer.class_conditional": True})
        self.refuse("conditional_fashion_mnist.json", "labels",
                    **{"dataset.path": plain, "trainer.task": "labels", "trainer.estimator": "cde"})
        self.refuse("conditional_fashion_mnist.json", "trainer.factor", **{"dataset.path": plain})
        self.refuse("nonlinear_flow_fashion_mnist.json", "flow.blocks", **{"flow.blocks": [0, 0, 0, 0, 0, 0, 1]})
        for method in ("multiscale", "conditional", "nonlinear_flow"):
            self.refuse(f"{method}_fashion_mnist.json", "must be uint8", **{"dataset.path": deep})

    def test_of_a_condition_and_a_run(self):
        path = SOURCE / "configs/conditional_fashion_mnist.json"
        self.few(path, json.loads(path.read_text()), "run")
        other = self.images("other.h5", np.zeros((12, 1, 32, 32), np.uint8))
        for given, says in ((other, "32"), ("missing.h5", "missing.h5")):
            code, _, error = run("sample", "run", "--count", 2, "--out", "x.h5", "--given", given, folder=self.folder)
            self.assertEqual(code, 2, error)
            self.assertIn(says, error)
        self.succeed("sample", "run", "--count", 2, "--out", "x.h5", "--given", "images.h5", folder=self.folder)


if __name__ == "__main__":
    unittest.main()
