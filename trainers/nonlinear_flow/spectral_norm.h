// The norm of a convolution as an operator on images of a given size, zero padding included, by
// power iteration (Gouk et al. 2021, arXiv:1804.04368; Behrmann et al. 2019, arXiv:1811.00995,
// sec. 2.3). Not the norm of the kernel reshaped to a matrix, which bounds nothing of the kind.
//
// Kernels [out, in, k, k] with k odd, stride 1 and padding k/2; the vector v [1, in, H, W] of norm
// 1 approaches the leading right singular vector. For k = 1 the size does not matter: H = W = 1.
#pragma once

#include <ATen/core/Tensor.h>

namespace ornstein::nonlinear_flow {

// One iteration: A^T A v over its norm. No gradient.
at::Tensor iterated(const at::Tensor& kernel, const at::Tensor& v);

// Until the norm grows by less than a hundred-thousandth, 200 iterations at most. No gradient.
at::Tensor converged(const at::Tensor& kernel, at::Tensor v);

// |A v|, scalar: the norm once v has converged, less before. Its gradient is the norm's, v fixed.
at::Tensor spectral_norm(const at::Tensor& kernel, const at::Tensor& v);

// kernel / max(1, norm / bound): an operator of norm `bound` or less once v has converged.
at::Tensor spectrally_bounded(const at::Tensor& kernel, const at::Tensor& v, double bound);

}  // namespace ornstein::nonlinear_flow
