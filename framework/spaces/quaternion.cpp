#include "framework/spaces/quaternion.h"

namespace ornstein {

at::Tensor rotation_of(const at::Tensor& q) {
  const auto part = q.unbind(1);
  const at::Tensor &w = part[0], &x = part[1], &y = part[2], &z = part[3];
  return at::stack({1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
                    2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
                    2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)},
                   1)
      .view({-1, 3, 3});
}

// 4 q q^T is linear in the rotation. Its longest row, of length 2 at least, is along q.
at::Tensor quaternion_of(const at::Tensor& r) {
  const auto e = r.reshape({-1, 9}).unbind(1);
  const at::Tensor x = e[7] - e[5], y = e[2] - e[6], z = e[3] - e[1];
  const at::Tensor xy = e[1] + e[3], xz = e[2] + e[6], yz = e[5] + e[7];
  const at::Tensor outer = at::stack({1 + e[0] + e[4] + e[8], x, y, z,    //
                                      x, 1 + e[0] - e[4] - e[8], xy, xz,  //
                                      y, xy, 1 - e[0] + e[4] - e[8], yz,  //
                                      z, xz, yz, 1 - e[0] - e[4] + e[8]},
                                     1)
                               .view({-1, 4, 4});
  const at::Tensor longest =
      outer.detach().diagonal(0, 1, 2).argmax(1).view({-1, 1, 1}).expand({-1, 1, 4});
  const at::Tensor row = outer.gather(1, longest).squeeze(1);
  const at::Tensor q = row / row.norm(2, 1, true);
  return at::where(q.slice(1, 0, 1) < 0, -q, q);
}

at::Tensor skew_of(const at::Tensor& w) {
  const auto part = w.unbind(1);
  const at::Tensor zero = at::zeros_like(part[0]);
  return at::stack({zero, -part[2], part[1], part[2], zero, -part[0], -part[1], part[0], zero}, 1)
      .view({-1, 3, 3});
}

at::Tensor axis_of(const at::Tensor& skew) {
  const auto e = skew.reshape({-1, 9}).unbind(1);
  return at::stack({e[7] - e[5], e[2] - e[6], e[3] - e[1]}, 1) / 2;
}

}  // namespace ornstein
