// A checkpoint as a value, and its file: HDF5 in the default format that h5py, h5dump and h5diff
// read, behind a 512-byte user block. Numbers are little-endian, hashes in xxHash's canonical
// (big-endian) form:
//
// clang-format off
//    0  "ORNSTEIN"
//    8  format version, u64
//   16  length of the file, u64
//   24  end of the structure, u64
//   32  xxh3-128 of bytes 512 up to the end of the structure
//   48  xxh3-128 of all bytes with this field zero
//   64  zeros
// clang-format on
//
// The structure (all that is not tensor data) precedes the tensors' bytes and has a hash of its
// own: a damaged file is handed to the HDF5 library, which does not survive every broken structure,
// only where damage lies in tensors alone. Each data set carries its bytes' xxh3-128 in hexadecimal
// as attribute `xxh3`, which names the damaged tensor. A file holds nothing of place, time or host:
// equal checkpoints are byte-identical files.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "framework/base/batch.h"
#include "framework/base/errors.h"

namespace ornstein {

struct Checkpoint {
  std::string config, data_spec;  // JSON texts, at most 60000 bytes each
  int64_t step = 0, samples = 0;  // steps done, rows seen
  uint64_t seed = 0;              // of the run
  std::vector<std::pair<std::string, int64_t>>
      updates;  // of each parameter group; read back sorted by name
  // By full path, read back sorted: "/trainer/<group>/<path>", "/optimizer/<group>/<path>/exp_avg",
  // "/ema/<width>/<group>/<path>", "/state/<name>". '/' nests, dots do not ("conv1.weight" is one
  // name). Any shape, of bool, uint8, int8 to int64, float32 or float64; any device on writing, the
  // CPU on reading.
  std::vector<NamedTensor> tensors;
};

// The file's bytes are not those that were written. (A file that cannot be opened or read, or is of
// a later format, is a plain CheckpointError: no reason to set it aside.)
struct DamagedCheckpoint : CheckpointError {
  using CheckpointError::CheckpointError;
};

// Writes beside `path`, then user block, fsync, rename, fsync of the directory: `path` is the old
// file or the whole new one at every moment. CheckpointError with path and reason; what was written
// so far is removed.
void write_checkpoint(const std::string& path, const Checkpoint& checkpoint);

// Where write_checkpoint writes before the rename: hidden, ".<name>.partial".
std::string partial_path(const std::string& path);

// Throws DamagedCheckpoint, naming the damaged tensors, unless every byte is as written.
void verify_checkpoint(const std::string& path);

int64_t step_of_checkpoint(const std::string& path);  // of a file that was verified

// Verifies, then reads.
Checkpoint read_checkpoint(const std::string& path);

}  // namespace ornstein
