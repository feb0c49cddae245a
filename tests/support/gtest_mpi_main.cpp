// The main of tests that run under mpirun: every rank runs every test, rank 0 talks, the others
// speak when they fail. An exception or a failed ASSERT leaves the ranks at different places, so it
// ends the whole job at once; a failed EXPECT lets the tests go on, and all ranks return non-zero
// in the end.
#include <gtest/gtest.h>
#include <mpi.h>

#include "framework/base/errors.h"
#include "framework/base/log.h"
#include "framework/comm/abort_job.h"
#include "framework/comm/check_mpi.h"

namespace {

using ornstein::check_mpi;

class RankListener final : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo& test) override {
    test_ = fmt::format("{}.{}", test.test_suite_name(), test.name());
  }
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    const std::string line =
        fmt::format("{}: {}:{}: {}", test_, result.file_name() ? result.file_name() : "",
                    result.line_number(), result.message());
    if (result.fatally_failed()) ornstein::abort_job(ornstein::Error(line));
    ornstein::log_any_rank(line);
  }

  std::string test_;  // UnitTest::current_test_info() would wait for the lock that is held here
};

int run(int& argc, char** argv) {
  int rank = 0;
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank), "MPI_Comm_rank");
  ornstein::set_log_rank(rank);
  testing::InitGoogleTest(&argc, argv);
  GTEST_FLAG_SET(catch_exceptions, false);
  auto& listeners = testing::UnitTest::GetInstance()->listeners();
  if (rank != 0) delete listeners.Release(listeners.default_result_printer());
  listeners.Append(new RankListener);
  int failed = RUN_ALL_TESTS();
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD),
            "MPI_Allreduce");
  return failed;
}

}  // namespace

int main(int argc, char** argv) {
  int level = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &level);
  try {
    ornstein::require_thread_level(level);
    const int result = run(argc, argv);
    MPI_Finalize();
    return result;
  } catch (const std::exception& error) {
    ornstein::abort_job(error);
  }
}
