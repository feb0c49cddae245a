#include "trainers/function_diffusion/function_diffusion_trainer.h"

#include "framework/base/errors.h"
#include "framework/base/hash.h"
#include "framework/data/grids.h"
#include "framework/diffusion/losses.h"
#include "framework/diffusion/noise_levels.h"
#include "trainers/function_diffusion/likelihood.h"
#include "trainers/function_diffusion/sampling_grid.h"

namespace ornstein::function_diffusion {
namespace {

constexpr int64_t kConditions = 16;
constexpr size_t kMostSpaces = 64;

// Count, sum and sum of squares of each channel, [3, C]: a row's are means over the domain, so that
// no grid counts for more.
at::Tensor domain_sums(const at::Tensor& x, const at::Tensor& shares) {
  const at::Tensor exact = x.to(at::kDouble);
  const auto mean = [&](const at::Tensor& f) { return (f * shares).flatten(2).sum(2); };  // [B, C]
  const at::Tensor of_x = mean(exact);
  return at::stack({at::ones_like(of_x), of_x, mean(exact.square())}).sum(1);
}

}  // namespace

FunctionDiffusionTrainer::FunctionDiffusionTrainer(const ConfigReader& root, const DataSpec& spec)
    : spec_(spec) {
  if (spec.kind != "functions") {
    throw ConfigError(fmt::format(
        "trainer.name: function_diffusion cannot learn {} (it knows functions) choose another "
        "trainer",
        spec.kind));
  }
  const ConfigReader trainer = root.section("trainer");
  settings_ = read_space(trainer, spec);
  const bool flow =
      trainer.choice("process", "diffusion", {"diffusion", "flow_matching"}) == "flow_matching";
  if (flow) {
    if (settings_.norm != Norm::l2 && settings_.norm != Norm::spectral)
      trainer.fail("loss",
                   "of flow_matching is l2 or spectral (velocities hold noise, which has no other "
                   "norm) choose one");
    flow_ = read_flow_matching(trainer);
  } else {
    const bool smooth = settings_.norm == Norm::cameron_martin || settings_.norm == Norm::sobolev;
    diffusion_ =
        read_standard_diffusion(trainer, {"vp", "edm"}, "uniform",
                                {.prediction = smooth ? "x0" : "edm", .variance = "small"});
    refuse_divergent(trainer, settings_, diffusion_.prediction);
    nll_rows_ = trainer.integer("nll_rows", 0, 0);
  }
  guidance_ = read_guidance(trainer);
  evaluation_samples_ = trainer.integer("evaluation_samples", 256, 2);

  const int64_t channels = spec.shape[0];
  network_ = make_network(root.section("network"),
                          {.input = spec.shape,
                           .outputs = channels,
                           .dimensions = static_cast<int64_t>(spec.shape.size()) - 1,
                           .condition = spec.condition,
                           .extent = spec.extent,
                           .period = spec.period,
                           .spacing = spec.spacing,
                           .regular = spec.regular});
  moments_ = {at::zeros({channels}, at::kDouble), at::ones({channels}, at::kDouble)};
  std::vector<int64_t> grid(spec.shape.begin() + 1, spec.shape.end());
  grid.push_back(static_cast<int64_t>(grid.size()));
  coordinates_ = at::zeros(grid);
  condition_moments_ = {at::zeros({spec.condition}, at::kDouble),
                        at::ones({spec.condition}, at::kDouble)};
  conditions_ = at::zeros({kConditions, spec.condition});
  if (spec.regular) require_norm();
}

// What the finest grid is too large for is said before anything begins.
void FunctionDiffusionTrainer::require_norm() const {
  const std::vector<int64_t> points(spec_.shape.begin() + 1, spec_.shape.end());
  const auto space = space_on(regular_grid(spec_, points));
  // Eigenfunctions of a small grid can be had, and take seconds: sampling needs none.
  if (settings_.norm == Norm::spectral && space->shares().numel() <= kMostDensePoints) return;
  std::vector<int64_t> row = spec_.shape;
  row.insert(row.begin(), 1);
  space->squared_norm(at::zeros(row));
}

std::vector<ParameterGroup> FunctionDiffusionTrainer::parameters() {
  return {{"network", parameters_of(network_)}};
}

std::vector<NamedTensor> FunctionDiffusionTrainer::state() {
  std::vector<NamedTensor> state{
      {"mean", moments_.mean}, {"std", moments_.std}, {"coordinates", coordinates_}};
  if (spec_.condition > 0) {
    state.push_back({"condition_mean", condition_moments_.mean});
    state.push_back({"condition_std", condition_moments_.std});
    state.push_back({"conditions", conditions_});
  }
  return state;
}

void FunctionDiffusionTrainer::fit(const Dataset& train, const ParallelRows& rows) {
  const int64_t total = train.spec().rows, channels = spec_.shape[0];
  coordinates_.copy_(finest_grid(train, rows));
  const at::Tensor sums = rows.sum(total, [&](int64_t first, int64_t count, at::Generator&) {
    const Batch batch = rows_of(train, first, count);
    at::Tensor sum = at::zeros({3, channels}, coordinates_.options().dtype(at::kDouble));
    for (const Batch& part : split_by_grid(batch))
      sum = sum + domain_sums(part.x, space_on(part.coordinates)->shares());
    return spec_.condition > 0 ? at::cat({sum, power_sums(batch.condition)}, 1) : sum;
  });
  const auto keep = [&](Moments& moments, int64_t first, int64_t count) {
    const Moments measured = moments_from(sums.narrow(1, first, count));
    moments.mean.copy_(measured.mean);
    moments.std.copy_(measured.std);
  };
  keep(moments_, 0, channels);
  if (spec_.condition == 0) return;
  keep(condition_moments_, channels, spec_.condition);
  conditions_.copy_(train.rows(at::arange(kConditions, at::kLong).remainder(total)).condition);
}

Loss FunctionDiffusionTrainer::loss(const Batch& batch, const Step& step) {
  network_.module->train();
  at::Generator generator = step.generator;
  const int64_t rows = batch.x.size(0);
  const at::Tensor losses = row_losses(batch, step.shard * rows, step.shards * rows, generator);
  return {losses.sum(), static_cast<double>(rows), {}};
}

at::Tensor FunctionDiffusionTrainer::row_losses(const Batch& batch, int64_t first_row,
                                                int64_t global_rows,
                                                at::Generator& generator) const {
  const at::Tensor u = stratified_uniforms(first_row, batch.x.size(0), global_rows, generator);
  std::vector<at::Tensor> members, losses;
  const std::vector<Batch> parts = split_by_grid(batch, &members);
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto space = space_on(parts[i].coordinates);
    const RowNorm norm = [&](const at::Tensor& e) { return space->squared_norm(e); };
    const DiffusionNetwork network = conditioned(parts[i]);
    const at::Tensor u0 = standardise(moments_, parts[i].x), xi = space->draw(u0, generator);
    const at::Tensor times = u.index_select(0, members[i]);
    if (flow_) {
      losses.push_back(flow_->loss(network, u0, xi, times.to(u0.scalar_type()), norm));
    } else {
      const at::Tensor sigma = diffusion_.training_sigmas(times).to(u0.scalar_type());
      losses.push_back(denoising_loss(network, diffusion_.prediction, 1, u0, xi, sigma, norm));
    }
  }
  return at::cat(losses).index_select(0, at::cat(members).argsort());
}

