// One parameter group in flat buffers: parameters, gradients, both AdamW moments and every EMA
// profile are one tensor each; the trainer's own tensors become views, each aligned to 64 bytes.
// The optimiser is then one fused call, an EMA profile one lerp, a gradient bucket a slice.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "framework/training/trainer.h"
#include "framework/training/training_settings.h"

namespace ornstein {

class FlatGroup {
 public:
  // Moves the group's tensors to `device` and into the buffers, in place: whoever holds them sees
  // the views. Sets their .grad to views of `gradients`. Refuses complex tensors, mixed types and a
  // tensor that comes twice (TORCH_CHECK).
  FlatGroup(const ParameterGroup& group, const GroupSettings& settings,
            const std::vector<double>& ema_widths, const at::Device& device);

  // Back to the first moment of training: moments and EMA begin anew from the parameters as they
  // are.
  void restart();

  // One AdamW step (Loshchilov and Hutter 2019) with `gradients` times `scale`, then the EMA
  // profiles.
  void update(double scale);

  void set_trainable(bool trainable);  // requires_grad of every parameter

  // `flat`, one of the buffers below, seen as named tensors.
  std::vector<NamedTensor> views(const at::Tensor& flat) const;

  const std::string name;
  std::vector<NamedTensor> parameters;              // views of `flat`
  std::vector<int64_t> offsets;                     // of each parameter, in elements
  at::Tensor flat, gradients, exp_avg, exp_avg_sq;  // [elements, padding included]
  std::vector<at::Tensor> ema;                      // one a width
  int64_t updates = 0;                              // since the start or the last restart
  double last_learning_rate = 0;                    // of the last update, for the log

 private:
  GroupSettings settings_;
  std::vector<double> gammas_;
  at::Tensor step_count_;  // scalar float32, as the fused kernel wants it
};

}  // namespace ornstein
