"""Functions: a stranger's data file on a grid of its own, samples on other grids and given values, mistakes in both."""
import unittest

import h5py
import numpy as np

from program import SOURCE, Case, settings

SHORT = {"training.steps": 4, "training.global_batch": 8, "training.micro_batch": 4, "checkpoint.every": 4,
         "output.sample_every": 4, "output.sample_count": 4, "output.sample_block": 4, "trainer.steps": 4}
IRREGULAR = SOURCE / "configs/function_diffusion_irregular.json"
REGULAR = SOURCE / "configs/function_diffusion_temperature.json"


class FunctionsCase(Case):
    def write(self, name, **content):
        period = content.pop("period", None)
        with h5py.File(self.folder / name, "w") as file:
            file.attrs["kind"] = "functions"
            file.attrs["format_version"] = 1
            if period is not None:
                file.attrs["period"] = period
            for key, value in content.items():
                file[key] = value
        return name

    def short(self, config, data, out, ranks=2, **values):
        return self.succeed("train", config, "--out", out, *settings({"dataset.path": data, **SHORT, **values}), ranks=ranks,
                            folder=self.folder)

    def drawn(self, name, *arguments, ranks=1):
        self.succeed("sample", name, "--count", 6, "--steps", 4, "--out", "drawn.h5", "--image", "drawn.png", *arguments,
                     ranks=ranks, folder=self.folder)
        with h5py.File(self.folder / "drawn.h5", "r") as file:
            return {key: file[key][()] for key in file}

    def refuse_data(self, says, config, data, **values):
        self.refuse(says, "train", config, "--out", "bad", *settings({"dataset.path": data, **SHORT, **values}))
        self.assertFalse((self.folder / "bad").exists())


def strangers_file():
    """Falling, irregular, on a circle of length 2, in double precision, with a condition."""
    random = np.random.default_rng(0)
    x = np.sort(random.choice(np.linspace(0, 2, 400, endpoint=False), 37, replace=False))[::-1].copy()
    values = np.sin(np.pi * x + random.normal(size=(20, 1, 1))) + 3
    return {"values": values, "coordinates": x[:, None], "condition": random.normal(size=(20, 2))}


class AStrangersFile(FunctionsCase):
    def test_trains_samples_and_is_evaluated(self):
        content = strangers_file()
        self.write("own.h5", period=[2.0], **content)
        self.succeed("data", "info", "own.h5", folder=self.folder)
        self.short(IRREGULAR, "own.h5", "own")
        samples = self.drawn("own", ranks=2)
        self.assertEqual(samples["values"].shape, (6, 1, 37))
        self.assertTrue(np.array_equal(samples["coordinates"], content["coordinates"][::-1].astype(np.float32)))
        self.assertTrue(np.isin(samples["condition"], content["condition"].astype(np.float32)).all())
        self.succeed("evaluate", "own", "--data", "own.h5", folder=self.folder)

    def test_with_a_mistake_is_refused_in_one_line(self):
        content = strangers_file()
        twice = content["coordinates"].copy()
        twice[5] = twice[4]
        self.write("twice.h5", **{**content, "coordinates": twice})
        self.refuse_data("twice", IRREGULAR, "twice.h5")
        zigzag = content["coordinates"].copy()
        zigzag[[5, 6]] = zigzag[[6, 5]]
        self.write("zigzag.h5", **{**content, "coordinates": zigzag})
        self.refuse_data("sort the points", IRREGULAR, "zigzag.h5")
        hole = content["values"].copy()
        hole[5, 0, 3] = np.nan
        self.write("hole.h5", **{**content, "values": hole})
        self.refuse_data("row 5", IRREGULAR, "hole.h5")
        self.write("short.h5", **{**content, "coordinates": content["coordinates"][:-1]})
        self.refuse_data("do not fit", IRREGULAR, "short.h5")
        self.write("one.h5", **content)
        self.write("two.h5", **{**content, "values": np.repeat(content["values"], 2, 1)})
        self.refuse_data("two.h5", IRREGULAR, ["one.h5", "two.h5"])
        self.refuse_data("equal distances", REGULAR, "one.h5", **{"network.modes": [6], "trainer.noise": {"length": 0.2}})
        self.refuse_data("Nyquist", REGULAR, "functions.h5", **{"network.modes": [40], "trainer.noise": {"length": 0.1}})
        self.refuse_data("ten times", REGULAR, "functions.h5")


