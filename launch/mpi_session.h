// MPI from MPI_Init_thread to MPI_Finalize.
#pragma once

#include <functional>
#include <memory>

#include "framework/comm/flight_recorder.h"

namespace ornstein {

class MpiSession {
 public:
  // Throws CommError when the library grants no thread level that the engine can use, ConfigError
  // for a wrong launch: processes that do not see each other, other programs or other arguments on
  // some ranks. Where one rank speaks for all (launch/wrong_launch.h), the others throw Quiet.
  MpiSession(int* argc, char*** argv);
  MpiSession(const MpiSession&) = delete;

  int rank() const { return rank_; }
  int ranks() const { return ranks_; }
  int local_rank() const { return local_rank_; }    // among the ranks of this host, as MPI counts
  int local_ranks() const { return local_ranks_; }  // how many these are

  // Runs `work` on every rank, then asks all how it went. If it threw anywhere, the lowest such
  // rank rethrows and the others throw Quiet with the same exit code: nobody is left waiting, one
  // line is printed. After a request to stop on any rank all throw Quiet with kStopped.
  void together(const std::function<void()>& work) const;

  struct Quiet {
    int exit_code;
  };

  // What `together` notes its waiting in, and the process groups of the session theirs.
  const std::shared_ptr<FlightRecorder>& flight() const { return flight_; }

 private:
  // Ends MPI also where the constructor of the session throws.
  struct Library {
    Library(int* argc, char*** argv);
    ~Library();
    int thread_level = 0;
  };
  void find_local_rank();  // and compares it with what the launcher says

  const Library library_;
  const std::shared_ptr<FlightRecorder> flight_ = std::make_shared<FlightRecorder>();
  int rank_ = 0, ranks_ = 1, local_rank_ = 0, local_ranks_ = 1;
};

}  // namespace ornstein
