#!/usr/bin/env python3
"""Who may include whom: includes go down only, and folders of one level do not see each other.

Scans #include "..." of every C++ file and names each line that points up or sideways. Run: layering.py SOURCE_FOLDER.
"""
import pathlib
import re
import sys

LEVEL = {
    "framework/base": 0,
    "framework/comm": 1, "framework/checkpoint": 1, "framework/config": 1, "framework/math": 1,
    "framework/spaces": 2,
    "framework/data": 3, "framework/diffusion": 3, "framework/nn": 3, "framework/evaluation": 3,
    "framework/training": 4,
    "trainers": 5, "datasets": 5,
    "launch": 6,
}
# Of the training layer a method sees the contract only; of a data set, nothing of training at all.
TRAINERS_SEE = {"framework/training/trainer.h", "framework/training/trainer_factory.h"}


def folder_of(path):
    """framework/comm, trainers/score, datasets/points, launch, tests/..."""
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] in ("framework", "trainers", "datasets") else parts[0]


def level_of(folder):
    return LEVEL.get(folder, LEVEL.get(folder.split("/")[0]))


def complaint(file, include):
    here, there = folder_of(file), folder_of(include)
    if here == there or here == "tests":
        return None
    if there == "tests":
        return "product code includes a test"
    if level_of(there) is None:
        return "unknown folder"
    if level_of(there) > level_of(here):
        return "points up"
    if level_of(there) == level_of(here):
        return "folders of one level do not see each other"
    if here.startswith("trainers/"):
        if there in ("framework/comm", "framework/checkpoint"):
            return "a method is written for one device and knows no files"
        if there == "framework/training" and include not in TRAINERS_SEE:
            return "a method sees training/trainer.h only"
    return None


def main(root):
    broken = 0
    for top in ("framework", "trainers", "datasets", "launch", "tests"):
        for path in sorted(pathlib.Path(root, top).rglob("*")):
            if path.suffix not in (".h", ".cpp"):
                continue
            file = path.relative_to(root).as_posix()
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = re.match(r'\s*#include "([^"]+)"', line)
                if match and (why := complaint(file, match.group(1))):
                    print(f"{file}:{number}: {match.group(1)}: {why}")
                    broken += 1
    # The rule itself must bite.
    assert complaint("framework/base/x.h", "framework/comm/y.h")
    assert complaint("trainers/a/x.h", "trainers/b/y.h") and complaint("trainers/a/x.h", "framework/comm/y.h")
    assert complaint("trainers/a/x.h", "framework/training/ema.h") and complaint("trainers/a/x.h", "datasets/points/y.h")
    assert not complaint("launch/x.cpp", "framework/training/ema.h")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
