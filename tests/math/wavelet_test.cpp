#include "framework/math/wavelet.h"

#include <gtest/gtest.h>

#include "framework/base/random.h"

namespace ornstein {
namespace {

at::Tensor noise(at::IntArrayRef shape, at::ScalarType type = at::kDouble) {
  auto generator = make_generator(3);
  return at::randn(shape, generator, at::TensorOptions(type));
}

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

// All bands of all unit images, as the matrix W [pixels, coefficients].
at::Tensor matrix_of(const Wavelet& wavelet, int64_t height, int64_t width) {
  const int64_t pixels = height * width;
  const auto bands =
      wavelet_forward(wavelet, at::eye(pixels, at::kDouble).reshape({pixels, 1, height, width}));
  return at::cat({bands.low.flatten(1), bands.details.flatten(1)}, 1);
}

class EveryWavelet : public testing::TestWithParam<Wavelet> {};
INSTANTIATE_TEST_SUITE_P(Wavelets, EveryWavelet, testing::Values(haar(), db4()),
                         [](const auto& info) { return info.index == 0 ? "Haar" : "Db4"; });

TEST_P(EveryWavelet, IsAnOrthogonalMatrix) {
  for (const auto& [height, width] : {std::pair{8, 8}, {2, 4}, {16, 6}}) {  // also below 8 taps
    const at::Tensor w = matrix_of(GetParam(), height, width);
    EXPECT_LT(largest(w.matmul(w.t()) - at::eye(height * width, at::kDouble)), 1e-14);
  }
}

TEST_P(EveryWavelet, InverseUndoesForward) {
  for (const auto type : {at::kDouble, at::kFloat}) {
    const at::Tensor x = noise({2, 3, 16, 12}, type);
    const at::Tensor back = wavelet_inverse(GetParam(), wavelet_forward(GetParam(), x));
    EXPECT_EQ(back.scalar_type(), type);
    EXPECT_LT(largest(back - x), type == at::kFloat ? 1e-5 : 1e-13);
  }
}

TEST_P(EveryWavelet, KeepsEnergy) {
  const at::Tensor x = noise({4, 3, 8, 8});
  const auto bands = wavelet_forward(GetParam(), x);
  const at::Tensor energy = bands.low.square().sum() + bands.details.square().sum();
  EXPECT_NEAR(energy.item<double>(), x.square().sum().item<double>(), 1e-9);
}

TEST_P(EveryWavelet, KeepsWhiteNoiseWhite) {
  const int64_t samples = 20000;
  const auto bands = wavelet_forward(GetParam(), noise({samples, 1, 4, 4}));
  const at::Tensor c = at::cat({bands.low.flatten(1), bands.details.flatten(1)}, 1);
  const at::Tensor error = c.t().matmul(c) / samples - at::eye(16, at::kDouble);
  EXPECT_LT(largest(error), 4.5 * std::sqrt(2.0 / samples));  // the largest of 256
}

TEST_P(EveryWavelet, SendsAConstantToTheLowPassDoubled) {
  const auto bands = wavelet_forward(GetParam(), at::full({1, 2, 8, 8}, 3.0, at::kDouble));
  EXPECT_LT(largest(bands.low - 6), 1e-10);
  EXPECT_LT(largest(bands.details), 1e-10);
}

TEST_P(EveryWavelet, NamesDetailsByTheDirectionOfTheEdges) {
  const at::Tensor stripes = at::tensor({1.0, -1.0}).repeat({8}).view({1, 1, 1, 16});
  const at::Tensor vertical = stripes.expand({1, 2, 16, 16});  // varies along the width
  const auto energy = [&](const at::Tensor& x, int64_t channel) {
    return wavelet_forward(GetParam(), x).details[0][channel].square().sum().item<double>();
  };
  for (int64_t c : {0, 1}) {
    EXPECT_NEAR(energy(vertical.mT(), 3 * c), 256, 1e-9);
    EXPECT_NEAR(energy(vertical, 3 * c + 1), 256, 1e-9);
    EXPECT_NEAR(energy(vertical * vertical.mT(), 3 * c + 2), 256, 1e-9);
  }
}

TEST_P(EveryWavelet, GradientOfForwardIsTheInverse) {
  const at::Tensor x = noise({1, 2, 8, 8}).requires_grad_();
  const auto bands = wavelet_forward(GetParam(), x);
  const WaveletBands weights{noise({1, 2, 4, 4}), noise({1, 6, 4, 4}) + 1};
  const at::Tensor sum = (bands.low * weights.low).sum() + (bands.details * weights.details).sum();
  const at::Tensor gradient = torch::autograd::grad({sum}, {x})[0];
  EXPECT_LT(largest(gradient - wavelet_inverse(GetParam(), weights)), 1e-12);
}

TEST_P(EveryWavelet, RefusesOddSizesAndForeignBands) {
  EXPECT_THROW(wavelet_forward(GetParam(), at::zeros({1, 1, 7, 8})), c10::Error);
  EXPECT_THROW(wavelet_inverse(GetParam(), {at::zeros({1, 2, 4, 4}), at::zeros({1, 3, 4, 4})}),
               c10::Error);
}

TEST(HaarWavelet, IsSumsAndDifferencesOfSquaresOfFour) {
  const auto bands = wavelet_forward(haar(), at::tensor({1.0, 2.0, 4.0, 8.0}).view({1, 1, 2, 2}));
  EXPECT_NEAR(bands.low.item<double>(), 7.5, 1e-12);             // (1+2+4+8)/2
  EXPECT_NEAR(bands.details[0][0].item<double>(), -4.5, 1e-12);  // (1+2-4-8)/2
  EXPECT_NEAR(bands.details[0][1].item<double>(), -2.5, 1e-12);  // (1-2+4-8)/2
  EXPECT_NEAR(bands.details[0][2].item<double>(), 1.5, 1e-12);   // (1-2-4+8)/2
}

TEST(Db4Wavelet, SeesNoCubicAwayFromTheSeam) {
  const at::Tensor u = at::linspace(-1, 1, 32, at::kDouble);
  const at::Tensor cubic = (u.pow(3) - u.square()).expand({1, 1, 32, 32});  // along the width
  const at::Tensor inside = wavelet_forward(db4(), cubic).details.narrow(3, 0, 13);
  EXPECT_LT(largest(inside), 1e-10);
  EXPECT_GT(largest(wavelet_forward(haar(), cubic).details.narrow(3, 0, 13)), 1e-2);
}

}  // namespace
}  // namespace ornstein
