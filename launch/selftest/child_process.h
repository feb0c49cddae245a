// A program in a process group of its own, and what /proc tells of this program's processes on this
// host. Nothing here forks: the children are made by posix_spawn.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace ornstein {

class ChildProcess {
 public:
  // Starts `command` (its first word is looked up in PATH) with an empty standard input; output and
  // errors go to the file `log`. ConfigError if it cannot be started.
  ChildProcess(const std::vector<std::string>& command, const std::string& log);
  ~ChildProcess();  // SIGKILL to the group if it still runs
  ChildProcess(const ChildProcess&) = delete;

  void signal(int number) const;  // to the process, not to its group; nothing once it has ended

  // As a shell gives it, 128 + the signal's number for one that was killed; none while it runs.
  std::optional<int> exit_code();

  bool group_is_alive() const;  // some process of the group, the first one or another
  void kill_group() const;      // SIGKILL

 private:
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

struct RankProcess {
  pid_t pid = -1;
  int rank = -1;  // as its launcher's variables say; -1 without
};

// The processes of this very binary whose command line holds `text`, by rank. Other hosts' are not
// seen.
std::vector<RankProcess> rank_processes(const std::string& text);

}  // namespace ornstein
