#include "framework/training/progress.h"

#include <unistd.h>

#include <cstdio>

#include "framework/base/log.h"

namespace ornstein {
namespace {

std::string in_words(double seconds) {
  const auto s = static_cast<int64_t>(seconds + 0.5);
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{}:{:02d} min", s / 60, s % 60);
  return fmt::format("{}:{:02d} h", s / 3600, s / 60 % 60);
}

}  // namespace

Progress::Progress(int64_t first_step, int64_t steps, int64_t rows_a_step)
    : steps_(steps),
      rows_a_step_(rows_a_step),
      terminal_(isatty(STDERR_FILENO) == 1),
      last_print_(Clock::now()),
      last_time_(last_print_),
      last_step_(first_step) {}

void Progress::show(int64_t step, double loss) {
  const auto now = Clock::now();
  const double waited = std::chrono::duration<double>(now - last_print_).count();
  if (waited < (terminal_ ? 0.2 : pause_) && step != steps_) return;
  const double elapsed = std::chrono::duration<double>(now - last_time_).count();
  if (elapsed > 0 && step > last_step_)
    rate_ = static_cast<double>((step - last_step_) * rows_a_step_) / elapsed;
  last_time_ = last_print_ = now;
  last_step_ = step;
  pause_ = std::min(60.0, pause_ > 0 ? 2 * pause_ : 2.0);
  const double left = rate_ > 0 ? static_cast<double>((steps_ - step) * rows_a_step_) / rate_ : 0;
  const std::string line = fmt::format("step {}/{}  loss {:.4f}  {:.0f} samples/s  {} left", step,
                                       steps_, loss, rate_, in_words(left));
  if (!terminal_) return log_info(line);
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
  line_open_ = true;
}

void Progress::finish() {
  if (line_open_) std::fputc('\n', stderr);
  line_open_ = false;
}

}  // namespace ornstein
