// A network for a field on a space: points go in by features that are smooth on the space, and a
// tangent vector comes out.
//   factor       features
//   euclidean    the numbers
//   sphere       the unit vector
//   torus        cos and sin of each angle
//   rotations    the matrix
//   hyperbolic   log_o(x) about the origin o, without its time coordinate, which is 0
// Beside each of these numbers c go exp(-(f sigma)^2/2) sin(f c) and the same of the cosine, for
// each frequency f: what noise of the standard deviation sigma leaves of them on average (Tancik et
// al. 2020, arXiv:2006.10739, with the blur of Barron et al. 2021, arXiv:2103.13415). Without it
// fine features would be heard at all noise levels: as a divergence of f times their error. The
// vector is that of `noise_size` numbers by Space::tangent_from: coefficients on a family that
// spans the tangent space (De Bortoli et al. 2022, arXiv:2202.02763, app. E).
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/nn/network.h"
#include "framework/spaces/space.h"

namespace ornstein::riemannian {

int64_t feature_count(const Space& space);
at::Tensor features(const Space& space, const at::Tensor& x);  // [b, D] -> [b, feature_count]

class SpaceNetwork {
 public:
  SpaceNetwork() = default;
  // Reads `frequencies` of the section `trainer`, and the section `network`.
  SpaceNetwork(const ConfigReader& root, const Space& space);

  const Network& network() const { return network_; }

  // [b, D], tangent at x [b, D], of x's type; sigma [b] the noise in x, time [b] as the network
  // embeds it. The network itself computes in float32.
  at::Tensor operator()(const Space& space, const at::Tensor& x, const at::Tensor& sigma,
                        const at::Tensor& time) const;

 private:
  std::vector<double> frequencies_;
  Network network_;
};

}  // namespace ornstein::riemannian
