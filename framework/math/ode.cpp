#include "framework/math/ode.h"

namespace ornstein {

at::Tensor integrate_rk4(const TimeDerivative& f, at::Tensor y, const std::vector<double>& grid) {
  TORCH_CHECK(!grid.empty(), "integrate_rk4 wants a grid of at least one time");
  for (size_t i = 0; i + 1 < grid.size(); ++i) {
    const double t = grid[i], h = grid[i + 1] - t;
    const at::Tensor k1 = f(t, y);
    const at::Tensor k2 = f(t + h / 2, y.add(k1, h / 2));
    const at::Tensor k3 = f(t + h / 2, y.add(k2, h / 2));
    const at::Tensor k4 = f(t + h, y.add(k3, h));
    y = y.add(k1 + 2 * (k2 + k3) + k4, h / 6);
  }
  return y;
}

}  // namespace ornstein
