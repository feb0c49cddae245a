#include "trainers/nonlinear_flow/nonlinear_flow_trainer.h"

#include "framework/base/errors.h"
#include "framework/diffusion/noise_levels.h"
#include "trainers/nonlinear_flow/flow.h"
#include "trainers/nonlinear_flow/latent_bound.h"

namespace ornstein::nonlinear_flow {
namespace {

constexpr int64_t kLossRows = 4096;  // of the held-out denoising loss: its error is below a percent
constexpr int64_t kFirstRows = 256;  // that the flow's first values are measured on

Term mean_term(const char* name, const at::Tensor& values) {
  return {name, values.detach().sum(), static_cast<double>(values.size(0))};
}

}  // namespace

NonlinearFlowTrainer::NonlinearFlowTrainer(const ConfigReader& root, const DataSpec& spec)
    : spec_(spec), path_(vp_path()), grey_(at::zeros({1}, at::kDouble)) {
  if (spec.kind != "images") {
    throw ConfigError("trainer.name: nonlinear_flow cannot learn " + spec.kind +
                      " (it knows images) choose another trainer");
  }
  const ConfigReader trainer = root.section("trainer");
  likelihood_mode_ = trainer.choice("mode", "nll", {"nll", "fid"}) == "nll";
  const std::string times = likelihood_mode_ ? "importance" : "uniform";
  diffusion_ = read_standard_diffusion(trainer, {"vp"}, times);
  if (diffusion_.prediction != Prediction::noise)
    trainer.fail("prediction", "is not \"noise\" (the bound weighs the error of the noise)");
  if (likelihood_mode_ && trainer.choice("times", times, {"uniform", "importance"}) == "uniform")
    trainer.fail("times",
                 "is not \"importance\" (in mode nll the noise loss must be the likelihood's) "
                 "leave it out, or choose mode fid");
  nll_rows_ = trainer.integer("nll_rows", 256, 0);
  bound_rows_ = trainer.integer("bound_rows", 256, 0);
  bound_draws_ = trainer.integer("bound_draws", 16, 1);

  const int64_t channels = spec.shape[0];
  network_ = make_network(root.section("network"), {spec.shape, channels});
  frame_ = {spec.shape[1], spec.shape[2], network_.divisor, trainer.number("background", -1)};
  moments_ = {at::zeros({channels}, at::kDouble), at::ones({channels}, at::kDouble)};
  flow_ =
      read_flow(root.section("flow"), {channels, frame_.padded_height(), frame_.padded_width()});
  has_flow_ = !flow_->parameters().empty();
}

std::vector<ParameterGroup> NonlinearFlowTrainer::parameters() {
  std::vector<ParameterGroup> groups{{"score", parameters_of(network_)}};
  if (has_flow_) groups.push_back({"flow", flow_->parameters()});
  return groups;
}

std::vector<NamedTensor> NonlinearFlowTrainer::state() {
  std::vector<NamedTensor> state{{"mean", moments_.mean}, {"std", moments_.std}, {"grey", grey_}};
  for (const auto& [name, tensor] : flow_->state()) state.push_back({"flow." + name, tensor});
  return state;
}

void NonlinearFlowTrainer::fit(const Dataset& train, const ParallelRows& rows) {
  const int64_t channels = spec_.shape[0], total = train.spec().rows;
  const at::Tensor sums = rows.sum(total, [&](int64_t first, int64_t count, at::Generator&) {
    const at::Tensor x = rows_of(train, first, count).x;
    return at::cat({power_sums(frame_.pad(x)), power_sums(off_grey_levels(x))}, 1);
  });
  grey_.fill_(sums[1].narrow(0, channels, channels).sum().item<double>() == 0);
  const Moments measured =
      moments_from(sums.narrow(1, 0, channels), grey_.item<double>() * kDequantisationVariance);
  moments_.mean.copy_(measured.mean);
  moments_.std.copy_(measured.std);
  if (!has_flow_) return;
  flow_->initialise(rows.collect(std::min(total, kFirstRows),
                                 [&](int64_t first, int64_t count, at::Generator& generator) {
                                   return prepare(rows_of(train, first, count).x, generator);
                                 }));
}

bool NonlinearFlowTrainer::trains_flow(const Step& step) const {
  return has_flow_ && (likelihood_mode_ || step.number % 2 == 0);
}

Update NonlinearFlowTrainer::begin_step(const Step& step) {
  const at::NoGradGuard no_gradients;
  flow_->refresh();
  if (likelihood_mode_ || !has_flow_) return {};
  return {{trains_flow(step) ? "flow" : "score"}};
}

Loss NonlinearFlowTrainer::loss(const Batch& batch, const Step& step) {
  network_.module->train();
  at::Generator generator = step.generator;
  const int64_t rows = batch.x.size(0);
  const int64_t first_row = step.shard * rows, global_rows = step.shards * rows;
  const bool flow_too = trains_flow(step);
  Mapped mapped;
  {
    const at::AutoGradMode gradients(flow_too);
    mapped = flow_->forward(prepare(batch.x, generator), flow_too ? LogDet::training : LogDet::none,
                            generator);
  }
  StandardDiffusion diffusion = diffusion_;
  if (flow_too)  // in mode fid the score network's own times differ
    diffusion.training_sigmas = [this](const at::Tensor& u) { return importance_sigmas(path_, u); };
  const at::Tensor losses = diffusion.loss(network(), mapped.z, first_row, global_rows, generator);
  if (!flow_too) {
    return {losses.sum(), static_cast<double>(rows), {mean_term("denoising_loss", losses)}};
  }
  const auto dimensions = static_cast<double>(mapped.z[0].numel());
  const double half_mass = importance_mass(path_) / 2;
  const at::Tensor prior = prior_term(path_, mapped.z) / dimensions;
  const at::Tensor log_det = mapped.log_det / dimensions;
  return {(losses + (prior - log_det) / half_mass).sum(),
          static_cast<double>(rows),
          {mean_term("bound_log_det", -log_det), mean_term("bound_diffusion", half_mass * losses),
           mean_term("bound_prior", prior)}};
}

Batch NonlinearFlowTrainer::sample(const SampleRequest& request, at::Generator& generator) {
  const at::NoGradGuard no_gradients;
  network_.module->eval();
  const std::vector<int64_t> shape{request.rows, spec_.shape[0], frame_.padded_height(),
                                   frame_.padded_width()};
  const int64_t steps = request.steps > 0 ? request.steps : diffusion_.sampler.steps;
  const at::Tensor z = diffusion_.sample(network(), shape, steps, 1, generator);
  at::Tensor x = unstandardise(moments_, flow_->settled()->inverse(z));
  x = frame_.cut(x).contiguous();
  if (grey_.item<double>() == 1) x.clamp_(-1, 1);
  return {x};
}

std::vector<Figure> NonlinearFlowTrainer::evaluate(const EvaluationRequest& request,
                                                   const ParallelRows& rows) {
  const at::NoGradGuard no_gradients;
  network_.module->eval();
  const auto flow = flow_->settled();
  const auto total = request.held_out.spec().rows;
  const auto limited = [&](int64_t limit) { return limit == 0 ? total : std::min(total, limit); };
  const auto each = [&](int64_t limit, const auto& values) {
    return rows.collect(limited(limit),
                        [&](int64_t first, int64_t count, at::Generator& generator) {
                          return values(rows_of(request.held_out, first, count).x, generator);
                        });
  };
  const at::Tensor latents = each(kLossRows, [&](const at::Tensor& x, at::Generator& generator) {
    const at::Tensor z = flow->forward(prepare(x, generator), LogDet::none, generator).z;
    return at::stack(
        {diffusion_.loss(network(), z, 0, x.size(0), generator), z.square().flatten(1).mean(1)}, 1);
  });
  const at::Tensor nlls = each(nll_rows_, [&](const at::Tensor& x, at::Generator& generator) {
    return nll(*flow, x, generator);
  });
  const at::Tensor terms = each(bound_rows_, [&](const at::Tensor& x, at::Generator& generator) {
    return bound(*flow, x, generator);
  });
  const int64_t dimensions = spec_.shape[0] * frame_.padded_height() * frame_.padded_width();
  const double constant = constant_term(path_, dimensions);
  const double residual = residual_term(path_, dimensions);
  const at::Tensor bounds = terms.sum(1) + constant + residual;

  std::vector<Figure> figures{mean_figure("denoising_loss", latents.select(1, 0), "per dimension"),
                              mean_figure("latent_square", latents.select(1, 1), "per dimension"),
                              mean_figure("nll", nlls, "nats"),
                              mean_figure("nll_bound", bounds, "nats"),
                              mean_figure("bound_log_det", terms.select(1, 0), "nats"),
                              mean_figure("bound_diffusion", terms.select(1, 1), "nats"),
                              mean_figure("bound_prior", terms.select(1, 2), "nats"),
                              {"bound_constant", constant, 0, "nats"},
                              {"bound_residual", residual, 0, "nats"}};
  if (grey_.item<double>() == 1) {
    const auto bits = [&](const char* name, const at::Tensor& nats) {
      figures.push_back(
          mean_figure(name, frame_.bits_per_dimension(nats, spec_.shape[0]), "bits per dimension"));
    };
    bits("nll_bits_per_dim", nlls);
    bits("nll_bound_bits_per_dim", bounds);
  }
  return figures;
}

at::Tensor NonlinearFlowTrainer::prepare(const at::Tensor& x, at::Generator& generator) const {
  return standardise(moments_, dequantise(frame_.pad(x), grey_, generator));
}

DiffusionNetwork NonlinearFlowTrainer::network() const {
  return [this](const at::Tensor& input, const at::Tensor& log_sigma) {
    return network_.call(input, log_sigma, {});
  };
}

at::Tensor NonlinearFlowTrainer::nll(const Bijection& flow, const at::Tensor& x,
                                     at::Generator& generator) const {
  const at::Tensor prepared = prepare(x.to(at::kDouble), generator);
  const Mapped mapped = flow.forward(prepared, LogDet::evaluation, generator);
  return -diffusion_.log_likelihood(network(), mapped.z, &generator) - mapped.log_det -
         standardise_log_det(moments_, prepared);
}

at::Tensor NonlinearFlowTrainer::bound(const Bijection& flow, const at::Tensor& x,
                                       at::Generator& generator) const {
  const at::Tensor prepared = prepare(x, generator);
  const Mapped mapped = flow.forward(prepared, LogDet::evaluation, generator);
  const LatentBound latent = latent_bound(network(), path_, mapped.z, bound_draws_, generator);
  const at::Tensor log_det =
      mapped.log_det.to(at::kDouble) + standardise_log_det(moments_, prepared);
  return at::stack({-log_det, latent.diffusion.to(at::kDouble), latent.prior.to(at::kDouble)}, 1);
}

void register_with(TrainerFactory& factory) {
  factory.add("nonlinear_flow",
              "implicit nonlinear diffusion: a normalising flow and a diffusion of its latents",
              "Kim et al. 2022, arXiv:2205.13699",
              [](const ConfigReader& root, const DataSpec& spec) {
                return std::make_unique<NonlinearFlowTrainer>(root, spec);
              });
}

}  // namespace ornstein::nonlinear_flow
