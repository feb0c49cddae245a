// How clouds, and sets of clouds, are compared.
#include <gtest/gtest.h>

#include "framework/base/random.h"
#include "tests/support/serial_rows.h"
#include "trainers/point_cloud/assignment.h"
#include "trainers/point_cloud/cloud_distance.h"
#include "trainers/point_cloud/cloud_scores.h"
#include "trainers/point_cloud/occupancy.h"

namespace ornstein::point_cloud {
namespace {

constexpr CloudDistance kBoth[] = {CloudDistance::chamfer, CloudDistance::earth_movers};

at::Tensor random_clouds(int64_t clouds, int64_t points, uint64_t seed) {
  auto generator = make_generator(seed);
  return at::randn({clouds, points, 3}, generator);
}

double chamfer(const at::Tensor& x, const at::Tensor& y) {
  return distance(CloudDistance::chamfer, x, y);
}

double earth_movers(const at::Tensor& x, const at::Tensor& y) {
  return distance(CloudDistance::earth_movers, x, y);
}

TEST(CloudDistance, ChamferOfTwoSinglePointsIsTwiceTheSquare) {
  EXPECT_NEAR(chamfer(at::zeros({1, 3}), at::tensor({0.3, 0.0, 0.4}).view({1, 3})), 2 * 0.25,
              1e-12);
}

TEST(CloudDistance, ChamferIsTheSumOfBothMeansOverCloudsOfAnySizes) {
  // 0 and 1 against 3: squares 9 and 4 there, 4 back.
  const at::Tensor x = at::tensor({0.0, 1.0}).view({2, 1}), y = at::tensor({3.0}).view({1, 1});
  EXPECT_NEAR(chamfer(x, y), 6.5 + 4, 1e-12);
  EXPECT_NEAR(chamfer(y, x), 4 + 6.5, 1e-12);
}

TEST(CloudDistance, OfAPermutedCopyIsZero) {
  auto generator = make_generator(1);
  const at::Tensor x = random_clouds(1, 100, 2)[0];
  const at::Tensor permuted = x.index_select(0, at::randperm(100, generator, at::kLong));
  for (const CloudDistance kind : kBoth) EXPECT_EQ(distance(kind, x, permuted), 0);
}

TEST(CloudDistance, OfATranslationIsItsLengthAndAtMostTwiceItsSquare) {
  const at::Tensor x = random_clouds(1, 64, 3)[0].to(at::kDouble);
  const at::Tensor shift = at::tensor({0.6, -0.3, 0.2}, at::kDouble);
  const double length = 0.7;
  EXPECT_NEAR(earth_movers(x, x + shift), length, 1e-10);
  EXPECT_LE(chamfer(x, x + shift), 2 * length * length);
  EXPECT_GT(chamfer(x, x + shift), 0.01);
}

TEST(CloudDistance, EarthMoversIsTheLeastOverAllPermutations) {
  const at::Tensor x = random_clouds(1, 6, 4)[0], y = random_clouds(1, 6, 5)[0];
  const at::Tensor costs = at::cdist(x.to(at::kDouble), y.to(at::kDouble), 2, 2);
  std::vector<int64_t> order{0, 1, 2, 3, 4, 5};
  double least = std::numeric_limits<double>::infinity();
  do {
    double sum = 0;
    for (int64_t i = 0; i < 6; ++i) sum += costs[i][order[i]].item<double>();
    least = std::min(least, sum / 6);
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_NEAR(earth_movers(x, y), least, 1e-10);
}

// On a line the sorted points go to the sorted points.
TEST(CloudDistance, EarthMoversOnALineMatchesOrderStatistics) {
  auto generator = make_generator(6);
  const at::Tensor x = at::randn({300, 1}, generator, at::kDouble);
  const at::Tensor y = 0.4 + 2 * at::randn({300, 1}, generator, at::kDouble);
  const at::Tensor sorted = std::get<0>(x.sort(0)) - std::get<0>(y.sort(0));
  EXPECT_NEAR(earth_movers(x, y), sorted.abs().mean().item<double>(), 1e-9);
}

TEST(CloudDistance, EarthMoversIsAMetric) {
  const at::Tensor clouds = random_clouds(3, 50, 7);
  const double ab = earth_movers(clouds[0], clouds[1]), ba = earth_movers(clouds[1], clouds[0]);
  const double bc = earth_movers(clouds[1], clouds[2]), ac = earth_movers(clouds[0], clouds[2]);
  EXPECT_NEAR(ab, ba, 1e-10);
  EXPECT_LT(ac, ab + bc);
  // No matching moves the mean by more than the points.
  const double means = (clouds[0].mean(0) - clouds[1].mean(0)).norm().item<double>();
  EXPECT_GT(ab, means);
}

TEST(CloudDistance, TurningAndScalingBothCloudsScalesIt) {
  const at::Tensor clouds = random_clouds(2, 40, 8).to(at::kDouble);
  auto generator = make_generator(9);
  const at::Tensor turn = std::get<0>(at::linalg_qr(at::randn({3, 3}, generator, at::kDouble)));
  const auto turned = [&](int64_t i) { return 3 * clouds[i].matmul(turn); };
  EXPECT_NEAR(chamfer(turned(0), turned(1)), 9 * chamfer(clouds[0], clouds[1]), 1e-10);
  EXPECT_NEAR(earth_movers(turned(0), turned(1)), 3 * earth_movers(clouds[0], clouds[1]), 1e-9);
}

TEST(CloudDistance, MatricesHoldTheDistanceOfEveryPairHoweverTheyAreCut) {
  const at::Tensor a = random_clouds(5, 12, 10), b = random_clouds(4, 12, 11);
  for (const CloudDistance kind : kBoth) {
    const at::Tensor across = distances_between(kind, a, b, serial_rows(0, 3));
    const at::Tensor within = distances_within(kind, a, serial_rows(0, 3));
    EXPECT_TRUE(across.equal(distances_between(kind, a, b, serial_rows(0, 20))));
    EXPECT_TRUE(within.equal(within.t()));
    for (int64_t i = 0; i < 5; ++i) {
      for (int64_t j = 0; j < 4; ++j)
        EXPECT_EQ(across[i][j].item<double>(), distance(kind, a[i], b[j]));
      EXPECT_EQ(within[i][i].item<double>(), 0);
      EXPECT_EQ(within[i][(i + 1) % 5].item<double>(),
                distance(kind, a[std::min(i, (i + 1) % 5)], a[std::max(i, (i + 1) % 5)]));
    }
    const at::Tensor pairs = distances_of_pairs(kind, a.slice(0, 0, 4), b, serial_rows());
    EXPECT_TRUE(pairs.equal(across.slice(0, 0, 4).diag()));
  }
}

TEST(Assignment, SolvesProblemsOfAnySizeOneAfterAnother) {
  Assignment assignment;
  EXPECT_NEAR(assignment.least_mean({1, 5, 2, 9}), (5 + 2) / 2.0, 1e-10);
  EXPECT_NEAR(assignment.least_mean({0.25}), 0.25, 1e-12);
  EXPECT_NEAR(assignment.least_mean({4, 1, 3, 2, 0, 5, 3, 2, 2}), (1 + 2 + 2) / 3.0, 1e-10);
  EXPECT_EQ(assignment.least_mean({0, 0, 0, 0}), 0);
}

SetDistances distances_of(CloudDistance kind, const at::Tensor& s, const at::Tensor& r) {
  return {distances_between(kind, s, r, serial_rows()), distances_within(kind, s, serial_rows()),
          distances_within(kind, r, serial_rows())};
}

// The references themselves: the nearest of a cloud's neighbours is its twin in the other set.
TEST(CloudScores, OfTheReferencesThemselvesAreExtreme) {
  const at::Tensor r = random_clouds(12, 8, 12);
  for (const CloudDistance kind : kBoth) {
    const SetDistances distances = distances_of(kind, r, r);
    EXPECT_EQ(minimum_matching_distance(distances), 0);
    EXPECT_EQ(coverage(distances), 1);
    EXPECT_EQ(nearest_neighbour_accuracy(distances), 0);
  }
}

TEST(CloudScores, OfASetFarAwayTellEveryCloud) {
  const at::Tensor r = random_clouds(12, 8, 13), s = random_clouds(12, 8, 14) + 100;
  const double apart = 100 * std::sqrt(3.0);
  for (const CloudDistance kind : kBoth)
    EXPECT_EQ(nearest_neighbour_accuracy(distances_of(kind, s, r)), 1);
  const double mmd = minimum_matching_distance(distances_of(CloudDistance::earth_movers, s, r));
  EXPECT_NEAR(mmd, apart, 3);
}

TEST(CloudScores, OfOneCloudManyTimesCoverOneReference) {
  const at::Tensor r = random_clouds(10, 8, 15), s = random_clouds(1, 8, 16).expand({10, 8, 3});
  for (const CloudDistance kind : kBoth) {
    const SetDistances distances = distances_of(kind, s, r);
    EXPECT_EQ(coverage(distances), 0.1);
    // Every reference is matched with the one cloud.
    EXPECT_NEAR(minimum_matching_distance(distances), distances.across[0].mean().item<double>(),
                1e-12);
  }
}

// 400 verdicts of two sets with one law are right half the time; their standard deviation is about
// 0.5/sqrt(400), neighbours sharing some of them: 0.07 is nearly three of those.
TEST(CloudScores, CannotTellTwoSetsOfOneLaw) {
  const at::Tensor scale = 0.5 + at::rand({400, 1, 3}, make_generator(17));
  const at::Tensor all = random_clouds(400, 16, 18) * scale;
  for (const CloudDistance kind : kBoth) {
    const SetDistances distances = distances_of(kind, all.slice(0, 0, 200), all.slice(0, 200, 400));
    EXPECT_NEAR(nearest_neighbour_accuracy(distances), 0.5, 0.07);
    EXPECT_GT(coverage(distances), 0.4);
  }
}

// S = {0.1, 10}, R = {1, 2} on a line: 0.1 and 1 are each other's neighbours, 10's is 2, 2's is 1.
TEST(CloudScores, FollowTheirDefinitions) {
  const at::Tensor s = at::tensor({0.1, 10.0}, at::kDouble),
                   r = at::tensor({1.0, 2.0}, at::kDouble);
  const auto apart = [](const at::Tensor& a, const at::Tensor& b) {
    return (a.unsqueeze(1) - b).abs().to(at::kDouble);
  };
  const SetDistances distances{apart(s, r), apart(s, s), apart(r, r)};
  EXPECT_DOUBLE_EQ(minimum_matching_distance(distances), (0.9 + 1.9) / 2);
  EXPECT_EQ(coverage(distances), 1.0);                     // 0.1 covers 1, 10 covers 2
  EXPECT_EQ(nearest_neighbour_accuracy(distances), 0.25);  // 2's alone
}

TEST(OccupancyDivergence, OfEqualCloudsIsZeroAndOfDisjointOnesOneBit) {
  const at::Tensor x = random_clouds(1, 2000, 19)[0];
  EXPECT_NEAR(occupancy_divergence(x, x), 0, 1e-12);
  EXPECT_NEAR(occupancy_divergence(x.index_select(0, at::randperm(2000)), x), 0, 1e-12);
  at::Tensor left = x.clone(), right = x.clone();
  left.select(1, 0).abs_().add_(1).neg_();
  right.select(1, 0).abs_().add_(1);
  // Both in the references' ball, so that the grid sees them apart.
  const at::Tensor around = at::cat({right, at::tensor({-20.f, 0.f, 0.f}).view({1, 3})});
  EXPECT_GT(occupancy_divergence(left, around), 0.999);
  EXPECT_NEAR(occupancy_divergence(at::zeros({5, 2}), at::eye(2)), 1, 1e-12);
}

// Half of the points of p are where all of q's are: JSD = H(1/4) - H(1/2)/2 in bits.
TEST(OccupancyDivergence, OfHalfAnOverlapIsItsClosedForm) {
  const auto entropy = [](double p) { return -p * std::log2(p) - (1 - p) * std::log2(1 - p); };
  const at::Tensor q = at::tensor({1.0, 1.0, 1.0, 1.0}).view({4, 1});
  const at::Tensor p = at::tensor({1.0, 1.0, -1.0, -1.0}).view({4, 1});
  EXPECT_NEAR(occupancy_divergence(q, p), entropy(0.25) - entropy(0.5) / 2, 1e-12);
}

TEST(OccupancyDivergence, DoesNotDependOnUnitOrPlace) {
  const at::Tensor x = random_clouds(1, 500, 20)[0].to(at::kDouble);
  const at::Tensor y = 1.3 * random_clouds(1, 500, 21)[0].to(at::kDouble);
  EXPECT_NEAR(occupancy_divergence(100 * x + 7, 100 * y + 7), occupancy_divergence(x, y), 1e-9);
}

// Points outside the ball count at its nearest node: as found by search among all.
TEST(OccupancyDivergence, CountsPointsOutsideAtTheNearestNode) {
  const at::Tensor references = at::tensor({-1.0, 0.0, 1.0, 0.0}).view({2, 2});
  const at::Tensor far = at::tensor({50.0, 0.0, -50.0, 0.0}).view({2, 2});
  EXPECT_NEAR(occupancy_divergence(far, references), 0, 1e-12);
}

}  // namespace
}  // namespace ornstein::point_cloud
