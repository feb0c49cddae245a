// The sphere S^{d-1} from inside the ball of R^d, started at the centre.
//
//   b^x(z) = -2 z/(1 - |z|^2) + d (x - z)/|x - z|^2,   s = F/(e + e_0),  e = 1 - |z|
//
// e_0 is the resolution: by Harnack's inequality |grad log u| <= d/e, and data that are smooth on
// the scale e_0 leave s of the order 1/e_0 beyond it. Time spent by the bridge to x: Green's
// function of the ball gives the radius the density g, whatever x, and the direction given r is
// P(r x, .) (poisson_law.h):
//   g(r) = 2 (r - r^(d-1))/(d - 2),  at d = 2: -2 r log r;   int g = E tau = 1/d
// so that states of bridges are drawn exactly, in pairs reflected at the axis of x. log(e + e_0) is
// drawn uniformly, and weighted for it: all scales are learnt alike.
//
// The walk: z + rho v with v uniform on the sphere, kept with probability (1 + rho s . v)/2 and
// turned into z - rho v else; rho = eta min(e, 1/|s|). It is walk on spheres (Muller 1956, Ann.
// Math. Statist. 27) tilted by u(z + rho v)/u(z) = 1 + rho v . grad log u + O(rho^2): it never
// leaves the ball, so that there is no overshoot to correct. At e < e_0 it hits by P(z, .), exact
// for s = 0. Where u is linear the tilt is exact. `euler` is the paper's walk: z + s h + sqrt(h)
// noise, h = (eta max(e, e_0))^2/d, ended where 1 - |z| < 0.5826 sqrt(h), the mean overshoot
// (Chernoff 1965; Broadie, Glasserman and Kou 1997), and projected.
#pragma once

#include "trainers/first_hitting/domain.h"

namespace ornstein::first_hitting {

class Ball final : public Domain {
 public:
  Ball(int64_t d, double resolution, double eta, bool euler)
      : d_(d), resolution_(resolution), eta_(eta), euler_(euler) {}
  // eta such that the walk of s = 0 on spheres takes about `steps`: the number falls as eta^-2.
  Ball(int64_t d, double resolution, int64_t steps, bool euler);

  at::Tensor start(int64_t rows) const override;
  at::Tensor log_base(const at::Tensor& x) const override;  // against the area
  Seen seen(const at::Tensor& z) const override;            // z and log(e + e_0)
  at::Tensor drift(const at::Tensor& output, const at::Tensor& z) const override;
  Bridges bridges(const at::Tensor& x, const at::Tensor& u,
                  at::Generator& generator) const override;
  Bridges blended(const Bridges& bridges, const at::Tensor& x) const override;
  at::Tensor cost(const at::Tensor& output, const Bridges& bridges) const override;
  Move step(const at::Tensor& z, const at::Tensor& output, const at::Tensor& x,
            at::Generator& generator) const override;
  at::Tensor arrived(const at::Tensor& z) const override;
  at::Tensor hit(const at::Tensor& z, at::Generator& generator) const override;
  std::shared_ptr<const Domain> with_steps(int64_t steps) const override;

  at::Tensor bridge_drift(const at::Tensor& z, const at::Tensor& x) const;  // b^x, [n, d]

 private:
  Move euler_step(const at::Tensor& z, const at::Tensor& s, at::Generator& generator) const;
  // v of density P(z + rho v, x)/P(z, x), rho [n] < e: as a function of v, |x - z - rho v|^-d is a
  // Poisson kernel itself, and 1 - |z + rho v|^2 is left to rejection, which takes more than half.
  at::Tensor directions_towards(const at::Tensor& x, const at::Tensor& z, const at::Tensor& rho,
                                at::Generator& generator) const;

  int64_t d_;
  double resolution_;  // e_0
  double eta_;
  bool euler_;
};

}  // namespace ornstein::first_hitting
