#include "framework/comm/watchdog.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "framework/base/errors.h"
#include "framework/base/host_name.h"
#include "framework/base/log.h"
#include "framework/comm/check_mpi.h"

namespace ornstein {
namespace {

constexpr double kBeat = 1, kLook = 0.1;  // seconds
constexpr double kPatience = 4;           // with a silent board, seconds
constexpr double kOthersHear = 2.5;       // before the rank that judged leaves, seconds
constexpr double kDisk = 3;               // for the file that a rank leaves, seconds
constexpr double kEnd = 15;               // for all ranks to end theirs, seconds
constexpr size_t kShown = 64;             // operations on the board
const std::string kVerdict = "verdict";

std::string key_of(int rank) { return fmt::format("rank/{}", rank); }

std::vector<uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }
std::string text_of(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

std::string to_json(const FlightRecorder& flight, int rank, const std::string& verdict) {
  const auto [phase, step] = flight.phase_and_step();
  std::string text = fmt::format(
      "{{\"rank\": {}, \"host\": \"{}\", \"time\": {:.3f}, \"phase\": \"{}\", \"step\": {},\n"
      " \"verdict\": \"{}\",\n \"operations\": [",
      rank, host_name(), seconds_since_1970(), phase, step + 1, verdict);
  const char* comma = "";
  for (const Operation& it : flight.recent(FlightRecorder::kKept)) {
    text += fmt::format(
        "{}\n  {{\"sequence\": {}, \"name\": \"{}\", \"bytes\": {}, \"step\": {}, \"begun\": "
        "{:.6f}, \"ended\": {}}}",
        comma, it.sequence, it.name, it.bytes, it.step + 1, it.begun,
        it.under_way() ? "null" : fmt::format("{:.6f}", it.ended));
    comma = ",";
  }
  return text + "\n]}\n";
}

// Ends the process, whatever its other threads wait for, unless `cancelled` by then.
void leave_after(double seconds, std::shared_ptr<const std::atomic<bool>> cancelled) {
  std::thread([=] {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    if (!*cancelled) std::_Exit(kHung);
  }).detach();
}

}  // namespace

Watchdog::Watchdog(MPI_Comm communicator, std::shared_ptr<FlightRecorder> flight, Options options)
    : flight_(std::move(flight)), options_(std::move(options)) {
  TORCH_CHECK(options_.deadline > 0, "a watchdog with a deadline of ", options_.deadline, " s");
  check_mpi(MPI_Comm_rank(communicator, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(communicator, &ranks_), "MPI_Comm_size");
  if (ranks_ == 1) return;
  check_mpi(MPI_Comm_dup(communicator, &communicator_), "MPI_Comm_dup");
  store_ = make_store(communicator_, std::chrono::milliseconds(int64_t(1000 * kPatience)));
  publish(0);
}

void Watchdog::start() {
  if (ranks_ == 1) return;
  flight_->on_failure([this](const std::string& why) {
    {
      const std::lock_guard lock(mutex_);
      failure_ = why;
    }
    changed_.notify_all();
    while (true) ::pause();  // the process ends under it
  });
  beating_ = std::thread(&Watchdog::keep_beating, this);
  watching_ = std::thread(&Watchdog::keep_watching, this);
}

Watchdog::~Watchdog() {
  if (!beating_.joinable()) return;
  const auto ended = std::make_shared<std::atomic<bool>>(false);
  leave_after(kEnd, ended);
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  beating_.join();
  watching_.join();
  flight_->on_failure(nullptr);
  if (rank_ > 0) store_.reset();
  MPI_Barrier(communicator_);  // rank 0 holds the store until nobody asks it
  MPI_Comm_free(&communicator_);
  *ended = true;
}

bool Watchdog::pause(double seconds) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return stop_; });
}

void Watchdog::publish(int64_t beat) {
  const auto [phase, step] = flight_->phase_and_step();
  store_->set(key_of(rank_),
              bytes_of(to_text({beat, host_name(), phase, step, flight_->recent(kShown)})));
}

