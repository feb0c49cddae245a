#include "launch/selftest/cases.h"

#include <signal.h>

#include "launch/selftest/faults.h"
#include "launch/selftest/judges.h"

namespace ornstein {
namespace {

constexpr const char* kStops = "stops on request: checkpoint, exit 75";
constexpr const char* kAtOnce = "a second request ends it at once";
constexpr const char* kDeath = "survives death at any moment";
constexpr const char* kWriting = "a failed write spares earlier checkpoints";
constexpr const char* kDamaged = "never loads a damaged checkpoint";
constexpr const char* kZero = "never begins again over damaged ones";
constexpr const char* kHangs = "names the rank that holds up the others";
constexpr const char* kThrows = "an error on one rank ends all";
constexpr const char* kSkips = "all ranks skip a non-finite step alike";
constexpr const char* kGivesUp = "gives up after many of them in a row";

}  // namespace

std::vector<ChaosCase> chaos_cases() {
  std::vector<ChaosCase> cases = {
      {kStops, "USR1 to one rank", to_a_rank(SIGUSR1), stopped},
      {kStops, "USR1 to the launcher", to_launcher(SIGUSR1), stopped},
      {kStops, "TERM to one rank", to_a_rank(SIGTERM), stopped},
      {kAtOnce, "USR1 twice to one rank, amid a checkpoint", twice_to_a_rank, ended_at_once},
      {kAtOnce, "USR1 twice to the launcher, amid a checkpoint", twice_to_launcher, ended_at_once},
      {kDeath, "KILL to one rank", to_a_rank(SIGKILL), killed},
      {kDeath, "KILL to the launcher and all ranks", kill_all, killed},
      {kDeath, "TERM to the launcher", to_launcher(SIGTERM), killed},
      {kDeath, "killed in a random step", in_a_step("kill", "training.step"), killed_at_a_step},
      {kDamaged, "a bit of the newest flipped", to_newest(flip_a_bit), set_aside},
      {kDamaged, "the newest truncated", to_newest(truncate), set_aside},
      {kDamaged, "the newest empty", to_newest(make_empty), set_aside},
      {kDamaged, "EIO while it is read", fail_to_read, kept_unread},
      {kZero, "a bit of each flipped, three starts", to_newest(flip_a_bit, 3), refused_three_times},
      {kZero, "all truncated, three starts", to_newest(truncate, 3), refused_three_times},
      {kHangs, "a rank stopped (SIGSTOP) in a step", watched("stop", "training.step"), named},
      {kHangs, "a rank stopped (SIGSTOP) at any moment", stop_by_signal, named},
      {kHangs, "a rank sleeps for ever", watched("sleep", "training.step"), named},
      {kHangs, "a rank skips a collective", watched("on", "collective"), named},
      {kThrows, "a rank throws", watched("throw", "training.step"), threw},
      {kSkips, "a loss is NaN on one rank", in_a_step("on", "training.loss"), skipped_alike},
      {kGivesUp, "more than training.max_skipped", poison_many_steps, failed_with("in a row")},
  };
  for (const char* stage :
       {"create", "tensor", "header", "sync", "rename", "sync_directory", "latest"}) {
    const std::string point = fmt::format("checkpoint.{}", stage);
    cases.push_back({kDeath, "killed at " + point, in_a_checkpoint("kill", point, 1), killed});
    cases.push_back({kWriting, "ENOSPC at " + point, in_a_checkpoint("ENOSPC", point, 2),
                     failed_with("No space left on device")});
    cases.push_back({kWriting, "EIO at " + point, in_a_checkpoint("EIO", point, 2),
                     failed_with("Input/output error")});
  }
  cases.push_back(
      {kWriting, "EIO in removing an old one", fail_to_remove, went_on_without_removing});
  return cases;
}

}  // namespace ornstein
