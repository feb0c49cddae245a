#include "framework/checkpoint/checkpoint_file.h"

#include <fcntl.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <filesystem>
#include <memory>

#include "framework/checkpoint/durable_file.h"
#include "framework/checkpoint/hdf5_file.h"

namespace ornstein {
namespace {

constexpr uint64_t kFormatVersion = 1;
constexpr std::string_view kUpdates = "updates.";  // an attribute of /progress: updates.<group>

using Hash = std::array<unsigned char, 16>;

struct UserBlock {
  std::array<char, 8> magic = {'O', 'R', 'N', 'S', 'T', 'E', 'I', 'N'};
  uint64_t version = kFormatVersion;
  uint64_t length = 0;
  uint64_t structure_end = 0;
  Hash structure_hash = {};
  Hash file_hash = {};
  std::array<char, 448> zeros = {};
};
static_assert(sizeof(UserBlock) == 512 && std::endian::native == std::endian::little);

Hash canonical(XXH128_hash_t hash) {
  XXH128_canonical_t bytes;
  XXH128_canonicalFromHash(&bytes, hash);
  return std::to_array(bytes.digest);
}

std::string hash_text(const at::Tensor& tensor) {
  const at::Tensor host = tensor.detach().cpu().contiguous();
  return fmt::format("{:02x}",
                     fmt::join(canonical(XXH3_128bits(host.const_data_ptr(), host.nbytes())), ""));
}

class StreamedHash {
 public:
  StreamedHash() : state_(XXH3_createState(), XXH3_freeState) { XXH3_128bits_reset(state_.get()); }

  StreamedHash& add(const void* bytes, size_t size) {
    XXH3_128bits_update(state_.get(), bytes, size);
    return *this;
  }

  StreamedHash& add(const DurableFile& file, uint64_t begin, uint64_t end) {
    std::vector<char> buffer(std::min<uint64_t>(1 << 20, end - begin));
    while (begin < end) {
      const size_t size =
          file.read(buffer.data(), std::min<uint64_t>(buffer.size(), end - begin), begin);
      if (size == 0) break;
      add(buffer.data(), size);
      begin += size;
    }
    return *this;
  }

