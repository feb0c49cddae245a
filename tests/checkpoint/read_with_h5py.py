"""Files go to h5py and back, and two processes write equal bytes. Usage: read_with_h5py.py TEST_BINARY"""

import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f"SKIPPED: {missing}; install python3-h5py")
    sys.exit(77)


def run_test(directory, perturbation):
    environment = dict(os.environ, ORNSTEIN_H5PY_DIRECTORY=directory, MALLOC_PERTURB_=str(perturbation))
    subprocess.run([sys.argv[1], "--gtest_filter=H5py.*"], check=True, env=environment, stdout=sys.stderr)
    with open(os.path.join(directory, "checkpoint.h5"), "rb") as file:
        return file.read()


def write_data_file(path):
    numbers = np.arange(12).reshape(6, 2)
    with h5py.File(path, "w") as file:
        file.attrs["variable"] = "iméges"
        file.attrs["fixed"] = np.bytes_("images")
        file.attrs["format_version"] = 1
        file.attrs["small"] = np.int8(-7)
        file["big_endian"] = numbers.astype(">f4")
        file["half"] = numbers.astype(np.float16)
        file["unsigned32"] = numbers.astype(np.uint32)
        file.create_dataset("compressed", data=numbers, chunks=(4, 1), compression="gzip", maxshape=(None, 2))
        file["mask"] = numbers % 2 == 1
        file["words"] = ["a", "b"]


def check_checkpoint(path):
    with h5py.File(path) as file:
        assert file.userblock_size == 512
        assert file.attrs["config"] == b'{"trainer": {"name": "score"}}', file.attrs["config"]
        progress = dict(file["progress"].attrs)
        assert progress == {"format_version": 1, "step": 1000, "samples": 64000,
                            "seed": np.uint64(0xFEDCBA9876543210).astype(np.int64),
                            "updates.backward": 500, "updates.forward": 1000}, progress
        state = file["state"]
        assert np.array_equal(state["counts"], np.arange(5)) and state["counts"].dtype == np.int64
        assert np.array_equal(state["mask"], [True, False, True]) and state["mask"].dtype == bool
        assert np.array_equal(state["pixels"], np.arange(7)) and state["pixels"].dtype == np.uint8
        assert state["empty"].shape == (0, 3) and state["empty"].dtype == np.float32
        assert state["scale"].shape == () and state["scale"][()] == np.float32(2.5)
        assert state["exact"][0] == 0.1 and np.isnan(state["exact"][1])
        weight = file["trainer/net"]["conv1.weight"]
        assert np.allclose(weight, np.linspace(0, 3, 24).reshape(4, 6)) and weight.dtype == np.float32
        assert len(weight.attrs["xxh3"]) == 32


with tempfile.TemporaryDirectory() as directory:
    write_data_file(os.path.join(directory, "h5py.h5"))
    first = run_test(directory, 17)
    assert run_test(directory, 201) == first, "two processes wrote different bytes"
    check_checkpoint(os.path.join(directory, "checkpoint.h5"))
print("h5py reads our files, and we read its")
