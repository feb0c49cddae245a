// The loop on sub-groups of the ranks that run this test: what 1, 2 and 4 ranks learn is the same,
// and so is what is learnt before and after a restart.
#include <gtest/gtest.h>
#include <mpi.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "framework/checkpoint/checkpoint_file.h"
#include "framework/comm/check_mpi.h"
#include "framework/training/parallel_rows.h"
#include "framework/training/training_loop.h"
#include "tests/support/memory_dataset.h"
#include "tests/support/toy_trainers.h"

namespace ornstein {
namespace {

using MakeTrainer = std::unique_ptr<Trainer> (*)(uint64_t);

TrainingSettings settings_of(int64_t micro_batch = 2) {
  TrainingSettings settings;
  settings.global_batch = 16;
  settings.micro_batch = micro_batch;
  settings.seed = 7;
  settings.max_skipped = 2;
  settings.ema = {0.1};
  settings.common = {1e-2, 3, 5, 1.0, 0.9, 0.999, 1e-8, 0.0};
  return settings;
}

std::shared_ptr<const Dataset> data() {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(3);
  return std::make_shared<MemoryDataset>("points", at::randn({50, 2}, generator) + 1);
}

// The first `ranks` of the world; null on the others.
ProcessGroup group_of(int ranks) {
  int world_rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &world_rank);
  MPI_Comm part = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split(MPI_COMM_WORLD, world_rank < ranks ? 0 : MPI_UNDEFINED, 0, &part),
            "MPI_Comm_split");
  return part == MPI_COMM_NULL ? ProcessGroup() : make_process_group(part, at::kCPU);
}

// A run of its own: fresh, or from `start`.
struct Session {
  Session(MakeTrainer make, const ProcessGroup& process_group, const Checkpoint* start = nullptr,
          TrainingSettings chosen = settings_of(), std::shared_ptr<const Dataset> rows = data())
      : group(process_group),
        settings(chosen),
        trainer(make(5)),
        state(*trainer, trainer->parameters(), settings, at::kCPU) {
    if (start != nullptr) {
      state.restore(*start);
    } else {
      const at::NoGradGuard no_grad;
      trainer->fit(*rows, make_parallel_rows(group, settings.seed, at::kCPU, nullptr, 8));
    }
    state.broadcast(group);
    loop.emplace(*trainer, state, rows, settings, group, at::kCPU);
  }

  Checkpoint run(int64_t steps) {
    for (int64_t i = 0; i < steps; ++i) last = loop->step([] { return false; });
    Checkpoint checkpoint = state.checkpoint("{}", "{}");
    for (auto& [name, tensor] : checkpoint.tensors) tensor = tensor.clone();
    return checkpoint;
  }

  ProcessGroup group;
  TrainingSettings settings;
  std::unique_ptr<Trainer> trainer;
  TrainingState state;
  std::optional<TrainingLoop> loop;
  StepReport last;
};

double distance(const Checkpoint& a, const Checkpoint& b, const std::string& under) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < a.tensors.size(); ++i) {
    if (!a.tensors[i].name.starts_with(under)) continue;
    difference +=
        (a.tensors[i].tensor - b.tensors[i].tensor).to(at::kDouble).square().sum().item<double>();
    size += a.tensors[i].tensor.to(at::kDouble).square().sum().item<double>();
  }
  return std::sqrt(difference / size);
}

bool same_bits(const Checkpoint& a, const Checkpoint& b) {
  if (a.tensors.size() != b.tensors.size() || a.updates != b.updates || a.step != b.step)
    return false;
  for (size_t i = 0; i < a.tensors.size(); ++i) {
    if (!at::equal(a.tensors[i].tensor, b.tensors[i].tensor)) return false;
  }
  return true;
}

class ToyTrainers : public testing::TestWithParam<MakeTrainer> {};
INSTANTIATE_TEST_SUITE_P(All, ToyTrainers,
                         testing::Values(&test::make_alternating_trainer,
                                         &test::make_flow_and_score_trainer),
                         [](const auto& info) {
                           return info.index == 0 ? "Alternating" : "FlowAndScore";
                         });

TEST_P(ToyTrainers, LearnTheSameOnOneTwoAndFourRanks) {
  int world = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &world);
  std::vector<Checkpoint> ends;
  for (const int ranks : {1, 2, 3, 4}) {  // of eight shards three ranks own 2, 3 and 3
    if (ranks > world) break;
    if (const ProcessGroup group = group_of(ranks))
      ends.push_back(Session(GetParam(), group).run(12));
  }
  for (size_t i = 1; i < ends.size(); ++i) {
    EXPECT_LE(distance(ends[0], ends[i], "/trainer"), 1e-5);
    EXPECT_LE(distance(ends[0], ends[i], "/ema"), 1e-5);
    EXPECT_EQ(ends[0].updates, ends[i].updates);
  }
}

