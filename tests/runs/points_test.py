"""Points: a table of latitudes and longitudes, and a stranger's data files, train without code; mistakes are named first."""
import unittest

import h5py
import numpy as np

from program import SOURCE, Case, settings

SHORT = {"training.steps": 4, "training.global_batch": 8, "training.micro_batch": 4, "checkpoint.every": 4,
         "output.sample_every": 4, "output.sample_count": 4, "output.sample_block": 4, "trainer.steps": 10}
SPHERE = SOURCE / "configs/riemannian_earthquake.json"
TORUS = SOURCE / "configs/riemannian_trp.json"


class PointsCase(Case):
    def write(self, name, points, space=None):
        with h5py.File(self.folder / name, "w") as file:
            file.attrs["kind"] = "points"
            file.attrs["format_version"] = 1
            if space:
                file.attrs["space"] = space
            file["points"] = points
        return name

    def trained(self, config, data, out, **values):
        self.succeed("train", config, "--out", out, *settings({"dataset.path": data, **SHORT, **values}), ranks=2,
                     folder=self.folder)
        self.succeed("sample", out, "--count", 6, "--out", f"{out}.h5", "--image", f"{out}.png", folder=self.folder)
        self.succeed("evaluate", out, "--out", f"{out}.json", folder=self.folder)
        with h5py.File(self.folder / f"{out}.h5", "r") as file:
            return file["points"][()]


def unit_rows(rows, size):
    x = np.random.default_rng(0).normal(size=(rows, size))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


class AStrangersPoints(PointsCase):
    def test_of_a_table_of_latitudes_and_longitudes(self):
        rows = np.random.default_rng(0).uniform([-90, -180], [90, 180], (200, 2))
        lines = ["Places of something", "  latitude , longitude", *(f"{a:.4f}, {b:.4f}" for a, b in rows)]
        (self.folder / "places.csv").write_text("\r\n".join(lines))
        self.succeed("data", "import", "points", "places.csv", "table.h5", "--set", "dataset.space=sphere", folder=self.folder)
        drawn = self.trained(SPHERE, "table.h5", "places")
        self.assertLess(np.abs(np.linalg.norm(drawn, axis=1) - 1).max(), 1e-5)

        lines[5] = "91.5, 10"
        (self.folder / "wrong.csv").write_text("\n".join(lines))
        wrong = ("data", "import", "points", "wrong.csv", "wrong.h5", "--set", "dataset.space=sphere")
        self.refuse(["wrong.csv", "line 6"], *wrong)
        self.assertFalse((self.folder / "wrong.h5").exists())
        out, error = self.succeed(*wrong, "--set", "dataset.skip=true", folder=self.folder)
        self.assertIn("1", out + error)
        with h5py.File(self.folder / "wrong.h5") as file:
            self.assertEqual(file["points"].shape, (199, 3))

    def test_of_h5py_on_any_space(self):
        rows = np.random.default_rng(0)
        angles = rows.uniform(-np.pi, np.pi, (40, 2))
        spatial = rows.normal(size=(40, 2))
        hyperboloid = np.concatenate([np.sqrt(1 + (spatial**2).sum(1, keepdims=True)), spatial], 1)
        product = np.concatenate([unit_rows(40, 3), angles], 1)
        implicit = {"trainer.loss": "implicit", "trainer.walk_steps": 5, "trainer.steps": 60}
        for name, points, space, values in (("saddles", hyperboloid, "hyperbolic", implicit),
                                            ("both", product, "product:sphere3,torus2", {})):
            self.assertEqual(self.trained(TORUS, self.write(f"{name}_data.h5", points, space), name, **values).shape[1], points.shape[1])

    def test_mistakes_are_named_before_training(self):
        def bad(says, data, **values):
            self.refuse(says, "train", SPHERE, "--out", "bad", *settings({"dataset.path": data, **SHORT, **values}))
            self.assertFalse((self.folder / "bad").exists())

        points = unit_rows(40, 3)
        points[7] *= 1.1
        bad(["off.h5", "row 7"], self.write("off.h5", points, "sphere"))
        points[7] = np.nan
        bad(["nan.h5", "row 7"], self.write("nan.h5", points, "sphere"))
        bad(["shape.h5"], self.write("shape.h5", unit_rows(40, 3)[None], "sphere"))
        bad(["space.h5", "spheer"], self.write("space.h5", unit_rows(40, 3), "spheer"))
        bad(["binary"], self.write("bits.h5", np.ones((40, 3)), "binary"))
        good = self.write("good.h5", unit_rows(40, 3), "sphere")
        bad(["trainer.loss"], good, **{"trainer.loss": "denoise"})
        bad(["trainer.reference_std"], good, **{"trainer.reference_std": 2})
        bad(["trainer.sampler"], good, **{"trainer.loss": "flow_matching"})


if __name__ == "__main__":
    unittest.main()
