#include "framework/nn/set_transformer.h"

#include "framework/nn/attention.h"
#include "framework/nn/condition_embedding.h"
#include "framework/nn/point_features.h"
#include "framework/nn/point_voxels.h"
#include "framework/nn/zero_init.h"

namespace ornstein {
namespace {

struct TransformerOptions {
  int64_t width = 0, blocks = 0, heads = 0, latents = 0, hidden = 0, time_channels = 0, voxels = 0;
  PointFeatures point_features;
  TimeFeatures time_features;
};

at::Tensor normalised(const at::Tensor& h) { return at::layer_norm(h, {h.size(-1)}); }

class CrossAttention : public torch::nn::Module {
 public:
  CrossAttention(const TransformerOptions& options, bool zero_out)
      : heads_(options.heads),
        to_q_(register_module("to_q", torch::nn::Linear(options.width, options.width))),
        to_k_(register_module("to_k", torch::nn::Linear(options.width, options.width))),
        to_v_(register_module("to_v", torch::nn::Linear(options.width, options.width))),
        to_out_(register_module(
            "to_out", zeroed(torch::nn::Linear(options.width, options.width), zero_out))) {}

  // queries [B, n, width], seen [B, m, width], mask [B, m] or undefined -> [B, n, width]
  at::Tensor forward(const at::Tensor& queries, const at::Tensor& seen, const at::Tensor& mask) {
    const auto split = [&](const at::Tensor& h) {  // [B, heads, n, width / heads]
      return h.unflatten(-1, {heads_, -1}).transpose(1, 2);
    };
    std::optional<at::Tensor> bias;
    if (mask.defined()) bias = mask.unsqueeze(1).unsqueeze(1);
    const at::Tensor mixed = at::scaled_dot_product_attention(
        split(to_q_(queries)), split(to_k_(seen)), split(to_v_(seen)), bias);
    return to_out_(mixed.transpose(1, 2).flatten(2));
  }

 private:
  int64_t heads_;
  torch::nn::Linear to_q_, to_k_, to_v_, to_out_;
};

class Perceptron : public torch::nn::Module {
 public:
  Perceptron(const TransformerOptions& options, bool zero_out)
      : linear_1_(register_module("linear_1", torch::nn::Linear(options.width, options.hidden))),
        linear_2_(register_module(
            "linear_2", zeroed(torch::nn::Linear(options.hidden, options.width), zero_out))) {}
  at::Tensor forward(const at::Tensor& h) { return linear_2_(at::gelu(linear_1_(h), "tanh")); }

 private:
  torch::nn::Linear linear_1_, linear_2_;
};

class LatentBlock : public torch::nn::Module {
 public:
  explicit LatentBlock(const TransformerOptions& options)
      : modulation_(register_module(
            "modulation", zeroed(torch::nn::Linear(options.time_channels, 4 * options.width)))),
        read_(register_module("read", std::make_shared<CrossAttention>(options, false))),
        write_(register_module("write", std::make_shared<CrossAttention>(options, true))),
        latents_(register_module("latents", std::make_shared<Perceptron>(options, false))),
        points_(register_module("points", std::make_shared<Perceptron>(options, true))) {
    if (options.voxels > 0)
      voxels_ = register_module("voxels",
                                std::make_shared<VoxelConvolution>(options.width, options.voxels));
  }

  // h [B, P, width] and z [B, latents, width] become those of the next block; e [B, time_channels];
  // mask [B, P] or undefined; coordinates of voxel_coordinates, where there are voxels.
  void forward(at::Tensor& h, at::Tensor& z, const at::Tensor& e, const at::Tensor& mask,
               const at::Tensor& coordinates) {
    const std::vector<at::Tensor> m = modulation_(e).unsqueeze(1).chunk(4, -1);
    const at::Tensor a = at::addcmul(m[1], normalised(h), 1 + m[0]);
    z = z + read_->forward(normalised(z), a, mask);
    z = z + latents_->forward(normalised(z));
    h = h + write_->forward(a, normalised(z), {});
    if (voxels_) h = h + voxels_->forward(a, coordinates, mask);
    h = h + points_->forward(at::addcmul(m[3], normalised(h), 1 + m[2]));
  }

 private:
  torch::nn::Linear modulation_;
  std::shared_ptr<CrossAttention> read_, write_;
  std::shared_ptr<Perceptron> latents_, points_;
  std::shared_ptr<VoxelConvolution> voxels_;  // or null
};

class SetTransformer : public torch::nn::Module {
 public:
  SetTransformer(const TransformerOptions& options, const NetworkShape& shape)
      : features_(options.point_features), voxels_(options.voxels) {
    condition_ = register_module(
        "condition",
        std::make_shared<ConditionEmbedding>(options.time_features, options.time_channels, shape));
    latents_ = register_parameter("latents", at::randn({options.latents, options.width}));
    to_latents_ =
        register_module("to_latents", torch::nn::Linear(options.time_channels, options.width));
    lift_ =
        register_module("lift", torch::nn::Linear(features_.size(shape.input[1]), options.width));
    register_module("blocks", blocks_);
    for (int64_t i = 0; i < options.blocks; ++i)
      blocks_->push_back(std::make_shared<LatentBlock>(options));
    output_ = register_module("output", zeroed(torch::nn::Linear(options.width, shape.outputs)));
  }

  at::Tensor forward(const at::Tensor& x, const at::Tensor& t, const Batch& given) {
    TORCH_CHECK(x.dim() == 3, "a set of points is [B, P, D], not ", x.sizes());
    at::Tensor coordinates;
    if (voxels_ > 0) coordinates = voxel_coordinates(x, given.mask, voxels_);
    const at::Tensor e = condition_->forward(t, given);
    at::Tensor h = lift_(features_(x));
    at::Tensor z = latents_ + to_latents_(e).unsqueeze(1);
    for (size_t i = 0; i < blocks_->size(); ++i)
      blocks_->at<LatentBlock>(i).forward(h, z, e, given.mask, coordinates);
    return output_(normalised(h));
  }

 private:
  PointFeatures features_;
  int64_t voxels_;
  std::shared_ptr<ConditionEmbedding> condition_;
  at::Tensor latents_;  // [latents, width]
  torch::nn::Linear to_latents_{nullptr}, lift_{nullptr}, output_{nullptr};
  torch::nn::ModuleList blocks_;
};

}  // namespace

Network make_set_transformer(const ConfigReader& section, const NetworkShape& shape) {
  if (!shape.set)
    section.fail("name", fmt::format("is set_transformer, which works on sets of points (rows are "
                                     "[{}], in order) choose another network",
                                     fmt::join(shape.input, ", ")));
  TransformerOptions options;
  options.width = section.integer("width", 64, 1);
  options.blocks = section.integer("blocks", 4, 1);
  options.heads = read_heads(section, options.width);
  options.latents = section.integer("latents", 32, 1);
  options.hidden = section.integer("hidden", 128, 1);
  options.voxels = section.integer("voxels", 0, 0);
  if (options.voxels == 1 || (options.voxels > 0 && shape.input[1] != 3))
    section.fail("voxels", fmt::format("{} a side of points with {} axes (a grid has 2 or more, in "
                                       "space) leave it out",
                                       options.voxels, shape.input[1]));
  options.point_features = read_point_features(section);
  options.time_channels = section.integer("time_channels", 128, 1);
  options.time_features = read_geometric_features(section, 16, 0.25, 4);
  auto network = std::make_shared<SetTransformer>(options, shape);
  return {network, [network](const at::Tensor& x, const at::Tensor& t, const Batch& given) {
            return network->forward(x, t, given);
          }};
}

}  // namespace ornstein
