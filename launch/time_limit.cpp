#include "launch/time_limit.h"

#include <chrono>
#include <cstdio>
#include <limits>
#include <regex>

#include "framework/base/log.h"

namespace ornstein {
namespace {

constexpr double kAskEvery = 60;  // seconds

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// What a command prints; empty if it fails. (glibc's popen spawns, it does not fork.)
std::string output_of(const std::string& command) {
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return "";
  char line[256] = "";
  const bool read = std::fgets(line, sizeof line, pipe) != nullptr;
  return ::pclose(pipe) == 0 && read ? line : "";
}

}  // namespace

std::optional<int64_t> seconds_of_slurm_time(const std::string& text) {
  static const std::regex form(R"(\s*(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)\s*)");
  std::smatch part;
  if (!std::regex_match(text, part, form)) return std::nullopt;
  const auto number = [&](size_t i) { return part[i].matched ? std::stoll(part[i].str()) : 0; };
  return ((number(1) * 24 + number(2)) * 60 + number(3)) * 60 + number(4);
}

TimeLimit::TimeLimit(int64_t seconds) : seconds_(seconds) {
  const char* job = std::getenv("SLURM_JOB_ID");
  if (job != nullptr && seconds > 0) job_ = job;
}

bool TimeLimit::near() {
  if (job_.empty()) return false;
  if (!answer_.valid() && now() >= ask_at_) {
    ask_at_ = now() + kAskEvery;
    answer_ = std::async(std::launch::async,
                         [command = "timeout -k 1 10 squeue -h -j " + job_ + " -o %L 2>/dev/null"] {
                           return output_of(command);
                         });
  }
  if (answer_.valid() && answer_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
    const std::string left = answer_.get();
    if (const auto seconds = seconds_of_slurm_time(left)) {
      ends_at_ = now() + static_cast<double>(*seconds);
    } else if (!left.empty()) {  // UNLIMITED
      ends_at_ = std::numeric_limits<double>::infinity();
    } else if (!warned_) {
      warned_ = true;
      log_info(
          "--stop-before: squeue tells no time left (it is missing, does not answer, or does not "
          "know the job) it is asked again every minute");
    }
  }
  return ends_at_ - now() < static_cast<double>(seconds_);
}

}  // namespace ornstein
