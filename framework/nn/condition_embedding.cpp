#include "framework/nn/condition_embedding.h"

#include "framework/nn/class_embedding.h"

namespace ornstein {

ConditionEmbedding::ConditionEmbedding(const TimeFeatures& features, int64_t channels,
                                       const NetworkShape& shape)
    : features_(features),
      time_embedding_(register_module("time_embedding",
                                      std::make_shared<TimeEmbedding>(features.size(), channels))) {
  if (shape.classes > 0)
    class_embedding_ =
        register_module("class_embedding", torch::nn::Embedding(shape.classes, channels));
  if (shape.condition > 0)
    condition_embedding_ =
        register_module("condition_embedding", torch::nn::Linear(shape.condition, channels));
}

at::Tensor ConditionEmbedding::forward(const at::Tensor& t, const Batch& given) {
  const at::Tensor features = features_(t);
  at::Tensor sum = add_class(time_embedding_->forward(features), class_embedding_, given.labels);
  if (condition_embedding_) {
    TORCH_CHECK(given.condition.defined(),
                "this network depends on a condition, and none was given");
    sum = sum + condition_embedding_(given.condition.to(features.scalar_type()));
  }
  return at::silu(sum);
}

}  // namespace ornstein
