// The pure parts of `ornstein doctor`: its table and what it finds odd.
#include <gtest/gtest.h>

#include "launch/doctor/facts.h"
#include "launch/doctor/findings.h"
#include "launch/doctor/table.h"

namespace ornstein {
namespace {

// Rank `local` of a host with 8 cores, bound to the one of its own number.
RankFacts rank_on(const std::string& host, int local) {
  return {.seat = {host, ""},
          .local_rank = local,
          .cores = {local},
          .host_cores = 8,
          .memory = 64'000'000'000,
          .available = 60'000'000'000 - local,
          .processor = {"Model A", "avx2 fma"},
          .capability = "AVX2",
          .versions = "1",
          .polls = false};
}

std::vector<RankFacts> two_hosts() {
  return {rank_on("n1", 0), rank_on("n1", 1), rank_on("n2", 0), rank_on("n2", 1)};
}

int lines_in(const std::string& text) {
  return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

// That there is exactly one odd thing, and that it says all of this.
void expect_odd(const std::vector<std::string>& odd, const std::vector<std::string>& says) {
  ASSERT_EQ(odd.size(), 1u) << fmt::format("{}", fmt::join(odd, "\n"));
  for (const std::string& words : says) EXPECT_NE(odd[0].find(words), std::string::npos) << odd[0];
}

TEST(NumberRanges, AreShort) {
  EXPECT_EQ(number_ranges({}), "");
  EXPECT_EQ(number_ranges({3}), "3");
  EXPECT_EQ(number_ranges({0, 1, 2, 3, 8}), "0-3,8");
  EXPECT_EQ(number_ranges({0, 2, 4, 6}), "0-6:2");
  EXPECT_EQ(number_ranges({0, 2}), "0,2");
  EXPECT_EQ(number_ranges({1, 5, 6, 7, 9, 11, 13}), "1,5-7,9-13:2");
}

TEST(Table, HasALineForEqualRanksOfAHost) {
  const std::string table = table_of(two_hosts());
  EXPECT_EQ(lines_in(table), 3) << table;
  EXPECT_NE(table.find("0-1    n1    0-1    1 each of 0-1"), std::string::npos) << table;
  EXPECT_NE(table.find("2-3    n2"), std::string::npos) << table;
  EXPECT_NE(table.find("64.0 GB, 60.0 free"), std::string::npos) << table;
}

TEST(Table, ShowsRanksThatDifferOnLinesOfTheirOwn) {
  std::vector<RankFacts> facts = two_hosts();
  facts[1].processor.model = "Model B";
  EXPECT_EQ(lines_in(table_of(facts)), 4);
  facts = two_hosts();
  facts[1].cores = {1, 2};
  EXPECT_EQ(lines_in(table_of(facts)), 4);
  facts = two_hosts();
  facts[3].seat.device = "0000:3b";
  EXPECT_EQ(lines_in(table_of(facts)), 4);
}

TEST(Table, OfRanksThatGoRoundTheHostsStaysShort) {
  std::vector<RankFacts> facts;
  for (int rank = 0; rank < 64; ++rank)
    facts.push_back(rank_on("n" + std::to_string(rank % 8), rank / 8));
  const std::string table = table_of(facts);
  EXPECT_EQ(lines_in(table), 9) << table;
  EXPECT_NE(table.find("0-56:8"), std::string::npos) << table;
}

TEST(Odd, IsNothingOnEqualHosts) { EXPECT_TRUE(odd_things(two_hosts()).empty()); }

TEST(Odd, AreMixedProcessors) {
  std::vector<RankFacts> facts = two_hosts();
  for (int rank : {2, 3}) facts[rank].processor.model = "Model B";
  expect_odd(odd_things(facts), {"ranks 0-1: Model A", "ranks 2-3: Model B", "--constraint"});
  facts = two_hosts();
  facts[3].processor.features = "avx2 fma avx512f";
  expect_odd(odd_things(facts), {"rank 3: Model A: avx2 fma avx512f"});
}

TEST(Odd, AreOtherInstructionsOnEqualProcessors) {
  std::vector<RankFacts> facts = two_hosts();
  facts[1].capability = "DEFAULT";
  expect_odd(odd_things(facts), {"ranks 0,2-3: AVX2", "rank 1: DEFAULT", "ATEN_CPU_CAPABILITY"});
}

TEST(Odd, AreOtherLibraries) {
  std::vector<RankFacts> facts = two_hosts();
  facts[2].versions = "2";
  expect_odd(odd_things(facts), {"ranks 0-1,3: 1", "rank 2: 2"});
}

TEST(Odd, AreRanksOnOneCore) {
  std::vector<RankFacts> facts = two_hosts();
  facts[1].cores = {0};
  expect_odd(odd_things(facts),
             {"ranks 0-1 on n1", "2 ranks share 1 core (0; the host has 8)", "--bind-to core"});
  facts = two_hosts();
  for (RankFacts& rank : facts) rank.host_cores = 1, rank.cores = {0};
  expect_odd(odd_things(facts), {"ranks 0-3 on n1, n2", "start fewer ranks"});
}

TEST(Odd, AreMoreRanksThanTheCoresThatTheyShareInTurns) {
  std::vector<RankFacts> facts = {rank_on("n1", 0), rank_on("n1", 1), rank_on("n1", 2)};
  facts[0].cores = {0, 1};
  facts[1].cores = {1};
  facts[2].cores = {0};
  expect_odd(odd_things(facts), {"ranks 0-2", "3 ranks share 2 cores (0-1; the host has 8)"});
  facts[2].cores = {2};
  EXPECT_TRUE(odd_things(facts).empty()) << "one core each";
}

TEST(Odd, IsPollingOnSharedCoresOnly) {
  std::vector<RankFacts> facts = two_hosts();
  for (RankFacts& rank : facts) rank.polls = true;
  EXPECT_TRUE(odd_things(facts).empty());
  facts[3].cores = {0};
  const auto odd = odd_things(facts);
  ASSERT_EQ(odd.size(), 2u);
  EXPECT_NE((odd[0] + odd[1]).find("OMPI_MCA_mpi_yield_when_idle"), std::string::npos);
}

TEST(Odd, AreRanksOnOneDevice) {
  std::vector<RankFacts> facts = two_hosts();
  for (RankFacts& rank : facts) rank.seat.device = "0000:3b";
  facts[3].seat.device = "0000:86";
  expect_odd(odd_things(facts), {"ranks 0-1 on n1 share device 0000:3b", "--gpu-bind=none"});
}

TEST(Odd, IsLittleMemory) {
  std::vector<RankFacts> facts = two_hosts();
  facts[3].available = 1'900'000'000;
  expect_odd(odd_things(facts), {"n2 has 1.9 GB free for 2 ranks", "--mem"});
}

TEST(Odd, AreFoldersThatHoldNoRun) {
  const OutFolder good{"runs", "nfs", true, true, "", 50'000'000'000};
  EXPECT_TRUE(odd_things(good, nullptr).empty());
  EXPECT_TRUE(odd_things(good, "FALSE").empty());
  expect_odd(odd_things(good, "TRUE"), {"nfs", "HDF5_USE_FILE_LOCKING", "unset"});
  OutFolder folder = good;
  folder.over_network = false;
  EXPECT_TRUE(odd_things(folder, "TRUE").empty());
  folder = good;
  folder.writable = false;
  expect_odd(odd_things(folder, nullptr), {"not writable"});
  folder = good;
  folder.lock_refused = "Function not implemented";
  expect_odd(odd_things(folder, nullptr), {"Function not implemented", "flock"});
  folder = good;
  folder.free = 500'000'000;
  expect_odd(odd_things(folder, nullptr), {"0.50 GB free"});
}

TEST(Odd, IsASlowSmallReduction) {
  EXPECT_TRUE(odd_things(std::vector<ReductionTime>{}).empty());
  EXPECT_TRUE(odd_things(std::vector<ReductionTime>{{1024, 1e-4}, {1 << 26, 3}}).empty());
  expect_odd(odd_things(std::vector<ReductionTime>{{1024, 7e-3}}), {"1024 bytes takes 7.0 ms"});
}

TEST(Processor, IsReadFromX86AndArm) {
  const Processor x86 = processor_in(
      "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\n"
      "model name\t: AMD EPYC\nflags\t\t: fpu avx avx2 avx512f fma notavx512_bf16\n\n"
      "processor\t: 1\nmodel name\t: Another\n");
  EXPECT_EQ(x86.model, "AMD EPYC (family 25, model 17)");
  EXPECT_EQ(x86.features, "avx avx2 fma avx512f");
  const Processor arm = processor_in(
      "processor\t: 0\nFeatures\t: fp asimd sve bf16\nCPU implementer\t: 0x41\nCPU part\t: "
      "0xd40\n");
  EXPECT_EQ(arm.model, "0x41 (part 0xd40)");
  EXPECT_EQ(arm.features, "asimd sve bf16");
  EXPECT_EQ(processor_in("").model, "unknown");
}

}  // namespace
}  // namespace ornstein
