#include "trainers/score/score_trainer.h"

#include "framework/base/errors.h"

namespace ornstein::score {
namespace {

constexpr int64_t kLossRows = 4096;  // of the held-out denoising loss: its error is below a percent

// Rows of a batch are ordered by noise, so a third of the noise levels is a slice.
std::vector<Term> noise_bands(const at::Tensor& losses, int64_t first_row, int64_t global_rows) {
  std::vector<Term> terms;
  if (global_rows < 3) return terms;
  const char* names[] = {"loss_low_noise", "loss_mid_noise", "loss_high_noise"};
  const auto edge = [&](int64_t band) {
    return std::clamp<int64_t>((band * global_rows + 2) / 3 - first_row, 0, losses.size(0));
  };
  for (int64_t band = 0; band < 3; ++band) {
    const int64_t begin = edge(band), end = edge(band + 1);
    terms.push_back({names[band], losses.slice(0, begin, end).sum(), double(end - begin)});
  }
  return terms;
}

}  // namespace

ScoreTrainer::ScoreTrainer(const ConfigReader& root, const DataSpec& spec)
    : spec_(spec), images_(spec.kind == "images") {
  const bool euclidean = spec.kind == "points" && (spec.space.empty() || spec.space == "euclidean");
  if (!images_ && !euclidean) {
    throw ConfigError(fmt::format(
        "trainer.name: score cannot learn {} {} (it knows images and euclidean points) choose "
        "another trainer",
        spec.space, spec.kind));
  }
  const ConfigReader trainer = root.section("trainer");
  diffusion_ = read_standard_diffusion(trainer, {"edm", "vp", "ou", "log_snr", "ve"});
  class_conditional_ = trainer.flag("class_conditional", false);
  if (class_conditional_ && spec.classes == 0)
    trainer.fail("class_conditional", "the data have no labels");
  nll_rows_ = trainer.integer("nll_rows", images_ ? 256 : 0, 0);

  const int64_t channels = spec.shape.front();
  network_ = make_network(root.section("network"),
                          {spec.shape, channels, class_conditional_ ? spec.classes : 0});
  if (images_) {
    frame_ = {spec.shape[1], spec.shape[2], network_.divisor, trainer.number("background", -1)};
    grey_ = at::zeros({1}, at::kDouble);
  }
  moments_ = {at::zeros({channels}, at::kDouble), at::ones({channels}, at::kDouble)};
}

std::vector<ParameterGroup> ScoreTrainer::parameters() {
  return {{"network", parameters_of(network_)}};
}

std::vector<NamedTensor> ScoreTrainer::state() {
  std::vector<NamedTensor> state{{"mean", moments_.mean}, {"std", moments_.std}};
  if (images_) state.push_back({"grey", grey_});
  return state;
}

void ScoreTrainer::fit(const Dataset& train, const ParallelRows& rows) {
  const int64_t channels = spec_.shape.front();
  const at::Tensor sums =
      rows.sum(train.spec().rows, [&](int64_t first, int64_t count, at::Generator&) {
        const at::Tensor x = rows_of(train, first, count).x;
        if (!images_) return power_sums(x);
        return at::cat({power_sums(frame_.pad(x)), power_sums(off_grey_levels(x))}, 1);
      });
  if (images_) grey_.fill_(sums[1].narrow(0, channels, channels).sum().item<double>() == 0);
  const double added = images_ ? grey_.item<double>() * kDequantisationVariance : 0;
  const Moments measured = moments_from(sums.narrow(1, 0, channels), added);
  moments_.mean.copy_(measured.mean);
  moments_.std.copy_(measured.std);
}

Loss ScoreTrainer::loss(const Batch& batch, const Step& step) {
  network_.module->train();
  at::Generator generator = step.generator;
  const int64_t rows = batch.x.size(0);
  const int64_t first_row = step.shard * rows, global_rows = step.shards * rows;
  const at::Tensor losses = diffusion_.loss(conditioned(batch), prepare(batch.x, generator),
                                            first_row, global_rows, generator);
  return {losses.sum(), static_cast<double>(rows),
          noise_bands(losses.detach(), first_row, global_rows)};
}

Batch ScoreTrainer::sample(const SampleRequest& request, at::Generator& generator) {
  const at::NoGradGuard no_gradients;
  network_.module->eval();
  Batch drawn;
  if (class_conditional_) drawn.labels = labels_of(request, spec_.classes, generator.device());
  std::vector<int64_t> shape{request.rows};
  shape.insert(shape.end(), spec_.shape.begin(), spec_.shape.end());
  if (images_) shape[2] = frame_.padded_height(), shape[3] = frame_.padded_width();
  const int64_t steps = request.steps > 0 ? request.steps : diffusion_.sampler.steps;
  drawn.x =
      unstandardise(moments_, diffusion_.sample(conditioned(drawn), shape, steps, 1, generator));
  if (images_) drawn.x = frame_.cut(drawn.x).contiguous();
  if (images_ && grey_.item<double>() == 1) drawn.x.clamp_(-1, 1);
  return drawn;
}

std::vector<Figure> ScoreTrainer::evaluate(const EvaluationRequest& request,
                                           const ParallelRows& rows) {
  network_.module->eval();
  if (class_conditional_ && request.held_out.spec().classes == 0)
    throw ConfigError(
        "the held-out data have no labels (the run is conditioned on classes) give "
        "data with labels");
  const int64_t total = request.held_out.spec().rows;
  const at::Tensor losses = rows.collect(
      std::min(total, kLossRows), [&](int64_t first, int64_t count, at::Generator& generator) {
        const at::NoGradGuard no_gradients;
        const Batch batch = rows_of(request.held_out, first, count);
        return diffusion_.loss(conditioned(batch), prepare(batch.x, generator), 0, count,
                               generator);
      });
  const at::Tensor nlls =
      rows.collect(nll_rows_ == 0 ? total : std::min(total, nll_rows_),
                   [&](int64_t first, int64_t count, at::Generator& generator) {
                     return nll(rows_of(request.held_out, first, count), generator);
                   });
  std::vector<Figure> figures{mean_figure("denoising_loss", losses, "per dimension"),
                              mean_figure("nll", nlls, "nats")};
  if (images_ && grey_.item<double>() == 1)
    figures.push_back(mean_figure("nll_bits_per_dim",
                                  frame_.bits_per_dimension(nlls, spec_.shape.front()),
                                  "bits per dimension"));
  return figures;
}

at::Tensor ScoreTrainer::prepare(const at::Tensor& x, at::Generator& generator) const {
  return standardise(moments_, images_ ? dequantise(frame_.pad(x), grey_, generator) : x);
}

DiffusionNetwork ScoreTrainer::conditioned(const Batch& given) const {
  return [this, given](const at::Tensor& input, const at::Tensor& log_sigma) {
    return network_.call(input, log_sigma, given);
  };
}

at::Tensor ScoreTrainer::nll(const Batch& batch, at::Generator& generator) const {
  const at::Tensor x = prepare(batch.x.to(at::kDouble), generator);
  return -diffusion_.log_likelihood(conditioned(batch), x, images_ ? &generator : nullptr) -
         standardise_log_det(moments_, x);
}

void register_with(TrainerFactory& factory) {
  factory.add("score", "denoising score matching, for images and points",
              "Song et al. 2021, arXiv:2011.13456; Karras et al. 2022, arXiv:2206.00364",
              [](const ConfigReader& root, const DataSpec& spec) {
                return std::make_unique<ScoreTrainer>(root, spec);
              });
}

}  // namespace ornstein::score
