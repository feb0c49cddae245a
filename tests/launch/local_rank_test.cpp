// Each set of variables is what a launcher gave a rank, on two hosts of two ranks.
#include "launch/local_rank.h"

#include <gtest/gtest.h>

#include "tests/launch/environment.h"

namespace ornstein {
namespace {

void expect_local_rank(const Variables& variables, int rank, int size, const std::string& source) {
  const auto said = local_rank_of(environment(variables));
  ASSERT_TRUE(said.has_value());
  EXPECT_EQ(said->rank, rank);
  EXPECT_EQ(said->size, size);
  EXPECT_EQ(said->source, source);
}

TEST(LocalRank, IsMpirunsOwn) {
  expect_local_rank({{"OMPI_COMM_WORLD_RANK", "3"},
                     {"OMPI_COMM_WORLD_SIZE", "4"},
                     {"PMIX_RANK", "3"},
                     {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                     {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}},
                    1, 2, "OMPI_COMM_WORLD_LOCAL_RANK");
}

TEST(LocalRank, IsSlurmsUnderSrun) {
  Variables variables = {{"SLURM_PROCID", "3"}, {"SLURM_STEP_ID", "0"},
                         {"PMIX_RANK", "3"},    {"SLURM_LOCALID", "1"},
                         {"SLURM_NODEID", "1"}, {"SLURM_STEP_TASKS_PER_NODE", "2(x2)"}};
  expect_local_rank(variables, 1, 2, "SLURM_LOCALID");
  variables["SLURM_STEP_TASKS_PER_NODE"] = "4,3(x2),1";
  variables["SLURM_NODEID"] = "2";
  expect_local_rank(variables, 1, 3, "SLURM_LOCALID");
  variables["SLURM_NODEID"] = "3";
  expect_local_rank(variables, 1, 1, "SLURM_LOCALID");
  variables["SLURM_NODEID"] = "4";
  expect_local_rank(variables, 1, 0, "SLURM_LOCALID");
  variables["SLURM_STEP_TASKS_PER_NODE"] = "many";
  expect_local_rank(variables, 1, 0, "SLURM_LOCALID");
}

// On the other hosts mpirun's daemons are the step's tasks, and their variables are inherited.
TEST(LocalRank, OfMpirunInABatchJobIsNotThatOfItsDaemon) {
  expect_local_rank({{"SLURM_PROCID", "0"},
                     {"SLURM_STEP_ID", "0"},
                     {"SLURM_LOCALID", "0"},
                     {"SLURM_NODEID", "1"},
                     {"SLURM_STEP_TASKS_PER_NODE", "1"},
                     {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                     {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}},
                    1, 2, "OMPI_COMM_WORLD_LOCAL_RANK");
  expect_local_rank({{"SLURM_STEP_ID", "0"},
                     {"SLURM_LOCALID", "0"},
                     {"MPI_LOCALRANKID", "1"},
                     {"MPI_LOCALNRANKS", "2"}},
                    1, 2, "MPI_LOCALRANKID");
}

TEST(LocalRank, IsUnknownInABatchShellAndAlone) {
  EXPECT_FALSE(local_rank_of(environment({})).has_value());
  EXPECT_FALSE(local_rank_of(environment({{"SLURM_PROCID", "0"},
                                          {"SLURM_NTASKS", "4"},
                                          {"SLURM_LOCALID", "0"},
                                          {"SLURM_NODEID", "0"}}))
                   .has_value());
}

TEST(LocalRank, IsFoundUnderOtherLaunchers) {
  expect_local_rank({{"MV2_COMM_WORLD_LOCAL_RANK", "1"}}, 1, 0, "MV2_COMM_WORLD_LOCAL_RANK");
  expect_local_rank({{"PALS_LOCAL_RANKID", "3"}, {"PALS_LOCAL_SIZE", "4"}}, 3, 4,
                    "PALS_LOCAL_RANKID");
}

TEST(LocalRank, IsANumberOrNothing) {
  for (const char* text : {"", "one", "-1", "1x", "99999999999"}) {
    EXPECT_FALSE(local_rank_of(environment({{"OMPI_COMM_WORLD_LOCAL_RANK", text}})).has_value())
        << text;
  }
}

TEST(Device, IsTheRanksShareOfWhatItSees) {
  EXPECT_EQ(device_of(3, 0), std::nullopt);  // none: the processor
  EXPECT_EQ(device_of(3, 1), 0);             // its own only
  EXPECT_EQ(device_of(3, 4), 3);
  EXPECT_EQ(device_of(5, 4), 1);
}

TEST(SharedDevices, AreThoseOfOneHostWithOneIdentity) {
  const std::vector<Seat> own = {{"a", "0000:3b"}, {"a", "0000:86"}, {"b", "0000:3b"}};
  EXPECT_TRUE(shared_devices(own).empty());
  EXPECT_TRUE(shared_devices({{"a", ""}, {"a", ""}}).empty()) << "processors may be shared";
  EXPECT_EQ(shared_devices({{"b", "1"}, {"a", "1"}, {"a", "2"}, {"a", "1"}, {"b", "1"}}),
            (std::vector<std::vector<int>>{{0, 4}, {1, 3}}));
}

}  // namespace
}  // namespace ornstein