TEST_P(ToyTrainers, GoOnBitForBitInAFreshObject) {
  int world = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &world);
  const ProcessGroup group = group_of(world);
  const Checkpoint whole = Session(GetParam(), group).run(12);
  for (const int64_t cut : {1, 3, 5, 9}) {  // within a phase and at its ends
    const Checkpoint half = Session(GetParam(), group).run(cut);
    const Checkpoint resumed = Session(GetParam(), group, &half).run(12 - cut);
    EXPECT_TRUE(same_bits(whole, resumed)) << "cut after step " << cut;
  }
}

TEST_P(ToyTrainers, WriteTheSameBytesAfterAResume) {
  const ProcessGroup group = group_of(1);
  if (!group) return;
  const auto folder =
      std::filesystem::temp_directory_path() / fmt::format("ornstein_loop_{}", getpid());
  std::filesystem::create_directories(folder);
  auto bytes = [&](const Checkpoint& checkpoint) {
    const std::string path = folder / "checkpoint.h5";
    write_checkpoint(path, checkpoint);
    std::ifstream stream(path, std::ios::binary);
    std::stringstream content;
    content << stream.rdbuf();
    return content.str();
  };
  const std::string whole = bytes(Session(GetParam(), group).run(8));
  bytes(Session(GetParam(), group).run(5));
  const Checkpoint half = read_checkpoint(folder / "checkpoint.h5");
  EXPECT_EQ(whole, bytes(Session(GetParam(), group, &half).run(3)));
  std::filesystem::remove_all(folder);
}

TEST_P(ToyTrainers, GoOnAtAnotherNumberOfRanks) {
  int world = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &world);
  if (world < 2) return;  // covered at 2 and 4 ranks
  Checkpoint half, whole, resumed;
  if (const ProcessGroup two = group_of(2)) half = Session(GetParam(), two).run(5);
  if (const ProcessGroup one = group_of(1)) {
    whole = Session(GetParam(), one).run(12);
    resumed = Session(GetParam(), one, &half).run(7);
    EXPECT_LE(distance(whole, resumed, "/trainer"), 1e-5);
  }
}

TEST(TrainingLoop, LeavesTheSameParametersOnAllRanks) {
  int world = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &world);
  Session session(&test::make_alternating_trainer, group_of(world));
  session.run(20);
  EXPECT_NO_THROW(session.state.require_equal_over_ranks(session.group));
}

TEST(TrainingLoop, NamesTheGroupThatDiffersBetweenRanks) {
  int world = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &world);
  Session session(&test::make_alternating_trainer, group_of(world));
  if (rank(session.group) == world - 1 && world > 1) session.state.groups[1]->flat[0] += 1;
  std::string message;
  try {
    session.state.require_equal_over_ranks(session.group);
  } catch (const CommError& error) {
    message = error.what();
  }
  EXPECT_EQ(world > 1, message.find("backward") != std::string::npos) << message;
  EXPECT_EQ(world > 1, message.find(std::to_string(world - 1)) != std::string::npos) << message;
}

TEST(TrainingLoop, TakesOneAskedRankForAll) {
  int world = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &world);
  Session session(&test::make_alternating_trainer, group_of(world));
  EXPECT_FALSE(session.loop->step([] { return false; }).stop_requested);
  EXPECT_TRUE(session.loop->step([&] { return rank(session.group) == world - 1; }).stop_requested);
}

// The loss is infinite on one shard of some steps, and where a row begins with kPoison.
constexpr double kPoison = 1000;

class SpoiltTrainer final : public Trainer {
 public:
  explicit SpoiltTrainer(int64_t bad_until)
      : toy_(test::make_alternating_trainer(1)), bad_until_(bad_until) {}
  std::vector<ParameterGroup> parameters() override { return toy_->parameters(); }
  std::vector<NamedTensor> state() override { return {}; }
  Update begin_step(const Step& step) override { return toy_->begin_step(step); }
  Loss loss(const Batch& batch, const Step& step) override {
    Loss loss = toy_->loss(batch, step);
    const bool poisoned = (batch.x.select(1, 0) == kPoison).any().item<bool>();
    if (poisoned || (step.number >= 1 && step.number < bad_until_ && step.shard == 5))
      loss.sum = loss.sum / 0.0;
    return loss;
  }
  Batch sample(const SampleRequest& request, at::Generator& g) override {
    return toy_->sample(request, g);
  }
  std::vector<Figure> evaluate(const EvaluationRequest&, const ParallelRows&) override {
    return {};
  }

 private:
  std::unique_ptr<Trainer> toy_;
  int64_t bad_until_;
};

