// A run's directory (design, section 2): its paths, its one writer, and what may be found there.
// Rank 0 only.
#pragma once

#include <functional>
#include <string>

namespace ornstein {

class RunDirectory {
 public:
  explicit RunDirectory(std::string path) : path_(std::move(path)) {}
  ~RunDirectory();  // gives the lock back
  RunDirectory(const RunDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string config() const { return path_ + "/config.json"; }
  std::string metrics() const { return path_ + "/metrics.jsonl"; }
  std::string provenance() const { return path_ + "/provenance.jsonl"; }
  std::string skipped() const { return path_ + "/skipped.jsonl"; }  // steps that were not finite
  std::string checkpoints() const { return path_ + "/checkpoints"; }
  std::string sample(int64_t step, const std::string& suffix) const;  // samples/step_00001000.png

  bool holds_run() const;  // config.json is there

  // Makes the directory if need be and takes its lock: flock, plus host and job written into it.
  // Waits up to `wait_seconds` for another writer, then throws ConfigError naming it; StopRequested
  // once `stop_here` says so. ConfigError if it cannot be written.
  void open_for_writing(const std::function<bool()>& stop_here, double wait_seconds = 30);

  void remove_run();  // for --overwrite: what this program writes, nothing else
  void write_config(const std::string& json) const;  // by rename
  std::string read_config() const;

 private:
  std::string path_;
  int lock_ = -1;
};

// Writes beside `path`, then renames: readers see the old or the new text, never half. ConfigError
// if it cannot.
void write_text_by_rename(const std::string& path, const std::string& text);
// CheckpointError if it cannot be written.
void append_line(const std::string& path, const std::string& line);

}  // namespace ornstein
