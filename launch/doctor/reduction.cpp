#include "launch/doctor/reduction.h"

#include <chrono>

namespace ornstein {
namespace {

constexpr double kSecondsASize = 0.5;
constexpr int64_t kMostRepeats = 500;

double seconds_of(const ProcessGroup& group, at::Tensor& tensor) {
  const auto start = std::chrono::steady_clock::now();
  all_reduce_sum(group, tensor);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median_seconds(const ProcessGroup& group, int64_t bytes) {
  at::Tensor tensor = at::zeros({bytes / 4}, at::kFloat);
  const double first = seconds_of(group, tensor);
  at::Tensor affordable = at::zeros({1}, at::kLong);
  affordable[0] = static_cast<int64_t>(kSecondsASize / first);
  broadcast(group, affordable);
  std::vector<double> seconds(std::min(kMostRepeats, affordable.item<int64_t>()));
  for (double& one : seconds) one = seconds_of(group, tensor);
  // The first one, which makes connections, counts only where there is no time for more.
  if (seconds.empty()) seconds = {first};
  const auto middle = seconds.begin() + static_cast<int64_t>(seconds.size() / 2);
  std::nth_element(seconds.begin(), middle, seconds.end());
  at::Tensor median = at::tensor({*middle}, at::kDouble);
  all_reduce_max(group, median);
  return median.item<double>();
}

}  // namespace

std::vector<ReductionTime> time_reductions(const ProcessGroup& group) {
  std::vector<ReductionTime> times;
  for (const int64_t bytes : {int64_t{1} << 10, int64_t{1} << 20, int64_t{64} << 20})
    times.push_back({bytes, median_seconds(group, bytes)});
  return times;
}

}  // namespace ornstein
