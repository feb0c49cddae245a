// Drawing Gaussian fields on large grids against dense Cholesky at n = 4,096, whose times are
// scaled by their own law: the factor as n^3, a draw as n^2. One thread. Dense and structured draws
// take turns, and a ratio is the median over rounds of two times of the same round. Memory is the
// growth of the process' peak while a field is made and drawn from, which should be linear in n.
#include <ATen/Parallel.h>
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <fstream>

#include "framework/base/random.h"
#include "framework/math/gaussian_field.h"

namespace ornstein {
namespace {

constexpr int64_t kDense = 4096, kRows = 16, kRounds = 7;
constexpr double kWanted = 100;

struct Subject {
  std::string name;
  Kernel kernel;
  at::Tensor coordinates;
};

at::Tensor line(int64_t n) { return at::linspace(0, 1, n, at::kDouble).unsqueeze(1); }
at::Tensor circle(int64_t n) { return (at::arange(n, at::kDouble) / n).unsqueeze(1); }

at::Tensor both_axes(const at::Tensor& axis) {
  return at::stack(at::meshgrid({axis.flatten(), axis.flatten()}, "ij"), -1);
}

Kernel matern(const std::vector<double>& period = {}) {
  return {.name = "matern", .length = 0.1, .nu = 1.5, .period = period};
}

std::vector<Subject> subjects(bool large) {
  std::vector<Subject> all;
  for (const int64_t n :
       large ? std::vector<int64_t>{65536} : std::vector<int64_t>{65536, 131072, 262144, 524288})
    for (const Subject& subject : {Subject{"embedded, line", matern(), line(n)},
                                   Subject{"circulant, circle", matern({1}), circle(n)},
                                   Subject{"Markov, line", {.name = "exponential"}, line(n)}})
      all.push_back(subject);
  for (const int64_t n : large ? std::vector<int64_t>{512} : std::vector<int64_t>{256, 512, 1024})
    for (const Subject& subject :
         {Subject{"embedded, square", matern(), both_axes(line(n))},
          Subject{"circulant, torus", matern({1, 1}), both_axes(circle(n))}})
      all.push_back(subject);
  return all;
}

int64_t points(const Subject& subject) {
  return subject.coordinates.numel() / subject.coordinates.size(-1);
}

template <class Work>
double seconds(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double memory(const std::string& key) {  // MB, of this process
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key)) return std::stod(line.substr(key.size() + 1)) / 1024;
  return 0;
}

// A field's peak on top of what was there before. Large tensors come from the system and go back.
double peak_memory(const Subject& subject) {
  mallopt(M_MMAP_THRESHOLD, 1 << 16);
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;  // the peak starts from here
  const double before = memory("VmRSS");
  auto generator = make_generator(1);
  GaussianField::on(subject.kernel, subject.coordinates).draw(1, generator);
  return memory("VmHWM") - before;
}

bool compare() {
  auto generator = make_generator(1);
  CholeskyFactor dense;
  const double dense_making = seconds([&] { dense = CholeskyFactor::on(matern(), line(kDense)); });
  const auto draw_dense = [&] {
    dense.colour(at::randn({kRows, kDense}, generator, at::kDouble)).to(at::kFloat);
  };
  draw_dense();
  fmt::print("dense Cholesky, n = {}: factor {:.2f} s, {} draws {:.4f} s\n\n", kDense, dense_making,
             kRows, median({seconds(draw_dense), seconds(draw_dense), seconds(draw_dense)}));
  fmt::print(
      "| field | points | made, s | {} draws, s | dense by its law, made, s | draws, s | made and "
      "drawn, ratio | drawn, ratio |\n|---|---|---|---|---|---|---|---|\n",
      kRows);
  bool fast = true;
  for (const Subject& subject : subjects(true)) {
    std::optional<GaussianField> field;
    const double making =
        seconds([&] { field = GaussianField::on(subject.kernel, subject.coordinates); });
    const auto draw = [&] { field->draw(kRows, generator); };
    draw();
    const double larger = static_cast<double>(points(subject)) / kDense;
    std::vector<double> own, scaled, ratios;
    for (int64_t round = 0; round < kRounds; ++round) {
      scaled.push_back(seconds(draw_dense) * larger * larger);
      own.push_back(seconds(draw));
      ratios.push_back(scaled.back() / own.back());
    }
    const double dense_factor = dense_making * std::pow(larger, 3);
    const double whole = (dense_factor + median(scaled)) / (making + median(own));
    fmt::print("| {} | {} | {:.3f} | {:.4f} | {:.0f} | {:.2f} | {:.0f} | {:.0f} |\n", subject.name,
               points(subject), making, median(own), dense_factor, median(scaled), whole,
               median(ratios));
    std::fflush(stdout);
    fast = fast && median(ratios) >= kWanted;
  }
  return fast;
}

}  // namespace
}  // namespace ornstein

int main() {
  at::set_num_threads(1);
  using namespace ornstein;
  const bool fast = compare();
  fmt::print("\n| field | points | peak memory, MB | bytes a point |\n|---|---|---|---|\n");
  for (const Subject& subject : subjects(false)) {
    const double peak = peak_memory(subject);
    fmt::print("| {} | {} | {:.0f} | {:.0f} |\n", subject.name, points(subject), peak,
               peak * 1048576 / static_cast<double>(points(subject)));
    std::fflush(stdout);
  }
  if (!fast) fmt::print("\na field is drawn less than {:.0f} times faster\n", kWanted);
  return fast ? 0 : 1;
}
