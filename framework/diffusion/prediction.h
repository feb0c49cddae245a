// What a network predicts, and the one table that turns its output F into (x0, noise) and back.
//
// All in the coordinates of gaussian_path.h: y = x_t / alpha_t = x0 + sigma e, where sigma stands
// for sigma_t / alpha_t. With s = sigma_data the data's standard deviation, q = sigma^2 + s^2,
// c_skip = s^2/q, c_out = sigma s/sqrt(q), and a = 1/sqrt(1 + sigma^2), b = sigma a the variance
// preserving alpha and sigma at this noise level:
//
//   prediction   F aims at               x0                   noise
//   noise        e                       y - sigma F          F
//   data         x0                      F                    (y - F)/sigma
//   velocity     a e - b x0              a^2 y - b F          a (b y + F)
//   edm          (x0 - c_skip y)/c_out   c_skip y + c_out F   sigma y/q - s F/sqrt(q)
//
// The score of x_t is -noise/sigma_t. Ho et al. 2020, arXiv:2006.11239 (noise); Salimans & Ho 2022,
// arXiv:2202.00512, app. D (velocity); Karras et al. 2022, arXiv:2206.00364, table 1 (edm, which at
// s = 1 is minus the velocity).
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace ornstein {

enum class Prediction { noise, data, velocity, edm };

// As configurations write them, in the order of the enumeration: "noise", "x0", "v", "edm".
const std::vector<std::string>& prediction_names();
Prediction prediction_from(const std::string& name);  // one of these names

struct Estimate {
  at::Tensor x0;     // [B, ...]
  at::Tensor noise;  // [B, ...], unit variance; x0 + sigma noise = y
};

// A noise level `sigma` > 0 is [B], one a row, or broadcasts over the state with as many axes
// ([B, C, 1, 1]: one a channel): non-uniform diffusion, Batzolis et al. 2021, arXiv:2111.13606.

// output, y [B, ...].
Estimate estimate_from(Prediction prediction, const at::Tensor& output, const at::Tensor& y,
                       const at::Tensor& sigma, double sigma_data);

// What the output should be, [B, ...], at y = x0 + sigma noise.
at::Tensor regression_target(Prediction prediction, const at::Tensor& x0, const at::Tensor& noise,
                             const at::Tensor& sigma, double sigma_data);

// c_in y = y/sqrt(q), unit variance: what the network is shown, whatever it predicts. On a variance
// preserving path with s = 1 this is x_t itself.
at::Tensor network_input(const at::Tensor& y, const at::Tensor& sigma, double sigma_data);

// values [B] -> [B, 1, ...] with as many axes as `like`: one value a row. Values that have as many
// axes already come back as they are.
at::Tensor per_row(const at::Tensor& values, const at::Tensor& like);

}  // namespace ornstein