  Hash value() const { return canonical(XXH3_128bits_digest(state_.get())); }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

Hash structure_hash(const DurableFile& file, uint64_t structure_end) {
  return StreamedHash().add(file, sizeof(UserBlock), structure_end).value();
}

Hash file_hash(const DurableFile& file, UserBlock block) {
  block.file_hash = {};
  return StreamedHash().add(&block, sizeof block).add(file, sizeof block, block.length).value();
}

// Makes every object and attribute, then puts the tensors' bytes behind them; returns where these
// begin.
uint64_t write_hdf5(const std::string& path, const Checkpoint& checkpoint) {
  pass_fault_point("checkpoint.create", "write", path);
  Hdf5File file = Hdf5File::create(path, sizeof(UserBlock));
  file.write_attribute("/", "config", checkpoint.config);
  file.write_attribute("/", "data_spec", checkpoint.data_spec);
  file.write_attribute("/progress", "format_version", static_cast<int64_t>(kFormatVersion));
  file.write_attribute("/progress", "step", checkpoint.step);
  file.write_attribute("/progress", "samples", checkpoint.samples);
  file.write_attribute("/progress", "seed", static_cast<int64_t>(checkpoint.seed));
  for (const auto& [group, count] : checkpoint.updates) {
    file.write_attribute("/progress", std::string(kUpdates) + group, count);
  }
  for (const auto& [name, tensor] : checkpoint.tensors) {
    file.allocate(name, tensor.scalar_type(), tensor.sizes().vec());
    file.write_attribute(name, "xxh3", hash_text(tensor));
  }
  uint64_t first = std::numeric_limits<uint64_t>::max();
  for (const auto& [name, tensor] : checkpoint.tensors) {
    pass_fault_point("checkpoint.tensor", "write", fmt::format("{} in {}", name, path));
    file.write_rows(name, 0, tensor);
    // An empty tensor has no place: the library answers -1 plus the user block.
    if (tensor.numel() > 0) first = std::min(first, static_cast<uint64_t>(file.offset(name)));
  }
  file.close();
  return std::min<uint64_t>(first, std::filesystem::file_size(path));
}

// What is damaged in a file whose structure is intact.
std::string damaged_tensors(const std::string& path) try {
  const Hdf5File file = Hdf5File::open(path);
  std::vector<std::string> damaged;
  for (const auto& name : file.tensors()) {
    if (hash_text(file.read(name)) != file.text_attribute(name, "xxh3")) damaged.push_back(name);
  }
  return damaged.empty() ? "bytes outside its tensors changed"
                         : fmt::format("changed: {}", fmt::join(damaged, ", "));
} catch (const DataError& error) {
  return error.what();
}

// Why the file is not as it was written; empty if it is. A disk that cannot be read is no damage:
// that is the CheckpointError of the system call.
std::string damage(const DurableFile& file, const std::string& path) {
  pass_fault_point("checkpoint.read", "read", path);
  UserBlock block;
  if (file.read(&block, sizeof block, 0) < sizeof block || block.magic != UserBlock().magic) {
    return "it does not begin as a checkpoint does";
  }
  if (block.length != file.size()) {
    return fmt::format("it has {} bytes instead of {}", file.size(), block.length);
  }
  if (block.file_hash == file_hash(file, block)) return "";
  const bool intact = block.structure_end <= block.length &&
                      block.structure_hash == structure_hash(file, block.structure_end);
  return intact ? damaged_tensors(path) : "its structure changed";
}

[[noreturn]] void throw_damaged(const std::string& path, const std::string& why) {
  throw DamagedCheckpoint(
      fmt::format("checkpoint {} is damaged ({}) take another one, or a copy", path, why));
}

// Its bytes have been verified, but may have been read once more since.
at::Tensor read_tensor(const Hdf5File& file, const std::string& name) {
  at::Tensor tensor = file.read(name);
  if (hash_text(tensor) != file.text_attribute(name, "xxh3"))
    throw_damaged(file.path(), "changed: " + name);
  return tensor;
}

struct RemovedAtExit {
  std::string path;
  ~RemovedAtExit() {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
};

}  // namespace

std::string partial_path(const std::string& path) {
  const std::filesystem::path target(path);
  return target.parent_path() / ("." + target.filename().string() + ".partial");
}

void write_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  const RemovedAtExit partial{partial_path(path)};  // renamed by then, unless something failed
  try {
    UserBlock block;
    block.structure_end = write_hdf5(partial.path, checkpoint);
    DurableFile file(partial.path, O_RDWR);
    block.length = file.size();
    block.structure_hash = structure_hash(file, block.structure_end);
    block.file_hash = file_hash(file, block);
    pass_fault_point("checkpoint.header", "write", partial.path);
    file.write(&block, sizeof block, 0);
    pass_fault_point("checkpoint.sync", "write", partial.path);
    file.sync();
    pass_fault_point("checkpoint.rename", "rename", partial.path);
    rename_file(partial.path, path);
    pass_fault_point("checkpoint.sync_directory", "write", path);
    sync_directory_of(path);
  } catch (const std::exception& error) {
    throw CheckpointError(fmt::format("checkpoint {} was not saved: {}", path, error.what()));
  }
}

void verify_checkpoint(const std::string& path) {
  const DurableFile file(path, O_RDONLY);
  if (const std::string why = damage(file, path); !why.empty()) throw_damaged(path, why);
  UserBlock block;
  file.read(&block, sizeof block, 0);
  if (block.version != kFormatVersion) {
    throw CheckpointError(fmt::format(
        "checkpoint {} has format {} (this program knows {}) use the version that wrote it", path,
        block.version, kFormatVersion));
  }
}

int64_t step_of_checkpoint(const std::string& path) {
  return Hdf5File::open(path).integer_attribute("/progress", "step");
}

Checkpoint read_checkpoint(const std::string& path) {
  verify_checkpoint(path);
  try {
    const Hdf5File file = Hdf5File::open(path);
    Checkpoint checkpoint;
    checkpoint.config = file.text_attribute("/", "config");
    checkpoint.data_spec = file.text_attribute("/", "data_spec");
    checkpoint.step = file.integer_attribute("/progress", "step");
    checkpoint.samples = file.integer_attribute("/progress", "samples");
    checkpoint.seed = static_cast<uint64_t>(file.integer_attribute("/progress", "seed"));
    for (const auto& name : file.attributes("/progress")) {
      if (!name.starts_with(kUpdates)) continue;
      checkpoint.updates.emplace_back(name.substr(kUpdates.size()),
                                      file.integer_attribute("/progress", name));
    }
    for (const auto& name : file.tensors())
      checkpoint.tensors.push_back({name, read_tensor(file, name)});
    return checkpoint;
  } catch (const DataError& error) {
    throw CheckpointError(error.what());
  }
}

}  // namespace ornstein
