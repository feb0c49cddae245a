// Times Trainer::sample of untrained models (the time does not depend on the weights), one thread,
// as `ornstein sample` calls it. All models of one size take turns, and a ratio is the median over
// rounds of two times of the same round, so that a noisy machine slows both.
#include <ATen/Parallel.h>

#include <chrono>
#include <cstdio>

#include "framework/base/random.h"
#include "framework/training/autocast.h"
#include "launch/commands.h"

namespace ornstein {
namespace {

constexpr int64_t kSteps = 12, kRounds = 3;

struct Subject {
  std::string name, config;
  double evaluations = 0;  // of all networks for one sample, in units of a full-size one
  std::vector<double> seconds;
};

std::string unet(const std::string& widths, int64_t levels, int64_t layers = 1) {
  std::vector<std::string> down(levels, "\"DownBlock2D\""), up(levels, "\"UpBlock2D\"");
  return fmt::format(
      R"({{"name": "unet", "block_out_channels": [{}], "layers_per_block": {}, "norm_num_groups": 8,
           "add_attention": false, "down_block_types": [{}], "up_block_types": [{}]}})",
      widths, layers, fmt::join(down, ", "), fmt::join(up, ", "));
}

Subject multiscale(const std::string& name, int64_t scales, const std::string& networks) {
  return {
      name,
      fmt::format(
          R"({{"trainer": {{"name": "multiscale", "scales": {}, "sampler": "ddim", "steps": {}}}, {}}})",
          scales, kSteps, networks),
      kSteps * (1 - std::pow(4.0, -scales)) / (0.75 * scales)};
}

// Equal width everywhere; two levels, so that the coarsest of four scales has them too.
std::vector<Subject> subjects_of_equal_width() {
  const std::string network = "\"network\": " + unet("32, 64", 2);
  std::vector<Subject> subjects{multiscale("uniform", 1, network)};
  for (int64_t scales = 2; scales <= 4; ++scales)
    subjects.push_back(multiscale(fmt::format("multiscale, {} scales", scales), scales, network));
  // The wavelet model runs all steps at every scale: a third of them each for two levels.
  subjects.push_back({"wavelet, 2 levels",
                      fmt::format(R"({{"trainer": {{"name": "wavelet", "levels": 2, "path": "ou",
                                       "sampler": "ddim", "steps": {}}}, {}, "detail_{}}})",
                                  kSteps / 3, network, network.substr(1)),
                      kSteps / 3 * (1.0 / 16 + 1.0 / 16 + 1.0 / 4)});
  return subjects;
}

// The paper's "same parameters" widths for 128 pixels and four scales, at a quarter of its base
// width of 128, against its uniform baseline's.
std::vector<Subject> subjects_of_the_paper() {
  return {
      multiscale("uniform, paper's widths", 1, "\"network\": " + unet("32, 32, 64, 96, 128", 5)),
      multiscale(
          "multiscale, 4 scales, paper's widths", 4,
          fmt::format(R"("network_1": {}, "network_2": {}, "network_3": {}, "network_4": {})",
                      unet("16, 32, 32, 48, 64", 5), unet("16, 32, 48, 64", 4),
                      unet("16, 32, 64", 3), unet("32, 64", 2, 4)))};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void compare(std::vector<Subject> subjects, int64_t size, int64_t rows, bool bf16) {
  const Catalogue catalogue;
  DataSpec spec;
  spec.kind = "images";
  spec.rows = 1;
  spec.shape = {3, size, size};
  std::vector<std::unique_ptr<Configuration>> configurations;
  std::vector<std::unique_ptr<Trainer>> trainers;
  for (const Subject& subject : subjects) {
    configurations.push_back(Configuration::from_text(subject.config, subject.name));
    const ConfigReader root = configurations.back()->root();
    trainers.push_back(
        catalogue.trainers.make(root.section("trainer").text("name", std::nullopt), root, spec));
  }
  const auto draw = [&](size_t i) {
    const c10::InferenceMode inference;
    const Autocast autocast(bf16, at::kCPU);
    auto generator = make_generator(1);
    const auto start = std::chrono::steady_clock::now();
    trainers[i]->sample({0, rows, 0, {}}, generator);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  for (size_t i = 0; i < subjects.size(); ++i) draw(i);
  for (int64_t round = 0; round < kRounds; ++round)
    for (size_t i = 0; i < subjects.size(); ++i) subjects[i].seconds.push_back(draw(i));
  for (const Subject& subject : subjects) {
    std::vector<double> ratios;
    for (int64_t round = 0; round < kRounds; ++round)
      ratios.push_back(subjects[0].seconds[round] / subject.seconds[round]);
    const double expected = subjects[0].evaluations / subject.evaluations,
                 measured = median(ratios);
    fmt::print("| {} | {} | {} | {:.2f} | {:.0f} | {:.2f} | {:.2f} | {:.0f} % |\n", size,
               bf16 ? "bf16" : "fp32", subject.name, rows / median(subject.seconds),
               subject.evaluations * size * size, expected, measured, 100 * measured / expected);
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace ornstein

int main() {
  at::set_num_threads(1);
  fmt::print(
      "| pixels | precision | model | images/s | network pixels | closed-form ratio | measured | "
      "of it |\n"
      "|---|---|---|---|---|---|---|---|\n");
  using namespace ornstein;
  for (const bool bf16 : {false, true})
    for (const int64_t size : {32, 64, 128})
      compare(subjects_of_equal_width(), size, size == 128 ? 8 : 32, bf16);
  compare(subjects_of_the_paper(), 128, 8, true);
}
