"""What the measuring programs share: runs of build/release/bin/ornstein on two ranks, the folder that keeps them, tables
and pictures. Distances between sets of images are in distances.py."""
import argparse
import copy
import json
import os
import pathlib
import subprocess
import sys
import time

try:
    import h5py
    import matplotlib
    import numpy as np
except ImportError as missing:
    sys.exit(f"{missing} (needs Debian's python3-numpy, python3-h5py, python3-matplotlib) start with /usr/bin/python3")
matplotlib.use("Agg")
import matplotlib.pyplot as plt

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build/release/bin/ornstein"
MPIRUN = ["mpirun", "-n", "2", "--oversubscribe", "--bind-to", "none"]
ENVIRONMENT = dict(os.environ, OMP_NUM_THREADS="1", OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")


class Study:
    """A program's folder: its runs, and results.md with pictures. Runs and samples that are there are not made again."""

    def __init__(self, doc, arguments=lambda parser: None):
        """`arguments(parser)` adds the program's own; `part`, one of them, is added to the folder's name."""
        name = pathlib.Path(sys.argv[0]).name
        parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
        arguments(parser)
        parser.add_argument("--out", type=pathlib.Path, help=f"folder (default: runs/benchmarks/{name}, _long or _quick)")
        size = parser.add_mutually_exclusive_group()
        size.add_argument("--long", action="store_true", help="what the paper would need: more steps, larger images")
        size.add_argument("--quick", action="store_true", help="a few steps, to see that the program runs; no results")
        self.chosen = chosen = parser.parse_args()
        name += f"_{chosen.part}" if "part" in chosen else ""
        self.kind = "long" if chosen.long else "quick" if chosen.quick else "short"
        suffix = "" if self.kind == "short" else "_" + self.kind
        self.out = (chosen.out or ROOT / "runs/benchmarks" / (name + suffix)).resolve()
        self.out.mkdir(parents=True, exist_ok=True)
        self.started = time.monotonic()
        self.text = f"# {name}, {self.kind} run\n"

    def choose(self, short, long, quick):
        return {"short": short, "long": long, "quick": quick}[self.kind]

    def say(self, message):
        print(f"[{time.monotonic() - self.started:5.0f} s] {message}", flush=True)

    def ornstein(self, *arguments, ranks=2):
        """Seconds that it took. Its output goes to log.txt."""
        start = time.monotonic()
        command = [*(MPIRUN if ranks > 1 else []), PROGRAM, *arguments]
        with open(self.out / "log.txt", "a", encoding="utf8") as log:
            print("\n$", *command, file=log, flush=True)
            code = subprocess.run(list(map(str, command)), cwd=ROOT, env=ENVIRONMENT, stdout=log, stderr=log).returncode
        if code != 0:
            tail = (self.out / "log.txt").read_text(encoding="utf8").strip().splitlines()[-5:]
            sys.exit("\n".join([f"ornstein {arguments[0]} ended with {code}:", *tail]))
        return time.monotonic() - start

    def data(self, file, *source):
        """data/FILE, imported from `source` if it is not there."""
        path = ROOT / "data" / file
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            self.say(f"importing data/{file}")
            self.ornstein("data", "import", "images", *source[:1], path, *source[1:], ranks=1)
        return path

    def require(self, *files):
        """Ends unless data/FILE is there, for those that tools/import-data makes."""
        for file in files:
            if not (ROOT / "data" / file).exists():
                sys.exit(f"data/{file} is not there: run tools/import-data")

    def remembered(self, name, function):
        """function(), kept in NAME.json."""
        path = self.out / f"{name}.json"
        if not path.exists():
            path.write_text(json.dumps(function(), indent=1))
        return json.loads(path.read_text())

    def train(self, name, configuration):
        """The finished run NAME: it goes on from its checkpoints, or starts afresh."""
        folder = self.out / name
        file = self.out / f"{name}.json"
        file.write_text(json.dumps(configuration, indent=1))
        self.say(f"training {name}, {configuration['training']['steps']} steps")
        self.ornstein("train", file, "--out", folder, "--resume")
        return Run(self, folder)

    def equal_time(self, models, seconds, multiple=1, label="models"):
        """Training steps, multiples of `multiple`, that take each model {name: configuration} the same time, from short
        runs of all in turn: the median over rounds of the speed after the first window. {name: {steps, seconds_a_step}}"""
        window = multiple * -(-self.choose(20, 50, 2) // multiple)
        rounds = self.choose(2, 3, 1)

        def measure():
            speeds = {name: [] for name in models}
            for i in range(rounds):
                for name, configuration in models.items():
                    short = changed(configuration, {"training.steps": 2 * window, "output.log_every": window})
                    run = self.train(f"calibration_{label}_{name}_{i}", short)
                    speeds[name].append(short["training"]["global_batch"] / run.metrics()[-1]["samples_per_second"])
            cost = {name: float(np.median(values)) for name, values in speeds.items()}
            steps = {name: multiple * max(1, round(seconds / cost[name] / multiple)) for name in models}
            return {name: {"steps": steps[name], "seconds_a_step": cost[name]} for name in models}

        return self.remembered(f"equal_time_{label}", measure)

    def write(self, text):
        self.text += f"\n{text}\n"

    def table(self, header, rows):
        """GitHub markdown; numbers to four digits."""
        cells = [[c if isinstance(c, str) else f"{c:.4g}" for c in row] for row in rows]
        lines = [" | ".join(line) for line in [header, ["---"] * len(header), *cells]]
        self.write("\n".join(f"| {line} |" for line in lines))

    def picture(self, name, caption, rows):
        """rows {label: images [n, C, H, W] in [-1, 1]}, one under the other."""
        columns = max(len(images) for images in rows.values())
        figure, axes = plt.subplots(len(rows), 1, figsize=(columns, 1.04 * len(rows)), squeeze=False)
        for axis, (label, images) in zip(axes[:, 0], rows.items()):
            line = np.concatenate([np.pad(x, ((0, 0), (1, 1), (1, 1)), constant_values=1) for x in images], axis=2)
            pixels = np.clip(line.transpose(1, 2, 0) / 2 + 0.5, 0, 1)
            axis.imshow(pixels if len(line) == 3 else pixels[..., 0], cmap="gray", vmin=0, vmax=1)
            axis.set_ylabel(label, rotation=0, ha="right", va="center")
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        self.save(figure, name, caption)

    def plot(self, name, caption, panels, x_label, y_label):
        """panels {title: {label: (x, y)}}, or (x, y, low, high) with a band; both axes logarithmic."""
        figure, axes = plt.subplots(1, len(panels), figsize=(4 * len(panels), 3.4), squeeze=False, sharey=True)
        for axis, (title, curves) in zip(axes[0], panels.items()):
            for label, (x, y, *band) in curves.items():
                line, = axis.plot(x, y, "--" if label.startswith("floor") else "o-", markersize=4, label=label)
                if band:
                    axis.fill_between(x, *band, color=line.get_color(), alpha=0.2, linewidth=0)
            ticks = sorted({x for curve in curves.values() for x in curve[0]})
            axis.set(title=title, xscale="log", yscale="log", xlabel=x_label)
            axis.set_xticks(ticks, map(str, ticks), minor=False)
            axis.set_xticks([], minor=True)
            axis.grid(alpha=0.3)
        axes[0, 0].set_ylabel(y_label)
        axes[0, -1].legend(fontsize=8)
        self.save(figure, name, caption)

    def save(self, figure, name, caption):
        figure.tight_layout(pad=0.4)
        figure.savefig(self.out / f"{name}.png", dpi=110, bbox_inches="tight")
        plt.close(figure)
        self.write(f"![{caption}]({name}.png)")

    def finish(self, failed=False):
        seconds = time.monotonic() - self.started
        self.write(f"Wall time {seconds:.0f} s, {os.cpu_count()} cores; what an earlier start had finished was not repeated.")
        (self.out / "results.md").write_text(self.text, encoding="utf8")
        print(self.text)
        sys.exit(1 if failed else 0)


class Run:
    def __init__(self, study, folder):
        self.study, self.folder = study, folder

    def checkpoint(self, step):
        """The run as it was after `step` steps."""
        return Run(self.study, self.folder / f"checkpoints/step_{step:08d}.h5")

    def made(self, suffix, *command):
        """What `command ... --out FILE` writes about this run: FILE, made once."""
        file = self.folder.with_name(f"{self.folder.stem}_{suffix}")
        if not file.with_suffix(".seconds").exists():
            self.study.say(file.relative_to(self.study.out))
            seconds = self.study.ornstein(command[0], self.folder, *command[1:], "--out", file)
            file.with_suffix(".seconds").write_text(str(seconds))
        return file

    def sample(self, count, steps=0, given=None):
        """(images [count, C, H, W], wall seconds), seed 0. steps 0: the method's own."""
        condition = ["--given", given] if given else []
        file = self.made(f"samples_{count}_{steps}.h5", "sample", "--count", count, "--steps", steps, *condition)
        with h5py.File(file, "r") as opened:
            return opened["images"][()], float(file.with_suffix(".seconds").read_text())

    def functions(self, count, name, *arguments):
        """Functions [count, C, n(, m)] of `ornstein sample ... arguments`, kept under NAME."""
        return functions_of(self.made(f"{name}.h5", "sample", "--count", count, *arguments))[0]

    def points(self, count):
        """Points [count, D] of `ornstein sample`, seed 0."""
        with h5py.File(self.made(f"samples_{count}.h5", "sample", "--count", count), "r") as opened:
            return opened["points"][()].astype(float)

    def cloud_picture(self, name, caption, count):
        """NAME.png of the first `count` samples, drawn by the program."""
        picture = self.study.out / f"{name}.png"
        if not picture.exists():
            self.study.ornstein("sample", self.folder, "--count", count, "--image", picture)
        self.study.write(f"![{caption}]({picture.name})")

    def evaluate(self, data=None):
        """{figure: value}, and {figure + " error": its standard error}; of the file `data`, or the run's own."""
        figures = json.loads(self.made("figures.json", "evaluate", *(["--data", data] if data else [])).read_text())["figures"]
        return {key + end: figure[of] for key, figure in figures.items()
                for end, of in (("", "value"), (" error", "standard_error"))}

    def trainer(self, key):
        """A key of the resolved section `trainer`."""
        return json.loads((self.folder / "config.json").read_text())["trainer"][key]

    def metrics(self):
        return [json.loads(line) for line in (self.folder / "metrics.jsonl").read_text().splitlines()]

    def training_seconds(self):
        lines = self.metrics()
        images = np.diff([0] + [line["samples"] for line in lines])
        return sum(n / line["samples_per_second"] for n, line in zip(images, lines))


def cloud_rows(runs, figures, columns):
    """Lines of a table of figures of clouds: a model each, then held-out and training clouds in the samples' place."""
    def cell(values, key):
        if key not in values:
            return ""
        error = values[key + " error"]
        return f"{values[key]:.3g} +- {error:.2g}" if error else f"{values[key]:.3g}"

    any_run = next(iter(figures.values()))
    return [*([name, f"{runs[name].training_seconds():.0f}", *(cell(values, key) for key in columns)]
              for name, values in figures.items()),
            ["training clouds", "", *(cell(any_run, key + "_of_train") for key in columns)],
            ["held-out clouds", "", *(cell(any_run, key + "_of_held_out") for key in columns)]]


def functions_of(file):
    """(values [N, C, n(, m)], coordinates)"""
    with h5py.File(file, "r") as opened:
        return opened["values"][()].astype(float), opened["coordinates"][()]


def changed(configuration, values):
    """A copy with {"a.b": value} laid over it."""
    result = copy.deepcopy(configuration)
    for key, value in values.items():
        *sections, last = key.split(".")
        section = result
        for name in sections:
            section = section.setdefault(name, {})
        section[last] = value
    return result


def shipped(name, values):
    """configs/NAME.json, without pictures while it trains, with {"a.b": value} laid over it."""
    configuration = json.loads((ROOT / f"configs/{name}.json").read_text())
    return changed(configuration, {"output.sample_every": 0, "checkpoint.every": 100000, **values})


def images_of(file, parts, limit=None):
    """Images [n, C, H, W] in [-1, 1] of the rows whose split is one of `parts`, or the first `limit` of them."""
    with h5py.File(file, "r") as opened:
        split = opened["split"][()] if "split" in opened else np.zeros(len(opened["images"]))
        images = opened["images"][()][np.isin(split, parts)][:limit]
    return images.astype(np.float32) / 127.5 - 1 if images.dtype == np.uint8 else images


def write_images(file, images, split):
    """The data file FILE, if it is not there, of images of 256 grey levels in [-1, 1]."""
    if not file.exists():
        with h5py.File(file, "w") as opened:
            opened.attrs.update(kind="images", format_version=1)
            opened["images"] = np.rint((images + 1) * 127.5).astype(np.uint8)
            opened["split"] = np.broadcast_to(np.uint8(split), len(images))


def mean_and_error(values, digits=4):
    """"mean +- standard error" over seeds."""
    values = np.asarray(values, float)
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return f"{values.mean():.{digits}g} +- {error:.2g}"
