// The contract of framework/training/trainer.h, held against every registered trainer, on its own
// configuration (configs/*.json, the first that names it) and little random data of the kind that
// it asks for.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "framework/base/random.h"
#include "framework/config/json_line.h"
#include "framework/training/training_loop.h"
#include "launch/commands.h"
#include "tests/support/memory_dataset.h"
#include "tests/support/memory_functions.h"
#include "tests/support/serial_rows.h"

namespace ornstein {
namespace {

namespace fs = std::filesystem;

struct Subject {
  std::string name, config;  // a trainer's name and the text of its configuration
};

std::vector<Subject> subjects() {
  const Catalogue catalogue;
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(ORNSTEIN_CONFIGS)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Subject> found;
  for (const auto& [name, entry] : catalogue.trainers.entries()) {
    Subject subject{name, ""};
    for (const auto& file : files) {
      std::stringstream text;
      text << std::ifstream(file).rdbuf();
      if (subject.config.empty() && text_in_json(text.str(), "trainer.name") == name)
        subject.config = text.str();
    }
    found.push_back(subject);
  }
  return found;
}

std::shared_ptr<const Dataset> data_of(const std::string& kind) {
  auto generator = make_generator(1);
  if (kind == "images") {
    const at::Tensor x = at::randint(0, 256, {24, 1, 28, 28}, generator).to(at::kFloat) / 127.5 - 1;
    return std::make_shared<MemoryDataset>(kind, x, at::arange(24) % 10, 10);
  }
  if (kind == "functions")
    return std::make_shared<MemoryFunctions>(at::randn({24, 1, 64}, generator), unit_interval(64));
  if (kind == "point_clouds")
    return std::make_shared<MemoryDataset>(kind, at::randn({24, 32, 3}, generator));
  return std::make_shared<MemoryDataset>(kind, at::randn({24, 2}, generator));
}

// One process, so that MPI need not run.
struct Session {
  explicit Session(const Subject& subject, const Checkpoint* start = nullptr)
      : configuration(Configuration::from_text(subject.config, subject.name)),
        data(data_of(configuration->root().section("dataset").text("kind", std::nullopt))) {
    const Catalogue catalogue;
    seed_default_generators(1);
    trainer = catalogue.trainers.make(subject.name, configuration->root(), data->spec());
    settings.global_batch = 8;
    settings.micro_batch = 2;
    settings.max_skipped = 0;
    settings.ema = {0.1};
    settings.common = {1e-3, 0, 0, 1.0, 0.9, 0.999, 1e-8, 0.0};
    state.emplace(*trainer, trainer->parameters(), settings, at::kCPU);
    if (start != nullptr) {
      state->restore(*start);
    } else {
      const at::NoGradGuard no_grad;
      trainer->fit(*data, serial_rows());
    }
  }

  Step step(int64_t number, int64_t shard) const {
    const uint64_t key = random_key(Stream::kShard, {settings.seed, static_cast<uint64_t>(number),
                                                     static_cast<uint64_t>(shard)});
    seed_default_generators(key);
    return {number, shard, 4, make_generator(key), *data};
  }

  Loss loss(int64_t number, int64_t shard) {
    const ShardPlan plan{settings.seed, settings.global_batch, settings.micro_batch,
                         data->spec().rows};
    return trainer->loss(data->rows(plan.rows_of(number, shard)), step(number, shard));
  }

  // Plain gradient steps on the flat buffers.
  void train(int64_t steps) {
    for (int64_t number = 0; number < steps; ++number) {
      trainer->begin_step(step(number, 0));
      for (auto& group : state->groups) group->gradients.zero_();
      for (int64_t shard = 0; shard < 4; ++shard) loss(number, shard).sum.backward();
      for (auto& group : state->groups) group->update(1e-2);
    }
  }

  Checkpoint checkpoint() const {
    Checkpoint copy = state->checkpoint("{}", "{}");
    for (auto& [name, tensor] : copy.tensors) tensor = tensor.clone();
    return copy;
  }

