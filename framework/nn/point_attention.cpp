#include "framework/nn/point_attention.h"

#include "framework/nn/attention.h"
#include "framework/nn/condition_embedding.h"
#include "framework/nn/function_domain.h"
#include "framework/nn/zero_init.h"

namespace ornstein {
namespace {

struct AttentionOptions {
  int64_t width = 0, blocks = 0, heads = 0, hidden = 0, time_channels = 0;
  std::vector<int64_t> frequencies;  // of each axis
  TimeFeatures features;
};

class AttentionBlock : public torch::nn::Module {
 public:
  explicit AttentionBlock(const AttentionOptions& options)
      : heads_(options.heads),
        modulation_(register_module(
            "modulation", zeroed(torch::nn::Linear(options.time_channels, 4 * options.width)))),
        to_qkv_(register_module("to_qkv", torch::nn::Linear(options.width, 3 * options.width))),
        to_out_(register_module("to_out", zeroed(torch::nn::Linear(options.width, options.width)))),
        linear_1_(register_module("linear_1", torch::nn::Linear(options.width, options.hidden))),
        linear_2_(register_module("linear_2",
                                  zeroed(torch::nn::Linear(options.hidden, options.width)))) {}

  // h [B, N, width]; e [B, time_channels]; shares [N, 1]: of the domain, their sum is 1
  at::Tensor forward(const at::Tensor& h, const at::Tensor& e, const at::Tensor& shares) {
    const std::vector<at::Tensor> m = modulation_(e).unsqueeze(1).chunk(4, -1);
    const at::Tensor mixed = h + to_out_(attend(modulated(h, m[0], m[1]), shares));
    return mixed + linear_2_(at::gelu(linear_1_(modulated(mixed, m[2], m[3]))));
  }

 private:
  static at::Tensor normalised(const at::Tensor& h) { return at::layer_norm(h, {h.size(-1)}); }

  static at::Tensor modulated(const at::Tensor& h, const at::Tensor& scale,
                              const at::Tensor& shift) {
    return at::addcmul(shift, normalised(h), 1 + scale);
  }

  at::Tensor attend(const at::Tensor& h, const at::Tensor& shares) {
    const at::Tensor qkv =  // [3, B, heads, N, width / heads]
        to_qkv_(h).unflatten(-1, {3, heads_, -1}).permute({2, 0, 3, 1, 4});
    const at::Tensor integral =  // [B, heads, width / heads, width / heads]
        at::matmul((normalised(qkv[1]) * shares).transpose(-1, -2), normalised(qkv[2]));
    return at::matmul(qkv[0], integral).transpose(1, 2).flatten(2);
  }

  int64_t heads_;
  torch::nn::Linear modulation_, to_qkv_, to_out_, linear_1_, linear_2_;
};

class PointAttention : public torch::nn::Module {
 public:
  PointAttention(const AttentionOptions& options, const NetworkShape& shape)
      : frequencies_(options.frequencies), domain_(domain_of(shape)) {
    const int64_t inputs = shape.input[0] + coordinate_feature_count(domain_, frequencies_);
    condition_ = register_module("condition", std::make_shared<ConditionEmbedding>(
                                                  options.features, options.time_channels, shape));
    lift_ = register_module("lift", torch::nn::Linear(inputs, options.width));
    register_module("blocks", blocks_);
    for (int64_t i = 0; i < options.blocks; ++i)
      blocks_->push_back(std::make_shared<AttentionBlock>(options));
    output_ = register_module("output", zeroed(torch::nn::Linear(options.width, shape.outputs)));
  }

  at::Tensor forward(const at::Tensor& x, const at::Tensor& t, const Batch& given) {
    const std::vector<at::Tensor> axes = axes_of(given.coordinates);
    require_grid(x, given.coordinates, domain_);
    at::Tensor shares = at::ones({1}, at::kDouble);
    for (size_t i = 0; i < axes.size(); ++i) {
      const at::Tensor lengths = cell_lengths(axes[i], domain_[i]);
      shares = at::outer(shares, lengths / lengths.sum()).flatten();
    }
    const at::Tensor position = coordinate_features(axes, domain_, frequencies_)
                                    .flatten(0, -2)
                                    .to(x.options())
                                    .expand({x.size(0), -1, -1});
    at::Tensor h = lift_(at::cat({x.flatten(2).transpose(1, 2), position}, -1));
    shares = shares.unsqueeze(1).to(x.options());
    const at::Tensor e = condition_->forward(t, given);
    for (size_t i = 0; i < blocks_->size(); ++i)
      h = blocks_->at<AttentionBlock>(i).forward(h, e, shares);
    return output_(at::layer_norm(h, {h.size(-1)}))
        .transpose(1, 2)
        .contiguous()
        .unflatten(2, x.sizes().slice(2));
  }

 private:
  std::vector<int64_t> frequencies_;
  std::vector<DomainAxis> domain_;
  std::shared_ptr<ConditionEmbedding> condition_;
  torch::nn::Linear lift_{nullptr}, output_{nullptr};
  torch::nn::ModuleList blocks_;
};

}  // namespace

Network make_point_attention(const ConfigReader& section, const NetworkShape& shape) {
  if (shape.dimensions == 0)
    section.fail("name", fmt::format("is point_attention, which works on functions (rows are [{}] "
                                     "without coordinates) choose mlp, unet or resnet",
                                     fmt::join(shape.input, ", ")));
  AttentionOptions options;
  options.width = section.integer("width", 64, 1);
  options.blocks = section.integer("blocks", 4, 1);
  options.heads = read_heads(section, options.width);
  options.hidden = section.integer("hidden", 128, 1);
  std::vector<double> limits;
  for (const DomainAxis& axis : domain_of(shape))
    limits.push_back(nyquist(axis, axis.period > 0 ? axis.period : 2 * axis.length()));
  options.frequencies = read_frequencies(section, "frequencies", 8, limits);
  options.time_channels = section.integer("time_channels", 128, 1);
  options.features = read_geometric_features(section, 32, 0.5, 15);
  auto network = std::make_shared<PointAttention>(options, shape);
  return {network, [network](const at::Tensor& x, const at::Tensor& t, const Batch& given) {
            return network->forward(x, t, given);
          }};
}

}  // namespace ornstein
