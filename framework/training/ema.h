// Exponential moving averages with power-function profiles (Karras et al. 2023, "Analyzing and
// improving the training dynamics of diffusion models", sec. 3 and app. C): the profile's width is
// a fixed share of the run so far.
#pragma once

#include <string>

namespace ornstein {

// The exponent gamma whose profile t^gamma has relative standard deviation `width` (eq. 126):
// width = sqrt((gamma+1) / ((gamma+2)^2 (gamma+3))). 0.05 -> 16.97, 0.10 -> 6.94.
double ema_gamma(double width);

// beta of update n = 1, 2, ... (eq. 127): average <- beta * average + (1 - beta) * parameters;
// beta(1) = 0.
double ema_beta(double gamma, int64_t n);

// A width as it stands in checkpoints and on the command line: "0.1".
std::string ema_name(double width);

}  // namespace ornstein
