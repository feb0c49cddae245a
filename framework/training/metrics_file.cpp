#include "framework/training/metrics_file.h"

#include <fcntl.h>

#include <filesystem>
#include <fstream>

#include "framework/checkpoint/durable_file.h"
#include "framework/training/run_directory.h"

namespace ornstein {

MetricsFile::MetricsFile(std::string path, int64_t step) : path_(std::move(path)) {
  if (!std::filesystem::exists(path_)) return;
  std::ifstream stream(path_);
  std::string kept;
  for (std::string line; std::getline(stream, line);) {
    const auto at = integer_in_json(line, "step");
    if (!at || *at > step) break;
    kept += line + "\n";
  }
  write_text_by_rename(path_, kept);
}

void MetricsFile::write(const JsonLine& line) { append_line(path_, line.text()); }

void MetricsFile::sync() const {
  if (std::filesystem::exists(path_)) DurableFile(path_, O_RDWR).sync();
}

}  // namespace ornstein