class OtherGrids(FunctionsCase):
    """One run on a circle of 24 points."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.x = np.arange(24) / 24 * 6
        random = np.random.default_rng(0)
        values = np.sin(np.pi / 3 * cls.x + random.normal(size=(40, 1, 1))).astype(np.float32)
        cls.write(cls, "curves.h5", period=[6.0], values=values, coordinates=cls.x[:, None])

    def setUp(self):
        if not (self.folder / "run").exists():
            self.short(REGULAR, "curves.h5", "run", **{"network.modes": [8], "trainer.noise": {"kernel": "exponential", "length": 1}})

    def test_are_what_was_asked_for_on_any_number_of_ranks(self):
        own = self.drawn("run")
        np.testing.assert_allclose(own["coordinates"][:, 0], self.x, rtol=1e-6)
        fine = [self.drawn("run", "--grid", 48, ranks=ranks) for ranks in (1, 2)]
        np.testing.assert_allclose(fine[0]["coordinates"][:, 0], np.arange(48) / 8, rtol=1e-6)
        self.assertTrue(np.array_equal(fine[0]["values"], fine[1]["values"]))
        self.write("points.h5", coordinates=(np.arange(30) / 5)[:, None])
        named = self.drawn("run", "--coordinates", "points.h5")
        self.assertEqual(named["values"].shape, (6, 1, 30))
        # One sample more or less of the same seed, on another number of ranks: the same functions.
        self.assertTrue(np.array_equal(self.drawn("run", ranks=4)["values"], own["values"]))

    def test_hold_the_values_given(self):
        known = np.array([[[1.0, -0.5, 0.25]], [[0.5, 0.0, -1.0]]], np.float32)
        self.write("known.h5", values=known, coordinates=self.x[[2, 9, 20], None])
        for arguments, places in (((), [2, 9, 20]), (("--grid", 48), [4, 18, 40])):
            samples = self.drawn("run", "--given", "known.h5", *arguments)["values"]
            np.testing.assert_allclose(samples[:, :, places], known[np.arange(6) % 2], atol=1e-4)
            self.assertGreater(samples[:, 0, 12].std(), 1e-3)
        ways = [self.drawn("run", "--given", "known.h5", "--set", f"trainer.conditioning={way}")["values"]
                for way in ("guided", "replacement")]
        self.assertTrue(np.array_equal(ways[0], self.drawn("run", "--given", "known.h5")["values"]))
        self.assertFalse(np.array_equal(*ways))
        holes = np.full((1, 1, 24), np.nan, np.float32)
        holes[0, 0, 7] = 0.5
        self.write("holes.h5", values=holes, coordinates=self.x[:, None])
        samples = self.drawn("run", "--given", "holes.h5", ranks=2)["values"]
        np.testing.assert_allclose(samples[:, 0, 7], 0.5, atol=1e-4)
        self.assertGreater(samples[:, 0, 12].std(), 1e-3)

    def test_that_make_no_sense_are_refused_in_one_line(self):
        def refuse(says, *arguments):
            self.refuse(says, "sample", "run", "--count", 2, "--out", "x.h5", *arguments)
            self.assertFalse((self.folder / "x.h5").exists())

        refuse("modes", "--grid", 12)
        refuse("--grid", "--grid", "8x8")
        refuse("--grid", "--grid", "8y")
        refuse("trainer.conditioning", "--set", "trainer.conditionin=guided")
        refuse("the weights were trained for", "--set", "trainer.prediction=x0")
        self.write("part.h5", coordinates=np.linspace(0, 6, 40, endpoint=False)[:25, None])
        refuse("do not cover the period", "--coordinates", "part.h5")
        refuse("give one", "--grid", 48, "--coordinates", "curves.h5")
        refuse("missing.h5", "--coordinates", "missing.h5")
        known = np.zeros((1, 1, 2), np.float32)
        self.write("off.h5", values=known, coordinates=np.array([[0.5], [1.01]]))
        refuse("no point of the samples' grid", "--given", "off.h5")
        self.write("two.h5", values=np.zeros((1, 2, 2), np.float32), coordinates=np.array([[0.5], [1.0]]))
        refuse("channels", "--given", "two.h5")
        self.write("numbers.h5", condition=np.zeros((1, 3), np.float32))
        refuse("numbers", "--given", "numbers.h5")


if __name__ == "__main__":
    unittest.main()
