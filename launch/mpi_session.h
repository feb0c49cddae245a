// MPI from MPI_Init_thread to MPI_Finalize.
#pragma once

#include <functional>

namespace ornstein {

class MpiSession {
 public:
  // Throws CommError when the library grants no thread level that the engine can use, ConfigError
  // for a wrong launch (every process believes it is alone).
  MpiSession(int* argc, char*** argv);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;

  int rank() const { return rank_; }
  int ranks() const { return ranks_; }

  // Runs `work` on every rank, then asks all how it went. If it threw anywhere, the lowest such
  // rank rethrows and the others throw Quiet with the same exit code: nobody is left waiting, one
  // line is printed.
  void together(const std::function<void()>& work) const;

  struct Quiet {
    int exit_code;
  };

 private:
  int rank_ = 0, ranks_ = 1;
};

}  // namespace ornstein
