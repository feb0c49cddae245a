#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "framework/base/errors.h"
#include "framework/training/ema.h"
#include "framework/training/event_file.h"
#include "framework/training/flat_group.h"
#include "framework/training/metrics_file.h"
#include "framework/training/run_directory.h"

namespace ornstein {
namespace {

namespace fs = std::filesystem;

class Scratch {
 public:
  Scratch() : path_(fs::temp_directory_path() / fmt::format("ornstein_parts_{}", getpid())) {
    fs::create_directories(path_);
  }
  ~Scratch() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

std::string text_of(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

// Image notes, section 7.3.
TEST(Ema, GammaIsThatOfThePaper) {
  EXPECT_NEAR(ema_gamma(0.05), 16.9722, 1e-3);
  EXPECT_NEAR(ema_gamma(0.10), 6.9372, 1e-3);
}

// Row 7.12: the profile t^gamma averages w(t) = t to (gamma+1)/(gamma+2) t.
TEST(Ema, AveragesALinearTrajectoryAsItsProfileSays) {
  const double gamma = ema_gamma(0.1);
  double average = -1;
  constexpr int64_t kSteps = 20000;
  for (int64_t n = 1; n <= kSteps; ++n) {
    const double beta = ema_beta(gamma, n);
    average = beta * average + (1 - beta) * static_cast<double>(n);
  }
  EXPECT_NEAR(average / kSteps, (gamma + 1) / (gamma + 2), 1e-3);
}

TEST(LearningRate, RisesLinearlyThenFallsAsTheInverseSquareRoot) {
  const GroupSettings settings{2.0, 10, 100, 0, 0.9, 0.999, 1e-8, 0};
  EXPECT_DOUBLE_EQ(learning_rate(settings, 0), 0.2);
  EXPECT_DOUBLE_EQ(learning_rate(settings, 9), 2.0);
  EXPECT_DOUBLE_EQ(learning_rate(settings, 100), 2.0);
  EXPECT_DOUBLE_EQ(learning_rate(settings, 400), 1.0);
}

FlatGroup two_tensors(std::vector<at::Tensor>& tensors, const GroupSettings& settings) {
  at::manual_seed(0);
  tensors = {at::randn({3, 5}), at::randn({7})};
  return FlatGroup({"net", {{"weight", tensors[0]}, {"bias", tensors[1]}}}, settings, {0.1},
                   at::kCPU);
}

TEST(FlatGroup, MakesAlignedViewsOfTheTrainersTensors) {
  std::vector<at::Tensor> tensors;
  FlatGroup group = two_tensors(tensors, {1e-3, 0, 0, 0, 0.9, 0.999, 1e-8, 0});
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensors[i].data_ptr()) % 64, 0u);
    EXPECT_TRUE(tensors[i].grad().is_alias_of(group.gradients));
  }
  group.flat.fill_(3);
  EXPECT_EQ(tensors[1][0].item<float>(), 3);
}

// Loshchilov and Hutter 2019, algorithm 2, in double precision.
TEST(FlatGroup, StepsAsAdamWIsDefined) {
  const GroupSettings settings{1e-2, 0, 0, 0, 0.9, 0.99, 1e-8, 0.1};
  std::vector<at::Tensor> tensors;
  FlatGroup group = two_tensors(tensors, settings);
  at::Tensor w = tensors[1].detach().to(at::kDouble).clone(), m = at::zeros_like(w),
             v = at::zeros_like(w);
  for (int n = 1; n <= 5; ++n) {
    const at::Tensor gradient = at::sin(at::arange(7, at::kDouble) + n);
    tensors[1].mutable_grad().copy_(gradient * 4);
    group.update(0.25);
    m = 0.9 * m + 0.1 * gradient;
    v = 0.99 * v + 0.01 * gradient * gradient;
    w = w * (1 - 1e-2 * 0.1) -
        1e-2 * (m / (1 - std::pow(0.9, n))) / ((v / (1 - std::pow(0.99, n))).sqrt() + 1e-8);
  }
  EXPECT_LT((w - tensors[1].detach()).abs().max().item<double>(), 1e-6);
}

TEST(FlatGroup, RestartForgetsMomentsCountsAndAverages) {
  std::vector<at::Tensor> tensors;
  FlatGroup group = two_tensors(tensors, {1e-2, 0, 0, 0, 0.9, 0.99, 1e-8, 0});
  group.gradients.fill_(1);
  group.update(1);
  group.update(1);
  group.restart();
  EXPECT_EQ(group.updates, 0);
  EXPECT_EQ(group.exp_avg.abs().max().item<float>(), 0);
  EXPECT_TRUE(at::equal(group.ema[0], group.flat));
}

TEST(MetricsFile, DropsLaterAndTornLinesOnResume) {
  const Scratch scratch;
  const std::string path = scratch / "metrics.jsonl";
  std::ofstream(path)
      << "{\"step\": 10, \"loss\": 1}\n{\"step\": 20, \"loss\": 0.5}\n{\"step\": 30, \"lo";
  MetricsFile metrics(path, 15);
  metrics.write(JsonLine().add("step", int64_t{20}).add("loss", std::nan("")));
  EXPECT_EQ(text_of(path), "{\"step\": 10, \"loss\": 1}\n{\"step\": 20, \"loss\": null}\n");
}

// RFC 3720, appendix B.4.
TEST(EventFile, ChecksumIsThatOfTheStandard) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
}

bool go_on() { return false; }

TEST(RunDirectory, RefusesASecondWriter) {
  const Scratch scratch;
  RunDirectory first(scratch / "run"), second(scratch / "run");
  first.open_for_writing(go_on);
  try {
    second.open_for_writing(go_on, 0.1);
    FAIL() << "two writers";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find(fmt::format("process {}", getpid())),
              std::string::npos)
        << error.what();
  }
}

TEST(RunDirectory, GivesTheLockBack) {
  const Scratch scratch;
  { RunDirectory(scratch / "run").open_for_writing(go_on); }
  RunDirectory second(scratch / "run");
  EXPECT_NO_THROW(second.open_for_writing(go_on, 0.1));
}

TEST(RunDirectory, OverwritingLeavesForeignFilesAlone) {
  const Scratch scratch;
  RunDirectory run(scratch / "run");
  run.open_for_writing(go_on);
  run.write_config("{}");
  std::ofstream(scratch / "run/notes.txt") << "mine";
  run.remove_run();
  EXPECT_FALSE(run.holds_run());
  EXPECT_EQ(text_of(scratch / "run/notes.txt"), "mine");
}

}  // namespace
}  // namespace ornstein
