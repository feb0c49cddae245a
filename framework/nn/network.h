// A network chosen by name in a configuration's `network` section (or a section of the same form).
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>

#include "framework/base/batch.h"
#include "framework/config/config_reader.h"
#include "framework/config/factory.h"

namespace torch::nn {
class Module;
}

namespace ornstein {

struct NetworkShape {
  std::vector<int64_t> input;  // of one row: [D] or [C, H, W]; of functions [C, n] or [C, n, m], of
                               // which any n and m may come; of sets [P, D], with any P
  int64_t outputs = 0;         // D or channels of the output
  int64_t classes = 0;         // > 0: `given.labels` is used

  // Of functions; by axis as in DataSpec. `given.coordinates` is used, shared by the rows.
  int64_t dimensions = 0;  // of the domain: 1 or 2; 0: rows are no functions
  int64_t condition = 0;   // K > 0: `given.condition` is used, by networks for functions
  std::vector<double> extent, period, spacing;
  bool regular = true;

  // Rows are sets of points: `given.mask` [B, P] is used where it is defined, and the output is
  // [B, P, outputs].
  bool set = false;
};

struct Network {
  std::shared_ptr<torch::nn::Module> module;  // in training mode: eval() ends dropout
  // x [B, input...]; t [B], what the network embeds as time (log sigma, or 1000 t, ...); given:
  // labels where classes > 0. Returns [B, outputs, ...] of x's spatial size.
  std::function<at::Tensor(const at::Tensor& x, const at::Tensor& t, const Batch& given)> call;
  int64_t divisor = 1;  // H and W must be multiples of this
};

using NetworkFactory = Factory<Network, const ConfigReader&, const NetworkShape&>;

NetworkFactory make_network_factory();  // all networks of framework/nn; those that see a grid as a
                                        // row of numbers refuse functions

// Reads `section`'s "name" and makes that network. Parameters are drawn from LibTorch's default
// generator, on the CPU.
Network make_network(const ConfigReader& section, const NetworkShape& shape);

// Parameters by their PyTorch names ("down_blocks.0.resnets.0.conv1.weight"), in registration
// order.
std::vector<NamedTensor> parameters_of(const torch::nn::Module& module);
std::vector<NamedTensor> parameters_of(const Network& network);

}  // namespace ornstein
