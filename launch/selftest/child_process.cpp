#include "launch/selftest/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "framework/base/errors.h"

namespace ornstein {
namespace {

namespace fs = std::filesystem;

// A file of /proc with its zeros as they are; empty if the process has gone or is another user's.
std::string read_proc(pid_t pid, const char* name) {
  std::ifstream file(fmt::format("/proc/{}/{}", pid, name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string program_of(const std::string& pid) {
  std::error_code gone;
  return fs::read_symlink("/proc/" + pid + "/exe", gone);
}

int rank_of(pid_t pid) {
  const std::string environment = '\0' + read_proc(pid, "environ");
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"}) {
    const std::string entry = fmt::format("{}{}=", '\0', name);
    const size_t at = environment.find(entry);
    if (at != std::string::npos) return std::atoi(environment.c_str() + at + entry.size());
  }
  return -1;
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0666);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  const int error = posix_spawnp(&pid_, words[0], &files, &attributes, words.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) {
    throw ConfigError(fmt::format("cannot start {} ({}) give another --launcher", command[0],
                                  std::strerror(error)));
  }
}

ChildProcess::~ChildProcess() {
  if (exit_code()) return;
  kill_group();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void ChildProcess::signal(int number) const {
  if (!exit_code_) ::kill(pid_, number);  // until it is waited for, the number is its own
}

std::optional<int> ChildProcess::exit_code() {
  int status = 0;
  if (!exit_code_ && ::waitpid(pid_, &status, WNOHANG) == pid_)
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return exit_code_;
}

bool ChildProcess::group_is_alive() const { return ::kill(-pid_, 0) == 0; }

void ChildProcess::kill_group() const { ::kill(-pid_, SIGKILL); }

std::vector<RankProcess> rank_processes(const std::string& text) {
  const std::string own = program_of("self");
  std::vector<RankProcess> found;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ptr !=
        name.data() + name.size())
      continue;
    if (pid == ::getpid() || program_of(name) != own) continue;
    if (read_proc(pid, "cmdline").find(text) != std::string::npos)
      found.push_back({pid, rank_of(pid)});
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.rank < b.rank; });
  return found;
}

}  // namespace ornstein
