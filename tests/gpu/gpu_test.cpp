// What must hold on a GPU. In a build without CUDA the same runs on the debug device.
#include <gtest/gtest.h>
#include <mpi.h>

#include <chrono>

#include "framework/base/random.h"
#include "framework/comm/devices.h"
#include "framework/data/loader.h"
#include "framework/training/autocast.h"
#include "framework/training/parallel_rows.h"
#include "framework/training/sampling.h"
#include "framework/training/training_loop.h"
#include "tests/gpu/accelerator.h"
#include "tests/support/memory_dataset.h"
#include "trainers/score/score_trainer.h"

namespace ornstein {
namespace {

constexpr const char* kPoints = R"({
  "training": {"steps": 100, "global_batch": 64, "micro_batch": 16, "learning_rate": 1e-3},
  "trainer": {"name": "score"}, "network": {"name": "mlp", "width": 64, "depth": 2}})";
constexpr const char* kImages = R"({
  "training": {"steps": 100, "global_batch": 16, "micro_batch": 8, "learning_rate": 1e-3},
  "trainer": {"name": "score"},
  "network": {"name": "unet", "block_out_channels": [8, 16], "norm_num_groups": 4}})";

std::shared_ptr<const Dataset> points() {
  auto generator = make_generator(3);
  return std::make_shared<MemoryDataset>("points", at::randn({200, 2}, generator) + 1);
}

std::shared_ptr<const Dataset> images() {
  auto generator = make_generator(4);
  return std::make_shared<MemoryDataset>(
      "images", at::randint(256, {64, 1, 8, 8}, generator, at::kLong).to(at::kFloat) / 127.5 - 1);
}

class OnADevice : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::accelerator()) GTEST_SKIP() << "CANNOT RUN HERE: no GPU";
    device = *test::accelerator();
  }
  at::Device device = at::kCPU;
};

// A training on one rank, fresh or from `start`.
struct Session {
  Session(const char* json, std::shared_ptr<const Dataset> rows, const at::Device& where,
          const Checkpoint* start = nullptr, bool replay = false)
      : device(where),
        configuration(Configuration::from_text(json, "test")),
        group(make_process_group(MPI_COMM_WORLD, where)) {
    seed_default_generators(1);
    trainer = std::make_unique<score::ScoreTrainer>(configuration->root(), rows->spec());
    settings = read_training_settings(configuration->root().section("training"), {"network"});
    state.emplace(*trainer, trainer->parameters(), settings, device);
    if (start != nullptr) {
      state->restore(*start);
    } else {
      const at::NoGradGuard no_gradients;
      trainer->fit(*on_device(rows, device), make_parallel_rows(group, 0, device, nullptr));
      for (auto& flat : state->groups) flat->restart();
    }
    state->broadcast(group);
    loop.emplace(*trainer, *state, rows, settings, group, device, replay);
  }

  Checkpoint run(int64_t steps) {
    for (int64_t i = 0; i < steps; ++i) last = loop->step([] { return false; });
    Checkpoint checkpoint = state->checkpoint("{}", "{}");
    for (auto& [name, tensor] : checkpoint.tensors)
      tensor = tensor.to(at::kCPU, tensor.scalar_type(), false, /*copy=*/true);
    return checkpoint;
  }

  at::Device device;
  std::unique_ptr<Configuration> configuration;
  ProcessGroup group;
  TrainingSettings settings;
  std::unique_ptr<Trainer> trainer;
  std::optional<TrainingState> state;
  std::optional<TrainingLoop> loop;
  StepReport last;
};

void expect_same_bits(const Checkpoint& a, const Checkpoint& b) {
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (size_t i = 0; i < a.tensors.size(); ++i)
    EXPECT_TRUE(at::equal(a.tensors[i].tensor, b.tensors[i].tensor)) << a.tensors[i].name;
}

TEST_F(OnADevice, CollectivesServeTensorsOfTheDeviceAndOfTheHost) {
  const ProcessGroup group = make_process_group(MPI_COMM_WORLD, device);
  for (const at::Device& where : {device, at::Device(at::kCPU)}) {
    at::Tensor sum = at::full({5}, 2.0, at::device(where));
    all_reduce_sum(group, sum);
    EXPECT_TRUE(at::equal(sum.cpu(), at::full({5}, 2.0 * world_size(group))));
    broadcast(group, sum);
    EXPECT_EQ(gather_rows(group, sum.view({1, 5})).size(0), world_size(group));
  }
  EXPECT_EQ(broadcast_text(group, "text"), "text");
  barrier(group);
}

