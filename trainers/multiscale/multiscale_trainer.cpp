#include "trainers/multiscale/multiscale_trainer.h"

#include <numeric>

#include "framework/base/errors.h"
#include "framework/diffusion/noise_levels.h"
#include "trainers/multiscale/haar_blocks.h"

namespace ornstein::multiscale {
namespace {

constexpr int64_t kLossRows = 4096;  // of the held-out denoising losses: their error is a percent

// Squared errors [B, C, h, w] of a state at the levels of times t: of the network's output, or of
// the noise that it means.
enum class ErrorOf { output, noise };

at::Tensor squared_error(ErrorOf what, const MultiscaleProcess& process, int64_t k,
                         const DiffusionNetwork& network, Prediction prediction,
                         const at::Tensor& x0, const at::Tensor& t, at::Generator& generator) {
  const at::Tensor sigma = process.sigmas(k, t).to(x0.scalar_type());
  const at::Tensor noise = at::randn(x0.sizes(), generator, x0.options());
  const at::Tensor y = x0 + sigma * noise;
  const at::Tensor output =
      network(network_input(y, sigma, 1).to(at::kFloat), sigma.log().to(at::kFloat));
  if (what == ErrorOf::noise)
    return (estimate_from(prediction, output, y, sigma, 1).noise - noise).square();
  return (output - regression_target(prediction, x0, noise, sigma, 1)).square();
}

}  // namespace

MultiscaleTrainer::MultiscaleTrainer(const ConfigReader& root, const DataSpec& spec)
    : spec_(spec), grey_(at::zeros({1}, at::kDouble)) {
  if (spec.kind != "images") {
    throw ConfigError("trainer.name: multiscale cannot learn " + spec.kind +
                      " (it knows images) choose another trainer");
  }
  const ConfigReader trainer = root.section("trainer");
  const int64_t scales = trainer.integer("scales", 3, 1, 16);
  const int64_t coarsest = int64_t{1} << (scales - 1), channels = spec.shape[0];
  if (coarsest > std::min(spec.shape[1], spec.shape[2])) {
    trainer.fail("scales", fmt::format("{} halve the image {} times (it is {} x {}) take fewer",
                                       scales, scales - 1, spec.shape[1], spec.shape[2]));
  }
  prediction_ = prediction_from(trainer.choice("prediction", "noise", prediction_names()));
  sampler_ = read_sampler(trainer, "ancestral");
  in_turn_ = trainer.choice("schedule", "round_robin", {"round_robin", "joint"}) == "round_robin";
  bound_rows_ = trainer.integer("bound_rows", 256, 1);
  bound_draws_ = trainer.integer("bound_draws", 8, 1);
  frame_ = {spec.shape[1], spec.shape[2], coarsest, trainer.number("background", -1)};
  moments_ = {at::zeros({channels}, at::kDouble), at::ones({channels}, at::kDouble)};

  // The frame depends on the networks' divisors, and an MLP on the frame: made twice if need be,
  // with the same first values.
  at::Generator generator = at::globalContext().defaultGenerator(at::kCPU);
  const at::Tensor beginning = generator.get_state();
  const auto make = [&] {
    process_.emplace(scales, channels, frame_.padded_height(), frame_.padded_width());
    make_stages(root);
  };
  make();
  int64_t multiple = coarsest;
  for (int64_t k = 1; k <= scales; ++k)
    multiple = std::lcm(multiple, stages_[k - 1].network.divisor << (k - 1));
  if (multiple != frame_.multiple) {
    frame_.multiple = multiple;
    generator.set_state(beginning);
    make();
  }

  std::vector<std::string> names;
  for (const Stage& stage : stages_) names.push_back(stage.name);
  const auto trained = trainer.choices("stages", names, names);
  for (Stage& stage : stages_)
    stage.trained = std::find(trained.begin(), trained.end(), stage.name) != trained.end();
}

void MultiscaleTrainer::make_stages(const ConfigReader& root) {
  stages_.clear();
  for (int64_t k = 1; k <= process_->scales(); ++k) {
    const std::string own = fmt::format("network_{}", k);
    const ConfigReader section = root.section(root.has(own) ? own : "network");
    stages_.push_back({fmt::format("scale_{}", k), true,
                       make_network(section, {process_->shape(k), spec_.shape[0]})});
  }
}

std::vector<ParameterGroup> MultiscaleTrainer::parameters() {
  std::vector<ParameterGroup> groups;
  for (const Stage& stage : stages_) groups.push_back({stage.name, parameters_of(stage.network)});
  return groups;
}

std::vector<NamedTensor> MultiscaleTrainer::state() {
  return {{"mean", moments_.mean},
          {"std", moments_.std},
          {"deviations", process_->deviations()},
          {"grey", grey_}};
}

void MultiscaleTrainer::fit(const Dataset& train, const ParallelRows& rows) {
  const int64_t channels = spec_.shape[0], scales = process_->scales();
  const at::Tensor places = block_numbers(frame_.padded_height(), frame_.padded_width(), scales - 1)
                                .flatten()
                                .to(grey_.device());
  const at::Tensor sums = rows.sum(train.spec().rows, [&](int64_t first, int64_t count,
                                                          at::Generator&) {
    const at::Tensor x = rows_of(train, first, count).x, framed = frame_.pad(x);
    const at::Tensor blocks = to_blocks(framed.to(at::kDouble), scales - 1).flatten(2);
    std::vector<at::Tensor> parts{power_sums(off_grey_levels(x)), power_sums(framed)};
    for (int64_t block = 0; block < scales; ++block)
      parts.push_back(power_sums(blocks.index_select(2, (places == block).nonzero().squeeze(1))));
    return at::cat(parts, 1);
  });
  const auto part = [&](int64_t i) { return sums.narrow(1, i * channels, channels); };
  grey_.fill_(part(0)[1].sum().item<double>() == 0);
  const double added = grey_.item<double>() * kDequantisationVariance;
  const Moments pixels = moments_from(part(1), added);
  moments_.mean.copy_(pixels.mean);
  moments_.std.copy_(pixels.std);
  for (int64_t k = 1; k <= scales; ++k) {
    const at::Tensor ratio = moments_from(part(k + 1), added).std / pixels.std;
    process_->deviations()[k - 1].copy_(ratio.square().mean().sqrt());
  }
}

std::vector<int64_t> MultiscaleTrainer::trained_at(int64_t step) const {
  std::vector<int64_t> trained;
  for (int64_t k = 1; k <= process_->scales(); ++k)
    if (stages_[k - 1].trained) trained.push_back(k);
  if (in_turn_) trained = {trained[step % std::ssize(trained)]};
  return trained;
}

Update MultiscaleTrainer::begin_step(const Step& step) {
  Update update;
  for (const int64_t k : trained_at(step.number)) update.groups.push_back(stages_[k - 1].name);
  return update;
}

Loss MultiscaleTrainer::loss(const Batch& batch, const Step& step) {
  at::Generator generator = step.generator;
  const int64_t rows = batch.x.size(0);
  const at::Tensor x = prepare(batch.x, generator);
  Loss loss{{}, static_cast<double>(rows), {}};
  for (const int64_t k : trained_at(step.number)) {
    stages_[k - 1].network.module->train();
    const at::Tensor sum = stage_loss(k, x, step.shard * rows, step.shards * rows, generator).sum();
    loss.sum = loss.sum.defined() ? loss.sum + sum : sum;
    loss.terms.push_back({"loss_" + stages_[k - 1].name, sum.detach(), loss.weight});
  }
  return loss;
}

Batch MultiscaleTrainer::sample(const SampleRequest& request, at::Generator& generator) {
  const at::NoGradGuard no_gradients;
  std::vector<Denoiser> denoisers;
  for (int64_t k = 1; k <= process_->scales(); ++k) {
    stages_[k - 1].network.module->eval();
    denoisers.push_back(make_denoiser(network(k), prediction_, 1));
  }
  const int64_t steps = steps_of_interval(request.steps > 0 ? request.steps : sampler_.steps);
  at::Tensor x = unstandardise(
      moments_, sample_multiscale(*process_, sampler_, denoisers, request.rows, steps, generator));
  x = frame_.cut(x).contiguous();
  if (grey_.item<double>() == 1) x.clamp_(-1, 1);
  return {x};
}

std::vector<Figure> MultiscaleTrainer::evaluate(const EvaluationRequest& request,
                                                const ParallelRows& rows) {
  const at::NoGradGuard no_gradients;
  for (const Stage& stage : stages_) stage.network.module->eval();
  const int64_t total = request.held_out.spec().rows, scales = process_->scales();
  const at::Tensor losses = rows.collect(
      std::min(total, kLossRows), [&](int64_t first, int64_t count, at::Generator& generator) {
        const at::Tensor x = prepare(rows_of(request.held_out, first, count).x, generator);
        std::vector<at::Tensor> columns;
        for (int64_t k = 1; k <= scales; ++k)
          columns.push_back(stage_loss(k, x, 0, count, generator));
        return at::stack(columns, 1);
      });
  const at::Tensor bounds = rows.collect(
      std::min(total, bound_rows_), [&](int64_t first, int64_t count, at::Generator& generator) {
        return nll_bound(rows_of(request.held_out, first, count).x, generator);
      });
  std::vector<Figure> figures;
  for (int64_t k = 1; k <= scales; ++k)
    figures.push_back(mean_figure("denoising_loss_" + stages_[k - 1].name, losses.select(1, k - 1),
                                  "per dimension"));
  figures.push_back({"network_pixels", network_pixels(sampler_.steps), 0, "a sample"});
  figures.push_back(mean_figure("nll_bound", bounds, "nats"));
  if (grey_.item<double>() == 1)
    figures.push_back(mean_figure("nll_bound_bits_per_dim",
                                  frame_.bits_per_dimension(bounds, spec_.shape[0]),
                                  "bits per dimension"));
  return figures;
}

at::Tensor MultiscaleTrainer::prepare(const at::Tensor& x, at::Generator& generator) const {
  return standardise(moments_, dequantise(frame_.pad(x), grey_, generator));
}

// The network works on images. It is told the noise level of block k, the one nearest to its end.
DiffusionNetwork MultiscaleTrainer::network(int64_t k) const {
  return [this, k](const at::Tensor& input, const at::Tensor& log_sigma) {
    const int64_t levels = process_->levels(k);
    const at::Tensor time = log_sigma.select(-1, -1).select(-1, -1).squeeze(1);
    const at::Tensor image = stages_[k - 1].network.call(to_image(input, levels), time, {});
    return to_blocks(image.to(input.scalar_type()), levels);  // not in autocast's bfloat16
  };
}

at::Tensor MultiscaleTrainer::stage_loss(int64_t k, const at::Tensor& x, int64_t first_row,
                                         int64_t global_rows, at::Generator& generator) const {
  const at::Tensor u = stratified_uniforms(first_row, x.size(0), global_rows, generator);
  const at::Tensor t = process_->begin(k) + (process_->end_time(k) - process_->begin(k)) * u;
  const at::Tensor error = squared_error(ErrorOf::output, *process_, k, network(k), prediction_,
                                         process_->state_of(k, x), t, generator);
  std::vector<double> weights;
  for (int64_t m = k; m <= process_->scales(); ++m)
    weights.push_back(process_->log_snr_rate(m) / process_->log_snr_rate(k));
  const at::Tensor weight = process_->spread(k, at::tensor(weights, error.options()));
  return (error * weight).flatten(1).mean(1);
}

// E[-log p(x | x_eps)] + sum_k 1/2 int_{I_k} sum_m |dl_m/dt| |noise error_m|^2 dt + KL of the ends
// (Kingma et al. 2021, arXiv:2107.00630, eq. 11). The data's density given x_eps is Gaussian about
// x_eps/alpha, of the kernel's own width; the ends are held against what the sampler starts from.
at::Tensor MultiscaleTrainer::nll_bound(const at::Tensor& data, at::Generator& generator) const {
  const at::Tensor x = prepare(data.to(at::kDouble), generator);
  const int64_t rows = x.size(0), scales = process_->scales();
  // All blocks begin at log-SNR 10, and end at -10: q is sigma^2/alpha^2 there, in the state's
  // unit.
  const double decoder =
      static_cast<double>(x[0].numel()) / 2 * (std::log(2 * M_PI * M_E) - kLogSnr);
  const at::Tensor q = process_->spread(1, std::exp(kLogSnr) / process_->deviations().square());
  const at::Tensor ends =
      ((q + process_->state_of(1, x).square()) / (1 + q) - 1 + (1 / q).log1p()).flatten(1).sum(1) /
      2;
  at::Tensor bound = ends + decoder - standardise_log_det(moments_, x);
  for (int64_t k = 1; k <= scales; ++k) {
    std::vector<double> rates;
    for (int64_t m = k; m <= scales; ++m) rates.push_back(process_->log_snr_rate(m));
    const at::Tensor rate = process_->spread(k, at::tensor(rates, x.options()));
    const at::Tensor state = process_->state_of(k, x);
    const double length = process_->end_time(k) - process_->begin(k);
    for (int64_t draw = 0; draw < bound_draws_; ++draw) {
      const at::Tensor u =
          (at::rand({rows}, generator, x.options()) + double(draw)) / double(bound_draws_);
      const at::Tensor error = squared_error(ErrorOf::noise, *process_, k, network(k), prediction_,
                                             state, process_->begin(k) + length * u, generator);
      bound += (error * rate).flatten(1).sum(1) * (length / 2 / double(bound_draws_));
    }
  }
  return bound;
}

int64_t MultiscaleTrainer::steps_of_interval(int64_t steps) const {
  return (steps + process_->scales() - 1) / process_->scales();
}

double MultiscaleTrainer::network_pixels(int64_t steps) const {
  int64_t pixels = 0;
  for (int64_t k = 1; k <= process_->scales(); ++k) {
    // Heun's last step, into the data, needs one evaluation less.
    const int64_t evaluations =
        sampler_.evaluations(steps_of_interval(steps)) + (sampler_.name == "heun" && k > 1 ? 1 : 0);
    pixels += evaluations * process_->shape(k)[1] * process_->shape(k)[2];
  }
  return static_cast<double>(pixels);
}

void register_with(TrainerFactory& factory) {
  factory.add(
      "multiscale", "non-uniform diffusion of Haar blocks, a network an interval, for images",
      "Batzolis et al. 2022, arXiv:2207.09786", [](const ConfigReader& root, const DataSpec& spec) {
        return std::make_unique<MultiscaleTrainer>(root, spec);
      });
}

}  // namespace ornstein::multiscale
