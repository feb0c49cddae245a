#include "framework/checkpoint/checkpoint_directory.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <limits>
#include <vector>

#include "framework/base/log.h"
#include "framework/checkpoint/durable_file.h"

namespace ornstein {
namespace {

namespace fs = std::filesystem;

// A failing file system call, as a CheckpointError.
void check(const std::error_code& error, const char* verb, const std::string& path) {
  if (!error) return;
  throw CheckpointError(
      fmt::format("cannot {} {} ({}) check space and rights there", verb, path, error.message()));
}

std::vector<std::string> file_names(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> names;
  fs::directory_iterator entry(directory, error);
  // A link to a file system that is not there is no empty directory.
  const bool absent = error == std::errc::no_such_file_or_directory && !fs::is_symlink(directory);
  if (absent) return names;
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    names.push_back(entry->path().filename());
  }
  check(error, "list", directory);
  return names;
}

struct StepFile {
  int64_t step;
  std::string path;
};

// By falling step.
std::vector<StepFile> step_files(const std::string& directory) {
  constexpr std::string_view kPrefix = "step_", kSuffix = ".h5";
  std::vector<StepFile> files;
  for (const auto& name : file_names(directory)) {
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    const char* end = name.data() + name.size() - kSuffix.size();
    int64_t step = 0;
    const auto parsed = std::from_chars(name.data() + kPrefix.size(), end, step);
    if (parsed.ec == std::errc() && parsed.ptr == end)
      files.push_back({step, fs::path(directory) / name});
  }
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.step > b.step; });
  return files;
}

void require_step(const std::string& path, int64_t step) {
  const int64_t held = step_of_checkpoint(path);
  if (held == step) return;
  throw CheckpointError(
      fmt::format("checkpoint {} holds step {} (its name says {}) give it the name step_{:08}.h5",
                  path, held, step, held));
}

// The newest checkpoint of at most `most` steps that verifies; each damaged one before it goes to
// `on_damage`.
template <typename OnDamage>
std::optional<std::string> newest_verified(const std::string& directory, const OnDamage& on_damage,
                                           int64_t most = std::numeric_limits<int64_t>::max()) {
  for (const auto& [step, path] : step_files(directory)) {
    if (step > most) continue;
    try {
      verify_checkpoint(path);
      require_step(path, step);
      return path;
    } catch (const DamagedCheckpoint& error) {
      on_damage(path, error.what());
    }
  }
  return std::nullopt;
}

// Empty if there is none.
std::string latest_in(const std::string& directory) {
  std::string name;
  std::ifstream stream(fs::path(directory) / "latest");
  std::getline(stream, name);
  return name;
}

void write_latest(const std::string& directory, const std::string& name) {
  const std::string latest = fs::path(directory) / "latest", partial = partial_path(latest);
  DurableFile file(partial, O_WRONLY | O_CREAT | O_TRUNC);
  const std::string line = name + "\n";
  pass_fault_point("checkpoint.latest", "write", latest);
  file.write(line.data(), line.size(), 0);
  file.sync();
  rename_durably(partial, latest);
}

// Renames a damaged file to *.damaged, beside earlier ones of its step; returns the new path.
std::string set_aside(const std::string& path) {
  std::string aside = path + ".damaged";
  std::error_code error;
  for (int copy = 2; fs::symlink_status(aside, error).type() != fs::file_type::not_found; ++copy) {
    check(error, "read", aside);
    aside = fmt::format("{}.{}.damaged", path, copy);
  }
  rename_durably(path, aside);
  return aside;
}

void remove_old(const std::string& path) try {
  pass_fault_point("checkpoint.prune", "remove", path);
  std::error_code error;
  fs::remove(path, error);
  check(error, "remove", path);
} catch (const CheckpointError& error) {
  log_info(fmt::format("{}; the disk will fill", error.what()));
}

}  // namespace

CheckpointDirectory::CheckpointDirectory(std::string path, int64_t keep_last, int64_t keep_every)
    : path_(std::move(path)), keep_last_(keep_last), keep_every_(keep_every) {
  TORCH_CHECK(keep_last >= 1 && keep_every >= 0, "keep_last ", keep_last, ", keep_every ",
              keep_every);
}

bool CheckpointDirectory::fresh() const {
  const auto names = file_names(path_);
  return std::none_of(names.begin(), names.end(), [](const std::string& name) {
    return name.starts_with("step_") || name.ends_with(".damaged") || name == "latest";
  });
}

std::optional<std::string> CheckpointDirectory::newest_good() {
  if (fresh()) return std::nullopt;
  const std::string latest = latest_in(path_), there = fs::path(path_) / latest;
  std::error_code ignored;
  if (!latest.empty() && !fs::exists(there, ignored) && !fs::exists(there + ".damaged", ignored))
    log_info(
        fmt::format("checkpoint {} is gone (latest names it) the newest there is is taken", there));
  const auto found = newest_verified(path_, [](const std::string& path, const std::string& why) {
    try {
      log_info(fmt::format("{}; set aside as {}", why, set_aside(path)));
    } catch (const CheckpointError& error) {
      throw CheckpointError(fmt::format("{}; it cannot be set aside: {}", why, error.what()));
    }
  });
  if (found) {
    const std::string name = fs::path(*found).filename();
    if (latest_in(path_) != name) write_latest(path_, name);
    return found;
  }
  throw CheckpointError(
      fmt::format("no checkpoint in {} is good (all are damaged or gone) bring one back from a "
                  "copy, or start anew with --overwrite",
                  path_));
}

std::optional<std::string> CheckpointDirectory::good_up_to(int64_t step) const {
  const auto log = [](const std::string&, const std::string& why) { log_info(why); };
  return newest_verified(path_, log, step);
}

std::string CheckpointDirectory::write(const Checkpoint& checkpoint) {
  std::error_code error;
  fs::create_directories(path_, error);
  check(error, "make", path_);
  for (const auto& name : file_names(path_)) {
    if (name.starts_with(".") && name.ends_with(".partial"))
      fs::remove(fs::path(path_) / name, error);
  }
  const std::string name = fmt::format("step_{:08}.h5", checkpoint.step);
  const std::string path = fs::path(path_) / name;
  write_checkpoint(path, checkpoint);
  write_latest(path_, name);

  const auto files = step_files(path_);
  for (size_t i = keep_last_; i < files.size(); ++i) {
    if (keep_every_ > 0 && files[i].step % keep_every_ == 0) continue;
    remove_old(files[i].path);
  }
  return path;
}

std::string newest_checkpoint(const std::string& directory) {
  const auto found =
      newest_verified(directory, [](const std::string&, const std::string& why) { log_info(why); });
  if (found) return *found;
  throw CheckpointError(fmt::format(
      "no good checkpoint in {} (none was written yet, or all are damaged) give another run",
      directory));
}

}  // namespace ornstein
