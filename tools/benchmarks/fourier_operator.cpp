// A training step (forward, mean square, backward) of the Fourier operator on circles, on one
// thread, for the comparison with PyTorch's eager Python (script fourier_operator).
//   benchmark_fourier_operator DIMENSIONS FILE
// writes {"configuration", "x", "t", "target", "y", "parameters"} to FILE for torch.load, prints
// "ready", and for each number of steps on standard input the processor seconds that they took,
// until 0.
#include <ctime>
#include <fstream>
#include <iostream>

#include "framework/base/random.h"
#include "framework/nn/network.h"

namespace ornstein {
namespace {

struct Case {
  std::vector<int64_t> x;  // [B, 1, n(, m)]
  const char* json;
};

Case case_of(int64_t dimensions) {
  if (dimensions == 1)
    return {{32, 1, 256},
            R"({"name": "fourier_operator", "width": 64, "layers": 4, "modes": [16],
                "projection": 128, "time_channels": 128, "time_pairs": 32})"};
  return {{8, 1, 64, 64},
          R"({"name": "fourier_operator", "width": 32, "layers": 4, "modes": [12, 12],
              "projection": 128, "time_channels": 128, "time_pairs": 32})"};
}

Network random_network(const Case& chosen) {
  const size_t dimensions = chosen.x.size() - 2;
  NetworkShape shape = {.input = {chosen.x.begin() + 1, chosen.x.end()},
                        .outputs = 1,
                        .dimensions = static_cast<int64_t>(dimensions)};
  for (size_t i = 0; i < dimensions; ++i) shape.extent.insert(shape.extent.end(), {0, 1});
  shape.period.assign(dimensions, 1);
  const auto configuration = Configuration::from_text(chosen.json, "case");
  const Network network = make_network(configuration->root(), shape);
  at::NoGradGuard no_grad;
  for (const NamedTensor& p : parameters_of(network))
    p.tensor.add_(at::randn_like(p.tensor), 0.05);  // nothing is zero
  return network;
}

void run(int64_t dimensions, const std::string& file) {
  at::set_num_threads(1);
  seed_default_generators(1);
  const Case chosen = case_of(dimensions);
  const Network network = random_network(chosen);
  const at::Tensor x = at::randn(chosen.x), t = at::randn({chosen.x[0]}),
                   target = at::randn(chosen.x);
  std::vector<at::Tensor> axes;
  for (size_t i = 2; i < chosen.x.size(); ++i)
    axes.push_back(at::arange(chosen.x[i], at::kDouble) / chosen.x[i]);
  const Batch given = {.coordinates = at::stack(at::meshgrid(axes, "ij"), -1).to(at::kFloat)};
  const auto output = [&] { return network.call(x, t, given); };

  c10::Dict<std::string, at::Tensor> parameters;
  for (const NamedTensor& p : parameters_of(network)) parameters.insert(p.name, p.tensor.detach());
  c10::impl::GenericDict all(c10::StringType::get(), c10::AnyType::get());
  all.insert("configuration", std::string(chosen.json));
  all.insert("x", x);
  all.insert("t", t);
  all.insert("target", target);
  all.insert("y", output().detach());
  all.insert("parameters", parameters);
  const std::vector<char> bytes = torch::pickle_save(all);
  std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<int64_t>(bytes.size()));
  std::cout << "ready" << std::endl;

  int64_t steps = 0;
  while (std::cin >> steps && steps > 0) {
    const std::clock_t begun = std::clock();
    for (int64_t i = 0; i < steps; ++i) {
      network.module->zero_grad();
      (output() - target).square().mean().backward();
    }
    std::cout << static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC << std::endl;
  }
}

}  // namespace
}  // namespace ornstein

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  ornstein::run(std::stoll(argv[1]), argv[2]);
  return 0;
}
