#include "tests/support/toy_trainers.h"

#include "framework/base/random.h"

namespace ornstein::test {
namespace {

// 2 -> 16 -> 2, tanh.
struct Mlp : torch::nn::Module {
  torch::nn::Linear first{nullptr}, second{nullptr};
  Mlp() {
    first = register_module("first", torch::nn::Linear(2, 16));
    second = register_module("second", torch::nn::Linear(16, 2));
  }
  at::Tensor forward(const at::Tensor& x) { return second(at::tanh(first(x))); }
};

ParameterGroup group_of(const std::string& name, const Mlp& mlp) {
  ParameterGroup group{name, {}};
  for (const auto& item : mlp.named_parameters())
    group.parameters.push_back({item.key(), item.value()});
  return group;
}

class AlternatingTrainer final : public Trainer {
 public:
  explicit AlternatingTrainer(uint64_t seed) {
    seed_default_generators(seed);
    forward_ = std::make_shared<Mlp>();
    backward_ = std::make_shared<Mlp>();
  }

  std::vector<ParameterGroup> parameters() override {
    return {group_of("forward", *forward_), group_of("backward", *backward_)};
  }
  std::vector<NamedTensor> state() override { return {}; }

  Update begin_step(const Step& step) override {
    const int64_t phase = step.number / kPhase;
    if (phase != phase_) memo_.clear();
    phase_ = phase;
    return {{phase % 2 == 0 ? "forward" : "backward"}, step.number % kPhase == 0};
  }

  Loss loss(const Batch& batch, const Step& step) override {
    auto& learning = phase_ % 2 == 0 ? *forward_ : *backward_;
    auto& frozen = phase_ % 2 == 0 ? *backward_ : *forward_;
    auto& end = memo_[step.shard];  // of the frozen network's trajectory from noise keyed by phase
                                    // and shard
    if (!end.defined()) {
      const at::NoGradGuard no_grad;
      auto generator = make_generator(random_key(
          Stream::kTwin, {static_cast<uint64_t>(phase_), static_cast<uint64_t>(step.shard)}));
      end = at::randn({batch.x.size(0), 2}, generator);
      for (int i = 0; i < 4; ++i) end = end + 0.1 * frozen.forward(end);
    }
    auto generator = step.generator;
    const at::Tensor noise = at::randn(batch.x.sizes(), generator);
    const at::Tensor error = learning.forward(end + 0.1 * noise) - (batch.x - end);
    const at::Tensor sum = error.square().sum();
    return {sum,
            static_cast<double>(batch.x.size(0)),
            {{"toy", sum.detach(), static_cast<double>(batch.x.size(0))}}};
  }

  Batch sample(const SampleRequest& request, at::Generator& generator) override {
    const at::Tensor noise = at::randn({request.rows, 2}, generator);
    Batch batch;
    batch.x = noise + forward_->forward(noise);
    return batch;
  }
  std::vector<Figure> evaluate(const EvaluationRequest&, const ParallelRows&) override {
    return {};
  }

 private:
  std::shared_ptr<Mlp> forward_, backward_;
  int64_t phase_ = -1;
  std::map<int64_t, at::Tensor> memo_;
};

class FlowAndScoreTrainer final : public Trainer {
 public:
  explicit FlowAndScoreTrainer(uint64_t seed) {
    seed_default_generators(seed);
    flow_ = std::make_shared<Mlp>();
    score_ = std::make_shared<Mlp>();
  }

  std::vector<ParameterGroup> parameters() override {
    return {group_of("flow", *flow_), group_of("score", *score_)};
  }
  std::vector<NamedTensor> state() override { return {{"mean", mean_}, {"direction", direction_}}; }

  void fit(const Dataset& train, const ParallelRows& rows) override {
    const int64_t total = train.spec().rows;
    mean_.copy_(rows.sum(total, [&](int64_t first, int64_t count, at::Generator&) {
      return train.rows(at::arange(first, first + count)).x.to(at::kDouble).sum(0);
    }) / static_cast<double>(total));
  }

  Update begin_step(const Step& step) override {
    const at::NoGradGuard no_grad;  // one power iteration on the flow's first layer
    const at::Tensor weight = flow_->first->weight.detach();
    const at::Tensor next = weight.t().matmul(weight.matmul(direction_));
    direction_.copy_(next / next.norm());
    return {{step.number % 2 == 0 ? "flow" : "score"}, false};
  }

  Loss loss(const Batch& batch, const Step& step) override {
    auto generator = step.generator;
    const at::Tensor noise = at::randn(batch.x.sizes(), generator);
    const at::Tensor spectral = flow_->first->weight.matmul(direction_).norm();
    const at::Tensor latent = batch.x - mean_ + flow_->forward(batch.x) / spectral;
    const at::Tensor sum = (score_->forward(latent + 0.5 * noise) + noise).square().sum() +
                           0.01 * latent.square().sum();
    return {sum, static_cast<double>(batch.x.size(0)), {}};
  }

  Batch sample(const SampleRequest& request, at::Generator& generator) override {
    Batch batch;
    batch.x = score_->forward(at::randn({request.rows, 2}, generator)) + mean_;
    return batch;
  }
  std::vector<Figure> evaluate(const EvaluationRequest&, const ParallelRows&) override {
    return {};
  }

 private:
  std::shared_ptr<Mlp> flow_, score_;
  at::Tensor mean_ = at::zeros({2}), direction_ = at::ones({2}) / std::sqrt(2.0);
};

}  // namespace

std::unique_ptr<Trainer> make_alternating_trainer(uint64_t seed) {
  return std::make_unique<AlternatingTrainer>(seed);
}
std::unique_ptr<Trainer> make_flow_and_score_trainer(uint64_t seed) {
  return std::make_unique<FlowAndScoreTrainer>(seed);
}

}  // namespace ornstein::test
