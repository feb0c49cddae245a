#include "framework/training/run_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "framework/base/errors.h"
#include "framework/base/host_name.h"
#include "framework/checkpoint/durable_file.h"

namespace ornstein {
namespace {

namespace fs = std::filesystem;

std::string read_text(const std::string& path) {
  std::ifstream stream(path);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::string this_writer() {
  const char* job = std::getenv("SLURM_JOB_ID");
  return fmt::format("host {} process {}{}\n", host_name(), getpid(),
                     job ? fmt::format(" job {}", job) : "");
}

}  // namespace

RunDirectory::~RunDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

std::string RunDirectory::sample(int64_t step, const std::string& suffix) const {
  return fmt::format("{}/samples/step_{:08d}{}", path_, step, suffix);
}

bool RunDirectory::holds_run() const {
  std::error_code ignored;  // a folder that cannot be entered: open_for_writing says so
  return fs::exists(config(), ignored);
}

void RunDirectory::open_for_writing(const std::function<bool()>& stop_here, double wait_seconds) {
  std::error_code error;
  for (const char* folder : {"/checkpoints", "/samples"}) {
    fs::create_directories(path_ + folder, error);
    if (error) {
      throw ConfigError(
          fmt::format("{}: cannot be written ({}) choose another --out", path_, error.message()));
    }
  }
  const std::string lock_file = path_ + "/lock";
  lock_ = ::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0) {
    throw ConfigError(fmt::format("{}: cannot be written ({}) choose another --out", path_,
                                  std::strerror(errno)));
  }
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::duration<double>(wait_seconds);
  while (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      throw ConfigError(
          fmt::format("{}: cannot be locked ({}) mount it with flock, or choose another --out",
                      path_, std::strerror(errno)));
    }
    if (std::chrono::steady_clock::now() > deadline) {
      std::string writer = read_text(lock_file);
      if (!writer.empty() && writer.back() == '\n') writer.pop_back();
      throw ConfigError(fmt::format(
          "{}: another run writes here (by {}) stop it, or choose another --out", path_, writer));
    }
    if (stop_here()) throw StopRequested();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  const std::string writer = this_writer();
  if (::ftruncate(lock_, 0) != 0 || ::pwrite(lock_, writer.data(), writer.size(), 0) < 0) {
    throw ConfigError(
        fmt::format("{}: cannot be written ({}) make room there, or choose another --out",
                    lock_file, std::strerror(errno)));
  }
}

void RunDirectory::remove_run() {
  for (const char* name : {"checkpoints", "samples", "flight", "metrics.jsonl", "provenance.jsonl",
                           "skipped.jsonl", "config.json"}) {
    fs::remove_all(path_ + "/" + name);
  }
  for (const auto& entry : fs::directory_iterator(path_)) {
    if (entry.path().filename().string().starts_with("events.out.tfevents."))
      fs::remove(entry.path());
  }
  fs::create_directories(checkpoints());
  fs::create_directories(path_ + "/samples");
}

void RunDirectory::write_config(const std::string& json) const {
  write_text_by_rename(config(), json);
}

std::string RunDirectory::read_config() const { return read_text(config()); }

void write_text_by_rename(const std::string& path, const std::string& text) {
  const std::string beside = path + ".tmp";
  try {
    DurableFile file(beside, O_WRONLY | O_CREAT | O_TRUNC);
    file.write(text.data(), text.size(), 0);
    file.sync();
    rename_durably(beside, path);
  } catch (const Error& error) {
    std::error_code ignored;
    fs::remove(beside, ignored);
    throw ConfigError(fmt::format("{}: cannot be written: {}", path, error.what()));
  }
}

void append_line(const std::string& path, const std::string& line) {
  DurableFile file(path, O_RDWR | O_CREAT);
  const std::string text = line + "\n";
  file.write(text.data(), text.size(), file.size());
}

}  // namespace ornstein
