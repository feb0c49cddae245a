#include "framework/base/log.h"

#include <atomic>
#include <cstdio>

namespace ornstein {
namespace {

std::atomic<int> log_rank = 0;

// One write a line, so that lines of several ranks do not mix.
void write_line(const std::string& line) {
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

void set_log_rank(int rank) { log_rank = rank; }

void log_info(std::string_view line) {
  if (log_rank == 0) write_line(fmt::format("{}\n", line));
}

void log_any_rank(std::string_view line) {
  write_line(fmt::format("rank {}: {}\n", log_rank.load(), line));
}

}  // namespace ornstein