  std::unique_ptr<Configuration> configuration;
  std::shared_ptr<const Dataset> data;
  std::unique_ptr<Trainer> trainer;
  TrainingSettings settings;
  std::optional<TrainingState> state;
};

class Contract : public testing::TestWithParam<Subject> {
 protected:
  void SetUp() override {
    ASSERT_FALSE(GetParam().config.empty())
        << "no configs/*.json names trainer '" << GetParam().name << "'";
  }
};
INSTANTIATE_TEST_SUITE_P(EveryTrainer, Contract, testing::ValuesIn(subjects()),
                         [](const auto& info) { return info.param.name; });

TEST_P(Contract, GroupsAndTensorsHaveNamesOfTheirOwn) {
  Session session(GetParam());
  std::set<std::string> names;
  for (const auto& group : session.state->groups) {
    for (const auto& [name, tensor] : group->parameters)
      EXPECT_TRUE(names.insert(group->name + "/" + name).second);
  }
  for (const auto& [name, tensor] : session.trainer->state())
    EXPECT_TRUE(names.insert("state " + name).second);
}

TEST_P(Contract, LossChangesNeitherParametersNorState) {
  Session session(GetParam());
  session.trainer->begin_step(session.step(0, 0));
  const Checkpoint before = session.checkpoint();
  session.loss(0, 1).sum.backward();
  const Checkpoint after = session.checkpoint();
  for (size_t i = 0; i < before.tensors.size(); ++i) {
    EXPECT_TRUE(at::equal(before.tensors[i].tensor, after.tensors[i].tensor))
        << before.tensors[i].name;
  }
}

TEST_P(Contract, LossDoesNotDependOnTheOrderOfShards) {
  Session session(GetParam());
  session.train(2);
  session.trainer->begin_step(session.step(2, 0));
  std::vector<at::Tensor> forward, backward;
  std::set<std::string> terms;
  for (int64_t shard = 0; shard < 4; ++shard) {
    const Loss loss = session.loss(2, shard);
    forward.push_back(loss.sum.detach());
    EXPECT_GT(loss.weight, 0);
    std::string names;
    for (const auto& term : loss.terms) names += term.name + " ";
    terms.insert(names);
  }
  EXPECT_EQ(terms.size(), 1u) << "terms must have the same names on every shard";
  for (int64_t shard = 3; shard >= 0; --shard)
    backward.push_back(session.loss(2, shard).sum.detach());
  for (size_t i = 0; i < 4; ++i) EXPECT_TRUE(at::equal(forward[i], backward[3 - i]));
}

TEST_P(Contract, AFreshObjectWithTheCheckpointIsTheVeteran) {
  Session veteran(GetParam());
  veteran.train(3);
  const Checkpoint checkpoint = veteran.checkpoint();
  Session fresh(GetParam(), &checkpoint);
  for (Session* session : {&veteran, &fresh}) session->trainer->begin_step(session->step(3, 0));
  for (int64_t shard = 0; shard < 4; ++shard) {
    EXPECT_TRUE(at::equal(veteran.loss(3, shard).sum, fresh.loss(3, shard).sum));
  }
}

TEST_P(Contract, SampleIsAFunctionOfItsGeneratorAndChangesNothing) {
  Session session(GetParam());
  session.train(1);
  const at::NoGradGuard no_grad;
  auto draw = [&](uint64_t key) {
    auto generator = make_generator(key);
    return session.trainer->sample({0, 2, 2, {}}, generator).x;
  };
  const Checkpoint before = session.checkpoint();
  const at::Tensor first = draw(1), other = draw(2);
  EXPECT_TRUE(at::equal(first, draw(1)));
  EXPECT_FALSE(at::equal(first, other));
  EXPECT_EQ(first.sizes().slice(1).vec(), session.data->spec().shape);
  const Checkpoint after = session.checkpoint();
  for (size_t i = 0; i < before.tensors.size(); ++i) {
    EXPECT_TRUE(at::equal(before.tensors[i].tensor, after.tensors[i].tensor))
        << before.tensors[i].name;
  }
}

TEST_P(Contract, TensorsStayWhereTheyAre) {
  Session session(GetParam());
  auto addresses = [&] {
    std::vector<void*> result;
    for (auto& group : session.state->groups) {
      for (auto& [name, tensor] : group->parameters) result.push_back(tensor.data_ptr());
    }
    for (auto& [name, tensor] : session.trainer->state()) result.push_back(tensor.data_ptr());
    return result;
  };
  const auto before = addresses();
  session.train(3);
  EXPECT_EQ(before, addresses());
}

}  // namespace
}  // namespace ornstein