TEST(TrainingLoop, SkipsANonFiniteStepOnAllRanksAlike) {
  int world = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &world);
  const auto make = [](uint64_t) -> std::unique_ptr<Trainer> {
    return std::make_unique<SpoiltTrainer>(2);
  };
  Session session(make, group_of(world));
  const Checkpoint before = session.run(1);
  const Checkpoint skipped = session.run(1);
  EXPECT_TRUE(session.last.skipped);
  EXPECT_EQ(before.updates, skipped.updates);
  EXPECT_EQ(distance(before, skipped, "/"), 0);
  session.run(1);
  EXPECT_FALSE(session.last.skipped);
  session.state.require_equal_over_ranks(session.group);
}

TEST(TrainingLoop, FindsThePoisonedRowOfAStepThatItSkipped) {
  int world = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &world);
  constexpr int64_t kRow = 13;
  const at::Tensor x = data()->rows(at::arange(50)).x;
  x[kRow][0] = kPoison;
  const auto rows = std::make_shared<MemoryDataset>("points", x);
  const auto make = [](uint64_t) -> std::unique_ptr<Trainer> {
    return std::make_unique<SpoiltTrainer>(0);
  };
  const ProcessGroup group = group_of(world);
  Session session(make, group, nullptr, settings_of(), rows);
  while (!session.last.skipped) session.run(1);
  const int64_t number = session.state.step - 1;
  EXPECT_TRUE((session.loop->rows_of(number) == kRow).any().item<bool>());

  Session again(make, group, nullptr, settings_of(), rows);
  again.run(number);
  at::Tensor named = at::zeros({1}, at::kDouble);
  for (const NotFinite& found : again.loop->examine()) {
    if (found.row < 0) continue;
    EXPECT_EQ(found.row, kRow);
    named += 1;
  }
  all_reduce_sum(group, named);
  EXPECT_EQ(named.item<double>(), 1) << "on one rank, once";
}

TEST(TrainingLoop, FailsWhenNothingIsFiniteForLong) {
  int world = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &world);
  const auto make = [](uint64_t) -> std::unique_ptr<Trainer> {
    return std::make_unique<SpoiltTrainer>(100);
  };
  Session session(make, group_of(world));
  EXPECT_THROW(session.run(10), Error);
}

TEST(TrainingLoop, ReplacesNoTensor) {
  const ProcessGroup group = group_of(1);
  if (!group) return;
  Session session(&test::make_flow_and_score_trainer, group);
  std::vector<void*> before;
  auto addresses = [&] {
    std::vector<void*> result;
    for (auto& flat : session.trainer->parameters()) {
      for (auto& [name, tensor] : flat.parameters) result.push_back(tensor.data_ptr());
    }
    for (auto& [name, tensor] : session.trainer->state()) result.push_back(tensor.data_ptr());
    return result;
  };
  before = addresses();
  session.run(3);
  EXPECT_EQ(before, addresses());
}

TEST(TrainingLoop, KeepsTheGradientUnclippedBelowTheLimitAndCutsItAbove) {
  const ProcessGroup group = group_of(1);
  if (!group) return;
  for (const double limit : {1e-3, 1e6}) {
    TrainingSettings settings = settings_of();
    settings.common.gradient_clip = limit;
    Session session(&test::make_alternating_trainer, group, nullptr, settings);
    session.run(1);
    const double norm = session.last.grad_norms.at("forward");
    const double applied = session.state.groups[0]->gradients.norm().item<double>();
    EXPECT_NEAR(applied, std::min(norm, limit), 1e-5 * applied);
  }
}

TEST(ParallelRows, SumAndCollectAreTheSameBitsOnAnyNumberOfRanks) {
  int world = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &world);
  std::vector<at::Tensor> sums, collected;
  for (const int ranks : {1, 2, 4}) {
    const ProcessGroup group = ranks <= world ? group_of(ranks) : ProcessGroup();
    if (!group) continue;
    const ParallelRows rows = make_parallel_rows(group, 1, at::kCPU, nullptr, 8);
    auto noise = [](int64_t, int64_t count, at::Generator& generator) {
      return at::randn({count, 3}, generator);
    };
    collected.push_back(rows.collect(53, noise));
    sums.push_back(rows.sum(53, [&](int64_t first, int64_t count, at::Generator& generator) {
      return noise(first, count, generator).sum(0);
    }));
  }
  for (size_t i = 1; i < sums.size(); ++i) {
    EXPECT_TRUE(at::equal(sums[0], sums[i]));
    EXPECT_TRUE(at::equal(collected[0], collected[i]));
  }
  if (!sums.empty()) EXPECT_EQ(collected[0].size(0), 53);
}

TEST(ParallelRows, RefuseRanksThatCallDifferently) {
  int world = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &world);
  if (world == 1) return;  // covered at 2 and 4 ranks
  const ProcessGroup group = group_of(world);
  const ParallelRows rows = make_parallel_rows(group, 1, at::kCPU);
  const int64_t total = rank(group) == 0 ? 10 : 11;
  EXPECT_THROW(rows.sum(total, [](int64_t, int64_t, at::Generator&) { return at::zeros({1}); }),
               CommError);
}

}  // namespace
}  // namespace ornstein
