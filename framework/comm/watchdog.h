// Ends a job whose collectives stand still, and says who holds them up.
//
// Every rank publishes what it does (verdict.h) once a second in a store on rank 0. A rank that has
// waited in one collective for longer than the deadline, or whose collective failed, reads the
// board, says its verdict in one line, writes its last operations to DIRECTORY/rank_*.json, and
// leaves with exit code kHung, whatever the disk does; the others hear of the verdict within a
// second or so and do the same. A wait that ends before the verdict is told is forgotten. No MPI
// call is made, so that a blocked MPI cannot stop it; a stopped process is left to the launcher,
// which ends a job whose ranks leave. Time from the deadline to the last exit: at most 15 s.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "framework/comm/flight_recorder.h"
#include "framework/comm/store.h"
#include "framework/comm/verdict.h"

namespace ornstein {

class Watchdog {
 public:
  struct Options {
    double deadline = 0;    // seconds, > 0
    std::string directory;  // made when it is needed
    std::string cure;       // ends the verdict
  };
  // All ranks of the communicator make one together, and end it together before MPI_Finalize.
  // CommError as make_store, on some ranks perhaps: start() it once all have one. One rank alone
  // watches nothing.
  Watchdog(MPI_Comm communicator, std::shared_ptr<FlightRecorder> flight, Options options);
  // Ranks that do not end theirs within 15 s are left behind: this one leaves with kHung.
  ~Watchdog();
  void start();
  Watchdog(const Watchdog&) = delete;

 private:
  using Board = std::vector<Sighting>;

  void keep_beating();
  void keep_watching();
  bool pause(double seconds);  // false: the end has come
  void publish(int64_t beat);
  void answer();                      // what the watching thread wants of the store
  std::optional<Board> next_board();  // from a beat that begins after the call
  bool is_over(int64_t sequence);     // the wait in this collective
  void bite(int64_t sequence, const std::string& why_now);
  [[noreturn]] void leave(const std::string& verdict);

  const std::shared_ptr<FlightRecorder> flight_;
  const Options options_;
  MPI_Comm communicator_ = MPI_COMM_NULL;
  int rank_ = 0, ranks_ = 1;
  c10::intrusive_ptr<c10d::TCPStore> store_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  bool wants_board_ = false;
  std::optional<Board> board_;
  std::string failure_;  // of a collective
  std::string verdict_;  // of this rank, to be told
  bool told_ = false;
  // The store may keep the first one waiting; the second never asks it.
  std::thread beating_, watching_;
};

}  // namespace ornstein
