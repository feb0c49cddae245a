#include "launch/wrong_launch.h"

#include <gtest/gtest.h>

#include "framework/base/errors.h"
#include "tests/launch/environment.h"

namespace ornstein {
namespace {

// The message, or nothing where the launch is taken.
std::string refusal(const Variables& variables, int ranks) {
  try {
    refuse_singletons(environment(variables), ranks);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

void expect_refused(const Variables& variables, const std::string& says) {
  const std::string message = refusal(variables, 1);
  EXPECT_NE(message.find(says), std::string::npos) << message;
  EXPECT_EQ(refusal(variables, 4), "") << "MPI sees them";
}

TEST(Singletons, AreRefusedUnderEveryLauncher) {
  expect_refused({{"SLURM_STEP_NUM_TASKS", "4"}}, "srun --mpi=pmix");
  expect_refused({{"PMI_SIZE", "4"}}, "mpirun of the MPI");
  expect_refused({{"MV2_COMM_WORLD_SIZE", "2"}}, "MV2_COMM_WORLD_SIZE");
  expect_refused({{"PALS_LOCAL_SIZE", "2"}}, "PALS_LOCAL_SIZE");
  expect_refused({{"OMPI_COMM_WORLD_SIZE", "4"}}, "4 processes");
}

TEST(Singletons, AreNotASingleProcessStartedAsSuch) {
  EXPECT_EQ(refusal({}, 1), "");
  EXPECT_EQ(refusal({{"SLURM_STEP_NUM_TASKS", "1"}}, 1), "");
  EXPECT_EQ(refusal({{"SLURM_NTASKS", "4"}, {"SLURM_PROCID", "0"}}, 1), "") << "a batch shell";
  EXPECT_EQ(refusal({{"SLURM_STEP_NUM_TASKS", "2"}, {"OMPI_COMM_WORLD_SIZE", "1"}}, 1), "")
      << "mpirun -n 1 in a step of daemons";
}

TEST(OwnProgram, IsAHashOfTheRunningFile) {
  EXPECT_EQ(own_program(), own_program());
  EXPECT_EQ(own_program().size(), 16u) << own_program();
}

}  // namespace
}  // namespace ornstein
