#include "trainers/riemannian/riemannian_trainer.h"

#include "framework/base/errors.h"
#include "framework/diffusion/noise_levels.h"

namespace ornstein::riemannian {
namespace {

constexpr double kFlowClock = 10;  // the network's time features are made for about that range

ForwardProcess process_of(const ConfigReader& trainer, const DataSpec& spec) {
  if (spec.kind != "points")
    throw ConfigError(
        fmt::format("trainer.name: riemannian cannot learn {} (it knows points of a space) choose "
                    "another trainer",
                    spec.kind));
  const Space space = make_space(spec.space, spec.shape[0]);
  if (space.compact()) return {space};
  const double length = trainer.number("reference_std", 1, 1e-3, 1e3);
  return {.space = make_space(spec.space, spec.shape[0], length), .length = length};
}

std::optional<ScoreLoss> loss_named(const std::string& name) {
  if (name == "denoising") return ScoreLoss::denoising;
  if (name == "varadhan") return ScoreLoss::varadhan;
  if (name == "implicit") return ScoreLoss::implicit;
  if (name == "sliced") return ScoreLoss::sliced;
  return std::nullopt;
}

}  // namespace

RiemannianTrainer::RiemannianTrainer(const ConfigReader& root, const DataSpec& spec)
    : process_(process_of(root.section("trainer"), spec)) {
  const ConfigReader trainer = root.section("trainer");
  score_loss_ =
      loss_named(trainer.choice("loss", space_.compact() ? "denoising" : "implicit",
                                {"denoising", "varadhan", "implicit", "sliced", "flow_matching"}));
  const std::string sampler =
      trainer.choice("sampler", score_loss_ ? "walk" : "adaptive", {"walk", "heun", "adaptive"});
  sampler_ = sampler == "walk"   ? Sampler::walk
             : sampler == "heun" ? Sampler::heun
                                 : Sampler::adaptive;
  steps_ = trainer.integer("steps", 200, 1);
  tolerance_ = trainer.number("tolerance", 1e-5, 1e-10, 0.1);
  hutchinson_ = trainer.choice("divergence", "exact", {"exact", "hutchinson"}) == "hutchinson";
  nll_rows_ = trainer.integer("nll_rows", 0, 0);
  evaluation_samples_ = trainer.integer("evaluation_samples", 1000, 2);
  if (space_.name() == "sphere" && space_.dimension() == 2)
    normalisation_latitudes_ = trainer.integer("normalisation_latitudes", 0, 0);
  if (score_loss_) {
    const double sigma_min = trainer.number("sigma_min", 0.005, 1e-5, 0.5);
    const double sigma_max = trainer.number("sigma_max", 3.5, 1, 10);
    process_.clock = {sigma_min * sigma_min, sigma_max * sigma_max};
    process_.walk_steps = trainer.integer("walk_steps", 100, 1);
    weighting_ = trainer.choice("weighting", "noise", {"noise", "bound"}) == "bound"
                     ? Weighting::bound
                     : Weighting::noise;
    bound_times_ = trainer.integer("bound_times", 64, 0);
    bound_paths_ = trainer.integer("bound_paths", 0, 0);
  } else if (sampler_ == Sampler::walk) {
    trainer.fail("sampler", "is walk (flow matching has no walk) take heun or adaptive");
  }
  network_ = SpaceNetwork(root, space_);
}

std::vector<ParameterGroup> RiemannianTrainer::parameters() {
  return {{"network", parameters_of(network_.network())}};
}

ScoreFunction RiemannianTrainer::score() const {
  return [this](const at::Tensor& x, const at::Tensor& tau) {
    const at::Tensor sigma = process_.length * tau.sqrt();
    const at::Tensor noise = network_(space_, x, sigma, 0.5 * tau.log());
    const at::Tensor deviation = process_.length * noise_variance(tau).sqrt();
    return space_.reference_score(x) + noise / deviation.unsqueeze(1);
  };
}

VelocityFunction RiemannianTrainer::velocity() const {
  return [this](const at::Tensor& x, const at::Tensor& t) {
    return network_(space_, x, process_.length * t, kFlowClock * t);
  };
}

Loss RiemannianTrainer::loss(const Batch& batch, const Step& step) {
  network_.network().module->train();
  at::Generator generator = step.generator;
  const int64_t rows = batch.x.size(0);
  const at::Tensor losses =
      row_losses(batch.x.to(at::kDouble), step.shard * rows, step.shards * rows, generator);
  return {losses.sum(), static_cast<double>(rows), {}};
}

at::Tensor RiemannianTrainer::row_losses(const at::Tensor& x, int64_t first_row,
                                         int64_t global_rows, at::Generator& generator) const {
  const at::Tensor t = stratified_uniforms(first_row, x.size(0), global_rows, generator);
  const auto d = static_cast<double>(space_.dimension());
  if (!score_loss_) return flow_matching_loss(space_, velocity(), x, t, generator) / d;
  const at::Tensor tau = process_.clock.tau(t);
  const at::Tensor weight = weighting_ == Weighting::noise ? noise_variance(tau) : tau;
  const at::Tensor losses = score_loss(*score_loss_, process_, score(), x, tau, generator);
  return process_.unit() * weight * losses / d;
}

Flow RiemannianTrainer::flow(const DivergenceKind& divergence) const {
  if (score_loss_) return probability_flow(process_, score(), divergence);
  return matched_flow(space_, velocity(), divergence);
}

Batch RiemannianTrainer::sample(const SampleRequest& request, at::Generator& generator) {
  const at::NoGradGuard no_gradients;
  network_.network().module->eval();
  const at::Tensor noise = space_.reference_sample(
      request.rows, generator, at::device(generator.device()).dtype(at::kDouble));
  return {draw(noise, request.steps > 0 ? request.steps : steps_, generator).to(at::kFloat)};
}

at::Tensor RiemannianTrainer::draw(const at::Tensor& noise, int64_t steps,
                                   at::Generator& generator) const {
  switch (sampler_) {
    case Sampler::walk:
      return reverse_walk(process_, score(), noise, steps, generator);
    case Sampler::heun:
      return follow(space_, flow({}), noise, steps);
    default:
      return integrate_flow(space_, flow({}), noise, 1, 0, tolerance_).x;
  }
}

void register_with(TrainerFactory& factory) {
  factory.add("riemannian",
              "diffusion and flow matching on spheres, tori, rotations, hyperbolic spaces",
              "De Bortoli et al. 2022, arXiv:2202.02763; Huang et al. 2022, arXiv:2208.07949",
              [](const ConfigReader& root, const DataSpec& spec) {
                return std::make_unique<RiemannianTrainer>(root, spec);
              });
}

}  // namespace ornstein::riemannian