Batch FunctionDiffusionTrainer::sample(const SampleRequest& request, at::Generator& generator) {
  const c10::InferenceMode no_inference(false);  // guided sampling takes derivatives
  const at::NoGradGuard no_gradients;
  network_.module->eval();
  const Batch& given = request.given;
  Batch drawn;
  drawn.coordinates = (given.coordinates.defined() ? given.coordinates : coordinates_).clone();
  drawn.condition = condition_of(request);
  const auto space = space_on(drawn.coordinates);
  const auto known = known_values(given, *space);
  const at::Tensor u0 = draw(*space, conditioned(drawn), request.rows, request.steps,
                             known ? &*known : nullptr, generator);
  drawn.x = unstandardise(moments_, u0);
  return drawn;
}

at::Tensor FunctionDiffusionTrainer::draw(const FunctionSpace& space,
                                          const DiffusionNetwork& network, int64_t rows,
                                          int64_t steps, const Observation* known,
                                          at::Generator& generator) const {
  std::vector<int64_t> shape = space.shares().sizes().vec();
  shape.insert(shape.begin(), {rows, spec_.shape[0]});
  const NoiseSource noise = [&](const at::Tensor& like, at::Generator& source) {
    return space.draw(like, source);
  };
  const at::Tensor xi = noise(at::empty(shape, at::device(generator.device())), generator);
  if (flow_) return flow_->sample(network, xi, steps > 0 ? steps : flow_->steps, known);

  const at::Tensor sigmas =
      diffusion_.sampling_sigmas(steps > 0 ? steps : diffusion_.sampler.steps);
  // What of the first state is not noise is taken to have the noise's law: vp's u_T ~ N(0, C).
  const double sigma = sigmas[0].item<double>();
  const at::Tensor u0 = (std::hypot(sigma, 1.0) - sigma) * xi;
  const at::Tensor state = sigma * xi + (known ? known->met_by(u0) : u0);
  const Denoiser free = make_denoiser(network, diffusion_.prediction, 1);
  const Denoiser denoiser = [&](const at::Tensor& y, const at::Tensor& level) {
    if (!known) return free(y, level);
    return known->corrected([&](const at::Tensor& leaf) { return free(leaf, level); }, y);
  };
  return diffusion_.sampler.run(denoiser, state, sigmas, generator, noise);
}