TEST_F(OnADevice, CollectivesOfTheDeviceStandInTheFlightRecorder) {
  auto flight = std::make_shared<FlightRecorder>();
  const ProcessGroup group = make_process_group(MPI_COMM_WORLD, device, flight);
  at::Tensor sum = at::ones({7}, at::device(device));
  all_reduce_sum(group, sum);
  EXPECT_EQ(flight->last().name, "all-reduce");
  EXPECT_EQ(flight->last().bytes, 28);
  EXPECT_FALSE(flight->last().under_way());
}

struct Net {
  const char* json;
  std::vector<int64_t> input;  // of a row
  bool functions = false, set = false;
};

TEST_F(OnADevice, GradientsOfNetworksAreTheProcessors) {
  const Net nets[] = {
      {R"({"name": "mlp", "width": 16, "depth": 2})", {3}},
      {R"({"name": "resnet", "channels": 8, "blocks": 2, "norm_num_groups": 2})", {2, 5, 7}},
      {R"({"name": "unet", "block_out_channels": [8, 16], "norm_num_groups": 4})", {2, 4, 8}},
      {R"({"name": "fourier_operator", "width": 8, "layers": 2, "modes": [3]})", {2, 9}, true},
      {R"({"name": "point_attention", "width": 8, "blocks": 2, "heads": 2, "frequencies": [3]})",
       {2, 9},
       true},
      {R"({"name": "set_transformer", "width": 8, "blocks": 2, "heads": 2, "latents": 3})",
       {9, 3},
       false,
       true}};
  for (const Net& net : nets) {
    std::vector<at::Tensor> gradients;
    for (const at::Device& where : {at::Device(at::kCPU), device}) {
      seed_default_generators(7);
      NetworkShape shape = {net.input, 2, 4};
      shape.set = net.set;
      if (net.functions) shape.dimensions = 1, shape.extent = {0, 1};
      const auto configuration = Configuration::from_text(net.json, "test");
      const Network network = make_network(configuration->root(), shape);
      const std::vector<NamedTensor> parameters = parameters_of(network);
      {
        const at::NoGradGuard no_gradients;  // the last layer begins with zeros
        auto noise = make_generator(8);
        for (const NamedTensor& p : parameters)
          p.tensor.add_(at::randn(p.tensor.sizes(), noise), 0.1);
      }
      const FlatGroup group({"g", parameters}, {}, {}, where);
      std::vector<int64_t> sizes = net.input;
      sizes.insert(sizes.begin(), 3);
      auto noise = make_generator(9);
      const at::Tensor x = at::randn(sizes, noise).to(where);
      Batch given{.labels = at::tensor({0, 3, 1}, at::kLong)};
      if (net.functions) given.coordinates = at::linspace(0, 1, net.input[1]).unsqueeze(1);
      network.call(x, at::tensor({-2.0f, 0.1f, 1.5f}).to(where), given.to(where))
          .square()
          .sum()
          .backward();
      gradients.push_back(group.gradients.cpu());
    }
    const double largest = gradients[0].abs().max().item<double>();
    EXPECT_LT((gradients[0] - gradients[1]).abs().max().item<double>(), 1e-5 * largest) << net.json;
  }
}

TEST_F(OnADevice, TheOptimiserIsTheProcessors) {
  std::vector<at::Tensor> values;
  for (const at::Device& where : {at::Device(at::kCPU), device}) {
    auto noise = make_generator(5);
    const at::Tensor weights = at::randn({7, 3}, noise), gradient = at::randn({7, 3}, noise);
    const GroupSettings settings{1e-2, 0, 0, 1, 0.9, 0.999, 1e-8, 0.1};
    FlatGroup group({"g", {{"w", weights}}}, settings, {0.1}, where);
    for (int step = 0; step < 5; ++step) {
      group.views(group.gradients)[0].tensor.copy_(gradient * (step + 1));
      group.update(0.5);
    }
    values.push_back(at::cat({group.flat, group.ema[0], group.exp_avg, group.exp_avg_sq}).cpu());
  }
  EXPECT_LT((values[0] - values[1]).abs().max().item<double>(), 1e-6);
}

