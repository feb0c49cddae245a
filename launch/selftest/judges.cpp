#include "launch/selftest/judges.h"

#include <algorithm>
#include <filesystem>
#include <regex>

#include "framework/base/errors.h"
#include "framework/config/json_line.h"

namespace ornstein {
namespace {

namespace fs = std::filesystem;

// Ranks that wait for one another are gone so many seconds after collective_timeout.
constexpr double kGrace = 15;

std::string last_checkpoint_of(const Trial& t) {
  return t.checkpoints() + "/" + fs::path(t.run().last_checkpoint()).filename().string();
}

bool any_set_aside(const Trial& t) {
  return std::any_of(fs::directory_iterator(t.checkpoints()), fs::directory_iterator(),
                     [](const auto& entry) { return entry.path().extension() == ".damaged"; });
}

// One rank has left with `code`, the launcher has ended the others. srun reports the SIGKILL that
// it then sends.
void require_code_of_one(const Trial& t, int code) {
  constexpr int kKilled = 128 + 9;
  promise(t.code() == code || (t.under_srun() && t.code() == kKilled),
          fmt::format("exit code {} instead of {}", t.code(), code));
}

// Seconds beyond kGrace until the launcher has ended a rank that cannot leave by itself: srun waits
// for Slurm's KillWait, 30 s by default.
double launcher_grace(const Trial& t) { return t.under_srun() ? 45 : 0; }

void require_code(const Trial& t, int code) {
  promise(t.code() == code, fmt::format("exit code {} instead of {}", t.code(), code));
}

void require_words(const Trial& t, const std::string& words) {
  promise(t.log().find(words) != std::string::npos, "no line says: " + words);
}

// The ranks that the watchdog's lines hold responsible.
std::vector<int> named_ranks(const std::string& log) {
  static const std::regex line("(?:^|\n|: )rank (\\d+)(?: on |, which )");
  std::vector<int> ranks;
  for (std::sregex_iterator match(log.begin(), log.end(), line), end; match != end; ++match)
    ranks.push_back(std::stoi((*match)[1]));
  return ranks;
}

}  // namespace

void stopped(Trial& t) {
  t.finish();
  if (t.code() == kDone) throw CameTooLate{};
  require_code(t, kStopped);
  t.require_whole_checkpoints(1);
  t.resume_as_undisturbed();
}

void ended_at_once(Trial& t) {
  t.finish(kGrace + launcher_grace(t));
  require_code_of_one(t, kFailed);
  t.require_whole_checkpoints(0);
  t.resume_as_undisturbed();
}

void killed(Trial& t) {
  t.finish();
  if (t.code() == kDone) throw CameTooLate{};
  t.require_whole_checkpoints(t.moment > 1 ? 1 : 0);
  t.resume_as_undisturbed();
}

void killed_at_a_step(Trial& t) {
  t.finish();
  promise(t.code() != kDone, "exit code 0 though a rank was killed");
  t.require_whole_checkpoints(0);
  t.resume_as_undisturbed();
}

ChaosAct failed_with(const std::string& words) {
  return [=](Trial& t) {
    t.finish();
    require_code_of_one(t, kFailed);
    require_words(t, words);
    t.require_whole_checkpoints(t.moment > 1 ? 1 : 0);
    t.resume_as_undisturbed();
  };
}

void went_on_without_removing(Trial& t) {
  t.finish();
  require_code(t, kDone);
  require_words(t, "cannot remove");
  promise(same_bytes(last_checkpoint_of(t), t.run().last_checkpoint()),
          "the last checkpoint differs from the undisturbed run's");
}

void set_aside(Trial& t) {
  t.resume_as_undisturbed();
  promise(any_set_aside(t), "the damaged file was not set aside");
  require_words(t, "goes on from step");
}

void kept_unread(Trial& t) {
  t.finish();
  require_code(t, kFailed);
  promise(!any_set_aside(t), "a file that could not be read was set aside");
  t.resume_as_undisturbed();
}

void refused_three_times(Trial& t) {
  for (int i = 1; i <= 3; ++i) {
    t.start();
    t.finish();
    promise(t.code() == kFailed, fmt::format("start {}: exit code {} instead of 1", i, t.code()));
    require_words(t, "no checkpoint in");
    promise(t.log().find("from step") == std::string::npos, "it began to train");
  }
}

void named(Trial& t) {
  t.finish(ChaosRun::kCollectiveTimeout + kGrace + launcher_grace(t));
  if (t.code() == kDone) throw CameTooLate{};
  const std::vector<int> ranks = named_ranks(t.log());
  promise(!ranks.empty(), "no line names a rank");
  for (const int rank : ranks)
    promise(rank == t.rank, fmt::format("rank {} was named instead of {}", rank, t.rank));
  require_code_of_one(t, kHung);
  t.require_whole_checkpoints(0);
  t.resume_as_undisturbed();
}

void threw(Trial& t) {
  t.finish(ChaosRun::kCollectiveTimeout + kGrace + launcher_grace(t));
  require_code_of_one(t, kFailed);
  require_words(t, fmt::format("rank {}: thrown", t.rank));
  t.require_whole_checkpoints(0);
  t.resume_as_undisturbed();
}

// The same step poisoned on another rank ends with the same bytes: every rank left it out.
void skipped_alike(Trial& t) {
  const int64_t step = t.moment;
  const auto finish = [&] {
    t.finish();
    require_code(t, kDone);
    const std::string lines = read_text(t.directory() + "/skipped.jsonl");
    promise(
        std::count(lines.begin(), lines.end(), '\n') == 1 && integer_in_json(lines, "step") == step,
        fmt::format("skipped.jsonl does not hold step {} alone", step));
    const size_t rows = lines.find("\"rows\"");
    promise(rows != std::string::npos && std::count(lines.begin() + static_cast<int64_t>(rows),
                                                    lines.end(), ',') == ChaosRun::kRows - 1,
            "skipped.jsonl lacks the rows of the step");
    return last_checkpoint_of(t);
  };
  const std::string first = finish();
  t.use("other");
  t.start(fmt::format("on@training.loss:{}/{}", step, (t.rank + 1) % t.run().ranks));
  promise(same_bytes(first, finish()), "ranks left the step out in different ways");
  promise(!same_bytes(first, t.run().last_checkpoint()), "the step was not left out");
}

}  // namespace ornstein
