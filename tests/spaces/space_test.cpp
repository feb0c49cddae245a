// Spaces by name, products, and spaces that only say what lies on them.
#include "framework/spaces/space.h"

#include <gtest/gtest.h>

#include <numbers>

#include "framework/base/errors.h"
#include "framework/spaces/binary.h"
#include "tests/spaces/some_spaces.h"

namespace ornstein {
namespace {

using std::numbers::pi;

TEST(MakeSpace, ReadsNamesAndSizesOfDataFiles) {
  EXPECT_EQ(make_space("sphere", 3).dimension(), 2);
  EXPECT_EQ(make_space("torus", 4).dimension(), 4);
  EXPECT_EQ(make_space("so3", 9).dimension(), 3);
  EXPECT_EQ(make_space("so4", 16).dimension(), 6);
  EXPECT_EQ(make_space("hyperbolic", 3).dimension(), 2);
  EXPECT_EQ(make_space("", 5).name(), "euclidean");
  EXPECT_EQ(make_space("product:sphere3,torus2,so39", 14).dimension(), 2 + 2 + 3);
  EXPECT_EQ(make_space("product:so3,torus2", 11).name(), "product:so39,torus2");
}

TEST(MakeSpace, IsTheInverseOfName) {
  for (const Space& space : some_spaces()) {
    const Space again = make_space(space.name(), space.ambient());
    EXPECT_EQ(again.name(), space.name());
    EXPECT_EQ(again.dimension(), space.dimension());
  }
}

TEST(MakeSpace, RefusesWhatIsNoSpace) {
  EXPECT_THROW(make_space("spheer", 3), DataError);
  EXPECT_THROW(make_space("binary", 3), DataError);
  EXPECT_THROW(make_space("sphere", 1), DataError);
  EXPECT_THROW(make_space("so3", 8), DataError);
  EXPECT_THROW(make_space("product:sphere3,torus2", 6), DataError);
  EXPECT_THROW(make_space("product:sphere,torus2", 5), DataError);
  EXPECT_THROW(make_space("product:", 5), DataError);
}

TEST(Volume, IsThatOfTheStatedMetric) {
  auto volume = [](const char* name, int64_t ambient) {
    return std::exp(make_space(name, ambient).log_volume());
  };
  EXPECT_NEAR(volume("sphere", 2), 2 * pi, 1e-12);
  EXPECT_NEAR(volume("sphere", 3), 4 * pi, 1e-12);
  EXPECT_NEAR(volume("sphere", 4), 2 * pi * pi, 1e-12);
  EXPECT_NEAR(volume("torus", 3), std::pow(2 * pi, 3), 1e-9);
  EXPECT_NEAR(volume("so3", 9), 8 * pi * pi, 1e-10);
  EXPECT_NEAR(volume("product:sphere3,torus2", 5), 16 * pi * pi * pi, 1e-9);
  EXPECT_TRUE(std::isinf(volume("hyperbolic", 3)));
  EXPECT_FALSE(make_space("product:sphere3,hyperbolic3", 6).compact());
}

TEST(Product, IsTheSumOfItsFactors) {
  const Space product = make_space("product:sphere3,torus2", 5);
  const Space sphere({Sphere{2}}), torus({Torus{2}});
  const at::Tensor x = points(product, 10, 1), y = points(product, 10, 2);
  auto first = [](const at::Tensor& t) { return t.slice(1, 0, 3); };
  auto second = [](const at::Tensor& t) { return t.slice(1, 3); };
  const at::Tensor tau = at::full({10}, 0.3, at::kDouble);
  const HeatKernel both = product.heat_kernel(x, y, tau);
  const HeatKernel one = sphere.heat_kernel(first(x), first(y), tau);
  const HeatKernel other = torus.heat_kernel(second(x), second(y), tau);
  EXPECT_LT(largest(both.log_density - one.log_density - other.log_density), 1e-12);
  EXPECT_LT(largest(first(both.score) - one.score), 1e-12);
  EXPECT_LT(largest(second(both.score) - other.score), 1e-12);
  EXPECT_LT(largest(product.distance(x, y).square() - sphere.distance(first(x), first(y)).square() -
                    torus.distance(second(x), second(y)).square()),
            1e-12);
  EXPECT_LT(largest(first(product.log(x, y)) - sphere.log(first(x), first(y))), 1e-15);
  EXPECT_NEAR(product.log_volume(), sphere.log_volume() + torus.log_volume(), 1e-12);
}

TEST(Defect, SaysWhichRowIsOffAndByHowMuch) {
  const Space space = make_space("product:sphere3,torus2,so39,hyperbolic3", 17);
  const at::Tensor x = points(space, 6, 1);
  x[1].slice(0, 0, 3).mul_(1.5);  // sphere
  x[2][4] = 3 * pi;               // torus: degrees, perhaps
  x[3].slice(0, 5, 14).mul_(-1);  // a reflection
  x[4][14] *= -1;                 // the lower sheet
  x[5][0] = std::nan("");
  const at::Tensor off = space.defect(x);
  EXPECT_LT(off[0].item<double>(), 1e-12);
  EXPECT_NEAR(off[1].item<double>(), 0.5, 1e-12);
  EXPECT_NEAR(off[2].item<double>(), pi, 1e-12);
  EXPECT_NEAR(off[3].item<double>(), 2, 1e-12);
  EXPECT_NEAR(off[4].item<double>(), 2, 1e-12);
  EXPECT_TRUE(std::isnan(off[5].item<double>()));
}

TEST(Binary, HoldsCornersOnly) {
  const Binary space{3};
  const at::Tensor x = at::tensor({0.0, 1.0, 1.0, 0.0, 0.75, 1.0}).view({2, 3});
  EXPECT_NEAR(space.defect(x)[0].item<double>(), 0, 1e-7);
  EXPECT_NEAR(space.defect(x)[1].item<double>(), 0.25, 1e-7);
  EXPECT_TRUE(at::equal(space.project(x)[1], at::tensor({0.0, 1.0, 1.0}).to(x.scalar_type())));
}

TEST(Torus, WrapsIntoOneTurn) {
  const at::Tensor x = at::tensor({-pi, pi, 3 * pi / 2, -3 * pi / 2, 0.5, 7.0}, at::kDouble);
  const at::Tensor expected = at::tensor({pi, pi, -pi / 2, pi / 2, 0.5, 7 - 2 * pi}, at::kDouble);
  EXPECT_LT(largest(wrapped(x) - expected), 1e-12);
}

}  // namespace
}  // namespace ornstein
