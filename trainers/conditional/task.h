// What is observed of an image: y = A x, A linear, and how a network sees it.
//
//   super_resolution  A is average pooling by `factor`; seen up-sampled by nearest neighbour
//   inpainting        A leaves out a hole; seen as the image with 0 in the hole, and a mask
//   labels            y is the class: nothing that has the form of an image
//
// With U what spreads y's numbers over pixels (U is nearest up-sampling, or writing y around the
// hole), the network sees U y, of x's size, and U A is a projection. Noise of y is noise of its
// numbers: y_t = y + sigma_y e is seen as U y + sigma_y U e, so that neither the hole nor the mask
// is ever noised, and the pixels that show one number share its noise. Where we differ: Batzolis et
// al. 2021 (arXiv:2111.13606) draw noise for every pixel of the up-sampled y, which their network
// can average away.
//
// Images are [B, C, H, W], framed (framework/math/pixels.h), in any unit in which 0 is a fair guess
// of a hidden pixel. A sees the inside of the frame; the frame itself is seen as it is.
#pragma once

#include "framework/base/batch.h"
#include "framework/config/config_reader.h"
#include "framework/math/pixels.h"

namespace ornstein::conditional {

struct Observation {
  at::Tensor y;      // [B, C, H, W], U y; of labels [B, 0, H, W]
  at::Tensor mask;   // [B, 1, H, W], x's type, 1 where seen, 0 in the hole; of inpainting alone
  at::Tensor share;  // [B or 1, 1, H, W]: the part of a number of y that a pixel shows. Sums over
                     // pixels weighted by it are sums over y's numbers
};

enum class TaskKind { super_resolution, inpainting, labels };
enum class Hole { centre, rectangle, pixels };

struct Task {
  TaskKind kind = TaskKind::super_resolution;
  int64_t factor = 4;        // of super-resolution
  Hole hole = Hole::centre;  // a square of sides `fraction` of the image's, in the middle or
                             // anywhere; or every pixel with probability `fraction`
  double fraction = 0.5;
  ImageFrame frame;

  int64_t condition_channels(int64_t image_channels) const {
    return kind == TaskKind::labels ? 0 : image_channels;
  }
  int64_t mask_channels() const { return kind == TaskKind::inpainting ? 1 : 0; }

  // U A x; `mask` as in Observation.
  at::Tensor seen(const at::Tensor& x, const at::Tensor& mask) const;

  Observation observe(const at::Tensor& x, at::Generator& generator) const;

  // U e, e ~ N(0, I) one for each number of y; y's size.
  at::Tensor noise(const Observation& observation, at::Generator& generator) const;

  // Mean over y's numbers of (A x - y)^2, [B]; x in y's unit.
  at::Tensor squared_residual(const at::Tensor& x, const Observation& observation) const;

 private:
  at::Tensor spread(const at::Tensor& numbers) const;  // nearest up-sampling by `factor`
  at::Tensor draw_mask(const at::Tensor& x, at::Generator& generator) const;
};

// Reads `task`, `background` and what the task has: `factor`, or `hole` and `fraction`. The frame's
// multiple is left at 1.
Task read_task(const ConfigReader& trainer, const DataSpec& spec);

}  // namespace ornstein::conditional
