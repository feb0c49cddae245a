#include "framework/base/log.h"

#include <atomic>
#include <cstdio>

namespace ornstein {
namespace {

std::atomic<int> speaker = 0;

// One write a line, so that lines of several ranks do not mix.
void write_line(const std::string& line) {
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

void set_log_rank(int rank) { speaker = rank; }

int log_rank() { return speaker; }

void log_info(std::string_view line) {
  if (speaker == 0) write_line(fmt::format("{}\n", line));
}

void log_any_rank(std::string_view line) {
  write_line(fmt::format("rank {}: {}\n", speaker.load(), line));
}

}  // namespace ornstein