TEST_F(OnADevice, ARunThatIsBrokenOffGoesOnWithTheSameBits) {
  for (const auto& [json, rows] : {std::pair(kPoints, points()), std::pair(kImages, images())}) {
    const Checkpoint whole = Session(json, rows, device).run(6);
    const Checkpoint half = Session(json, rows, device).run(3);
    expect_same_bits(whole, Session(json, rows, device, &half).run(3));
  }
}

TEST_F(OnADevice, ACheckpointMovesToTheDeviceAndBackUnchanged) {
  const Checkpoint made = Session(kPoints, points(), at::kCPU).run(3);
  const Checkpoint moved = Session(kPoints, points(), device, &made).run(0);
  expect_same_bits(made, moved);
  expect_same_bits(made, Session(kPoints, points(), at::kCPU, &moved).run(0));
  const Checkpoint further = Session(kPoints, points(), device, &made).run(2);
  EXPECT_EQ(further.step, 5);
  EXPECT_TRUE(std::isfinite(Session(kPoints, points(), at::kCPU, &further)
                                .run(1)
                                .tensors[0]
                                .tensor.sum()
                                .item<double>()));
}

TEST_F(OnADevice, RecordedStepsAreThoseDoneOneByOne) {
  for (const auto& [json, rows] : {std::pair(kPoints, points()), std::pair(kImages, images())}) {
    Session eager(json, rows, device), replayed(json, rows, device, nullptr, /*replay=*/true);
    ASSERT_TRUE(eager.trainer->replayable());
    expect_same_bits(eager.run(5), replayed.run(5));
    EXPECT_EQ(eager.last.loss, replayed.last.loss);
  }
}

TEST_F(OnADevice, ShardsArriveOnTheDeviceWithoutKeepingTheHost) {
  const auto rows = points();
  const ShardPlan plan{1, 64, 16, 200};
  EXPECT_TRUE(rows->rows(at::arange(4)).pinned().x.is_pinned());
  Loader loader(rows, plan, {0, 4}, 0, device);
  const int64_t before = test::asynchronous_copies();
  for (int64_t shard = 0; shard < 4; ++shard) {
    const Batch batch = loader.next();
    EXPECT_EQ(batch.x.device(), device);
    EXPECT_TRUE(at::equal(batch.x.cpu(), rows->rows(plan.rows_of(0, shard)).x));
  }
  EXPECT_EQ(test::asynchronous_copies() - before, test::counts_copies() ? 4 : 0);
}

TEST_F(OnADevice, HalfPrecisionLearnsNearlyTheSame) {
  std::vector<double> losses;
  for (const char* precision : {"fp32", "bf16"}) {
    std::string json = kImages;
    json.insert(json.find("\"steps\""), fmt::format("\"precision\": \"{}\", ", precision));
    Session session(json.c_str(), images(), device);
    session.run(3);
    losses.push_back(session.last.loss);
  }
  EXPECT_NEAR(losses[1] / losses[0], 1, 0.05);
}

TEST_F(OnADevice, SamplesLieOnTheDeviceAndAreFinite) {
  Session session(kImages, images(), device);
  session.run(2);
  const c10::InferenceMode inference;
  auto generator = make_generator(1, device);
  const Batch drawn = session.trainer->sample({0, 4, 3, {}}, generator);
  EXPECT_EQ(drawn.x.device(), device);
  EXPECT_TRUE(drawn.x.isfinite().all().item<bool>());
}

// No claim: a line to compare machines by.
TEST_F(OnADevice, Throughput) {
  for (const bool replay : {false, true}) {
    Session session(kPoints, points(), device, nullptr, replay);
    session.run(5);
    const int64_t steps = test::counts_copies() ? 3 : 300;
    const auto start = std::chrono::steady_clock::now();
    session.run(steps);
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    fmt::print("throughput: mlp 64x2, batch 64, {}: {:.0f} steps/s on {}\n",
               replay ? "replayed" : "one by one", static_cast<double>(steps) / seconds,
               visible_devices()[0].name);
  }
}

}  // namespace
}  // namespace ornstein
