"""Point clouds: a stranger's data files, fixed and ragged, a folder of meshes, and mistakes in them."""
import itertools
import unittest

import h5py
import numpy as np

from program import SOURCE, Case, settings

SHORT = {"training.steps": 2, "training.global_batch": 8, "training.micro_batch": 4, "checkpoint.every": 2,
         "output.sample_every": 2, "output.sample_count": 4, "output.sample_block": 4, "trainer.steps": 3,
         "dataset.validation_fraction": 0.4}
JOINT = SOURCE / "configs/point_cloud_shapes.json"
LATENT = SOURCE / "configs/point_cloud_shapes_latent.json"


class CloudsCase(Case):
    def write(self, name, **content):
        with h5py.File(self.folder / name, "w") as file:
            file.attrs["kind"] = "point_clouds"
            file.attrs["format_version"] = 1
            for key, value in content.items():
                file[key] = value
        return name

    def short(self, config, data, out, **values):
        return self.succeed("train", config, "--out", out, *settings({"dataset.path": data, **SHORT, **values}), ranks=2,
                            folder=self.folder)

    def drawn(self, name, ranks):
        self.succeed("sample", name, "--count", 6, "--out", "drawn.h5", "--image", "drawn.png", ranks=ranks, folder=self.folder)
        with h5py.File(self.folder / "drawn.h5", "r") as file:
            return {key: file[key][()] for key in file}

    def refuse_data(self, says, data, **values):
        self.refuse(says, "train", JOINT, "--out", "bad", *settings({"dataset.path": data, **SHORT, **values}))
        self.assertFalse((self.folder / "bad").exists())


def ragged(sizes):
    random = np.random.default_rng(0)
    return {"points": random.normal(size=(sum(sizes), 3)) * [3, 1, 0.5] + 7, "offsets": np.cumsum([0, *sizes], dtype=np.int32)}


class AStrangersFile(CloudsCase):
    def test_trains_samples_and_is_evaluated(self):
        random = np.random.default_rng(0)
        self.write("plane.h5", points=random.normal(size=(20, 16, 2)), labels=np.arange(20, dtype=np.uint8) % 2)
        self.write("ragged.h5", **ragged([9, 12] * 10))
        for config, data in ((JOINT, "plane.h5"), (JOINT, "ragged.h5"), (LATENT, "ragged.h5")):
            name = f"{config.stem}_{data[:-3]}"
            self.short(config, data, name)
            self.succeed("evaluate", name, "--data", data, folder=self.folder)
            samples = self.drawn(name, ranks=2)
            if data == "plane.h5":
                self.assertEqual(samples["points"].shape, (6, 16, 2))
                self.assertEqual(samples["labels"].tolist(), [0, 1] * 3)
            else:
                self.assertTrue(set(np.diff(samples["offsets"])) <= {9, 12})
                self.assertEqual(samples["points"].shape, (samples["offsets"][-1], 3))
        self.succeed("data", "info", "drawn.h5", folder=self.folder)
        one_rank = self.drawn(name, ranks=1)  # the same sizes and the same points
        for key, value in samples.items():
            self.assertTrue(np.array_equal(one_rank[key], value), key)

    def test_with_a_mistake_is_refused_in_one_line(self):
        for name, content, wrong in (("hole.h5", {"points": np.zeros((20, 16, 3))}, (5, 3, 1)),
                                     ("ragged_hole.h5", ragged([9, 12] * 10), (9 + 12 + 3, 1))):
            content["points"][wrong] = np.nan
            self.write(name, **content)
            self.refuse_data(f"point 3 of cloud {5 if len(wrong) == 3 else 2}", name)
        self.write("ends.h5", **{**ragged([9, 12]), "offsets": [0, 9, 20]})
        self.refuse_data("'offsets' runs from 0 to 20", "ends.h5")

    def test_with_clouds_smaller_than_asked_is_refused_or_they_are_skipped_with_a_count(self):
        self.write("ragged.h5", **ragged([9, 12] * 10))
        self.refuse_data("cloud 0 holds 9 points", "ragged.h5", **{"dataset.points": 12})
        _, error = self.short(JOINT, "ragged.h5", "skipped", **{"dataset.points": 12, "dataset.smaller": "skip"})
        self.assertIn("10 of 20 clouds were left out", error)


class Meshes(CloudsCase):
    """Sub-folders of boxes and pyramids."""

    def mesh(self, name, vertices, faces):
        path = self.folder / "meshes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"v {x} {y} {z}" for x, y, z in vertices] + ["f " + " ".join(map(str, face)) for face in faces]
        path.write_text("\n".join(lines) + "\n")

    def test_in_a_folder_are_imported_trained_and_sampled_without_code(self):
        corners = np.array(list(itertools.product((-1, 1), repeat=3)))
        sides = [(1, 2, 4, 3), (5, 7, 8, 6), (1, 5, 6, 2), (3, 4, 8, 7), (1, 3, 7, 5), (2, 6, 8, 4)]
        for i in range(8):
            self.mesh(f"box/{i}.obj", corners * [1 + i / 8, 1, 2 - i / 8], sides)
            self.mesh(f"pyramid/{i}.obj", [(-1, 0, -1), (1, 0, -1), (1, 0, 1), (-1, 0, 1), (0, 1 + i / 8, 0)],
                      [(1, 2, 3, 4), (1, 5, 2), (2, 5, 3), (3, 5, 4), (4, 5, 1)])
        clouds = ("data", "import", "point_clouds", "meshes", "meshes.h5", *settings({"dataset.points": 64}))
        self.succeed(*clouds, folder=self.folder)
        self.short(JOINT, "meshes.h5", "meshes_run", **{"trainer.train_points": 32})
        samples = self.drawn("meshes_run", ranks=1)
        self.assertEqual(samples["points"].shape, (6, 32, 3))
        self.assertEqual(samples["labels"].tolist(), [0, 1] * 3)

        self.mesh("box/flat.obj", [(0, 0, 0), (1, 0, 0), (2, 0, 0)], [(1, 2, 3)])
        self.refuse("box/flat.obj", *clouds)
        _, error = self.succeed(*clouds, "--set", "dataset.skip=true", folder=self.folder)
        self.assertIn("1 of 17", error)


if __name__ == "__main__":
    unittest.main()