void Watchdog::answer() {
  std::unique_lock lock(mutex_);
  if (wants_board_) {
    lock.unlock();
    std::vector<std::string> keys;
    for (int r = 0; r < ranks_; ++r) keys.push_back(key_of(r));
    Board board;
    for (const auto& bytes : store_->multiGet(keys))
      board.push_back(sighting_from_text(text_of(bytes)));
    lock.lock();
    board_ = std::move(board);
    wants_board_ = false;
  }
  if (!verdict_.empty() && !told_) {
    const std::string verdict = verdict_;
    lock.unlock();
    if (store_->add("judges", 1) == 1) {  // one speaks for all
      log_any_rank(verdict);
      store_->set(kVerdict, bytes_of(verdict));
      lock.lock();
      told_ = true;
    }
  }
}

void Watchdog::keep_beating() {
  for (int64_t beat = 1;; ++beat) {
    try {
      publish(beat);
      answer();
      if (!told_ && store_->check({kVerdict})) leave(text_of(store_->get(kVerdict)));
      changed_.notify_all();
    } catch (const std::exception&) {  // who waits for the board will find it silent
    }
    if (!pause(kBeat)) return;
  }
}

void Watchdog::keep_watching() {
  int64_t sequence = 0;
  double waited = 0;
  auto looked = std::chrono::steady_clock::now();
  while (pause(kLook)) {
    const auto now = std::chrono::steady_clock::now();
    const Operation last = flight_->last();
    if (last.sequence != sequence || !last.under_way()) waited = 0;
    sequence = last.sequence;
    // A process that was itself asleep has not waited meanwhile.
    waited += std::min(std::chrono::duration<double>(now - looked).count(), 1.0);
    looked = now;
    std::string failure;
    {
      const std::lock_guard lock(mutex_);
      failure = failure_;
    }
    if (!failure.empty())
      bite(sequence, failure.substr(0, failure.find(") ") + 1));  // without the cure
    if (waited > options_.deadline) bite(sequence, fmt::format("for {:.0f} s", waited));
  }
}

bool Watchdog::is_over(int64_t sequence) {
  const std::lock_guard lock(mutex_);
  const Operation last = flight_->last();
  return stop_ || (failure_.empty() && (last.sequence != sequence || !last.under_way()));
}

std::optional<Watchdog::Board> Watchdog::next_board() {
  std::unique_lock lock(mutex_);
  wants_board_ = true;
  board_.reset();
  changed_.wait_for(lock, std::chrono::duration<double>(kPatience + kBeat),
                    [this] { return board_.has_value(); });
  return board_;
}

void Watchdog::bite(int64_t sequence, const std::string& why_now) {
  const auto before = next_board();
  if (before) pause(2.5 * kBeat);
  const auto now = before ? next_board() : std::nullopt;
  const Operation last = flight_->last();
  std::string verdict =
      fmt::format("{}; rank {} has waited in {} of {} bytes ({}) see {}/rank_*.json, then {}",
                  judge(before, now).why, rank_, last.name, last.bytes, why_now, options_.directory,
                  options_.cure);
  std::replace(verdict.begin(), verdict.end(), '"', '\'');
  if (is_over(sequence)) return;
  if (now) {
    {
      const std::lock_guard lock(mutex_);
      verdict_ = verdict;
    }
    pause(kOthersHear + kBeat);
  } else {
    log_any_rank(verdict);
  }
  leave(verdict);
}

void Watchdog::leave(const std::string& verdict) {
  leave_after(kDisk, std::make_shared<std::atomic<bool>>(false));  // the disk may be what is stuck
  std::error_code ignored;
  std::filesystem::create_directories(options_.directory, ignored);
  std::ofstream(fmt::format("{}/rank_{}.json", options_.directory, rank_))
      << to_json(*flight_, rank_, verdict);
  std::_Exit(kHung);
}

}  // namespace ornstein
