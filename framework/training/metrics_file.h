// metrics.jsonl: one object a line, every logged step once, strictly increasing (design, section
// 2).
#pragma once

#include <cstdint>
#include <string>

#include "framework/config/json_line.h"

namespace ornstein {

class MetricsFile {
 public:
  // Goes on with `path` after a resume at `step`: later lines and a torn last line are dropped (by
  // rename).
  MetricsFile(std::string path, int64_t step);
  void write(const JsonLine& line);
  void sync()
      const;  // on the disk when it returns: before a checkpoint, so that none outlives its log

 private:
  std::string path_;
};

}  // namespace ornstein