std::optional<Observation> FunctionDiffusionTrainer::known_values(
    const Batch& given, const FunctionSpace& space) const {
  if (!given.x.defined()) return std::nullopt;
  const at::IntArrayRef points = space.shares().sizes();
  if (given.x.dim() < 2 || given.x.size(1) != spec_.shape[0] || given.x.sizes().slice(2) != points)
    throw ConfigError(
        fmt::format("given functions are [{}] of {} channels on {} points (a sample has {} on {}) "
                    "give values at points of the samples' grid",
                    fmt::join(given.x.sizes(), ", "), given.x.dim() < 2 ? 0 : given.x.size(1),
                    fmt::join(given.x.sizes().slice(std::min<int64_t>(2, given.x.dim())), "x"),
                    spec_.shape[0], fmt::join(points, "x")));
  at::Tensor mask = given.mask;
  if (!mask.defined()) mask = at::ones_like(given.x.select(1, 0), at::kBool);
  if (!mask.any().item<bool>()) return std::nullopt;
  return Observation(space, guidance_, standardise(moments_, given.x), mask);
}

at::Tensor FunctionDiffusionTrainer::condition_of(const SampleRequest& request) const {
  if (spec_.condition == 0) return {};
  if (request.given.condition.defined()) {
    if (request.given.condition.size(1) != spec_.condition)
      throw ConfigError(
          fmt::format("given conditions have {} numbers (the run was trained on {}) "
                      "give data of that form",
                      request.given.condition.size(1), spec_.condition));
    return request.given.condition.clone();
  }
  const at::Tensor row = at::arange(request.first, request.first + request.rows,
                                    at::device(conditions_.device()).dtype(at::kLong));
  return conditions_.index_select(0, row.remainder(kConditions));
}

DiffusionNetwork FunctionDiffusionTrainer::conditioned(const Batch& given) const {
  Batch seen;
  seen.coordinates = given.coordinates;
  if (spec_.condition > 0) seen.condition = standardise(condition_moments_, given.condition);
  return [this, seen](const at::Tensor& input, const at::Tensor& time) {
    return network_.call(input, time, seen);
  };
}

at::Tensor FunctionDiffusionTrainer::nll(const Batch& batch, at::Generator& generator) const {
  const at::Tensor u0 = standardise(moments_, batch.x.to(at::kDouble));
  const Denoiser denoiser = make_denoiser(conditioned(batch), diffusion_.prediction, 1);
  return -log_likelihood(denoiser, *space_on(batch.coordinates), u0, diffusion_.likelihood,
                         generator) -
         standardise_log_det(moments_, u0);
}

std::shared_ptr<const FunctionSpace> FunctionDiffusionTrainer::space_on(
    const at::Tensor& coordinates) const {
  if (spaces_.size() >= kMostSpaces) spaces_.clear();
  auto& space = spaces_[{hash_of(coordinates), coordinates.get_device()}];
  if (!space) space = std::make_shared<const FunctionSpace>(settings_, coordinates);
  return space;
}

void register_with(TrainerFactory& factory) {
  factory.add("function_diffusion",
              "diffusion and flow matching of functions, trained and sampled on any grids",
              "Kerrigan et al. 2023, arXiv:2212.00886; 2024, arXiv:2305.17209",
              [](const ConfigReader& root, const DataSpec& spec) {
                return std::make_unique<FunctionDiffusionTrainer>(root, spec);
              });
}

}  // namespace ornstein::function_diffusion
