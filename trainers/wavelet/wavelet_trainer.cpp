#include "trainers/wavelet/wavelet_trainer.h"

#include <numeric>

#include "framework/base/errors.h"

namespace ornstein::wavelet {
namespace {

constexpr int64_t kLossRows = 4096;  // of the held-out denoising losses: their error is a percent

WaveletPyramid read_pyramid(const ConfigReader& trainer, const DataSpec& spec) {
  if (spec.kind != "images") {
    throw ConfigError("trainer.name: wavelet cannot learn " + spec.kind +
                      " (it knows images) choose another trainer");
  }
  const bool haar_chosen = trainer.choice("wavelet", "haar", {"haar", "db4"}) == "haar";
  return {haar_chosen ? haar() : db4(), trainer.integer("levels", 2, 1, 8), spec.shape[0]};
}

const at::Tensor& target_of(const Stage& stage, const std::vector<WaveletBands>& bands) {
  const WaveletBands& band = bands[stage.scale - 1];
  return stage.conditional ? band.details : band.low;
}

// Details see the clean low-pass of their scale beside what is noisy; `low` [B, C, h, w].
DiffusionNetwork conditioned(const Stage& stage, const at::Tensor& low) {
  return [&stage, low](const at::Tensor& input, const at::Tensor& log_sigma) {
    return stage.network.call(stage.conditional ? at::cat({input, low.to(input)}, 1) : input,
                              log_sigma, {});
  };
}

}  // namespace

WaveletTrainer::WaveletTrainer(const ConfigReader& root, const DataSpec& spec)
    : spec_(spec),
      pyramid_(read_pyramid(root.section("trainer"), spec)),
      grey_(at::zeros({1}, at::kDouble)) {
  const ConfigReader trainer = root.section("trainer");
  const int64_t levels = pyramid_.levels();
  if (int64_t{1} << levels > std::min(spec.shape[1], spec.shape[2]))
    trainer.fail("levels", fmt::format("is {} (the image is {} x {}) take fewer", levels,
                                       spec.shape[1], spec.shape[2]));
  diffusion_ = read_standard_diffusion(trainer, {"edm", "ou"});
  detail_temperature_ = trainer.number("detail_temperature", 1, 0, 1);
  nll_rows_ = trainer.integer("nll_rows", 64, 1);
  frame_ = {spec.shape[1], spec.shape[2], int64_t{1} << pyramid_.levels(),
            trainer.number("background", -1)};

  // The frame depends on the networks' divisors, and an MLP on the frame: made twice if need be,
  // with the same first values.
  at::Generator generator = at::globalContext().defaultGenerator(at::kCPU);
  const at::Tensor beginning = generator.get_state();
  make_stages(root);
  const int64_t multiple = std::transform_reduce(
      stages_.begin(), stages_.end(), int64_t{1},
      [](int64_t a, int64_t b) { return std::lcm(a, b); },
      [](const Stage& stage) { return stage.network.divisor << stage.scale; });
  if (multiple != frame_.multiple) {
    frame_.multiple = multiple;
    generator.set_state(beginning);
    make_stages(root);
  }

  std::vector<std::string> names;
  for (const Stage& stage : stages_) names.push_back(stage.name);
  const auto trained = trainer.choices("stages", names, names);
  for (Stage& stage : stages_)
    stage.trained = std::find(trained.begin(), trained.end(), stage.name) != trained.end();
}

void WaveletTrainer::make_stages(const ConfigReader& root) {
  const int64_t channels = spec_.shape[0], levels = pyramid_.levels();
  const auto shape = [&](int64_t scale, int64_t inputs, int64_t outputs) -> NetworkShape {
    return {{inputs, frame_.padded_height() >> scale, frame_.padded_width() >> scale}, outputs};
  };
  stages_.clear();
  stages_.push_back({"low", levels, false, true,
                     make_network(root.section("network"), shape(levels, channels, channels))});
  for (int64_t scale = levels; scale >= 1; --scale) {
    stages_.push_back(
        {fmt::format("detail_{}", scale), scale, true, true,
         make_network(root.section("detail_network"), shape(scale, 4 * channels, 3 * channels))});
  }
}

std::vector<ParameterGroup> WaveletTrainer::parameters() {
  std::vector<ParameterGroup> groups;
  for (const Stage& stage : stages_) groups.push_back({stage.name, parameters_of(stage.network)});
  return groups;
}

std::vector<NamedTensor> WaveletTrainer::state() {
  std::vector<NamedTensor> state = pyramid_.state();
  state.push_back({"grey", grey_});
  return state;
}

void WaveletTrainer::fit(const Dataset& train, const ParallelRows& rows) {
  const int64_t channels = spec_.shape[0];
  const at::Tensor sums =
      rows.sum(train.spec().rows, [&](int64_t first, int64_t count, at::Generator&) {
        const at::Tensor x = rows_of(train, first, count).x;
        return at::cat({power_sums(off_grey_levels(x)), pyramid_.band_sums(frame_.pad(x))}, 1);
      });
  const bool grey = sums[1].narrow(0, 0, channels).sum().item<double>() == 0;
  grey_.fill_(grey);
  pyramid_.set_moments(sums.narrow(1, channels, sums.size(1) - channels),
                       grey ? kDequantisationVariance : 0);
}

Update WaveletTrainer::begin_step(const Step&) {
  Update update;
  for (const Stage& stage : stages_)
    if (stage.trained) update.groups.push_back(stage.name);
  return update;
}

Loss WaveletTrainer::loss(const Batch& batch, const Step& step) {
  at::Generator generator = step.generator;
  const int64_t rows = batch.x.size(0);
  const auto bands = bands_of(batch.x, generator);
  Loss loss{at::zeros({}, batch.x.options()), static_cast<double>(rows), {}};
  for (const Stage& stage : stages_) {
    if (!stage.trained) continue;
    stage.network.module->train();
    const at::Tensor sum =
        stage_loss(stage, bands, step.shard * rows, step.shards * rows, generator).sum();
    loss.sum = loss.sum + sum;
    loss.terms.push_back({"loss_" + stage.name, sum.detach(), loss.weight});
  }
  return loss;
}

Batch WaveletTrainer::sample(const SampleRequest& request, at::Generator& generator) {
  const at::NoGradGuard no_gradients;
  const int64_t steps = request.steps > 0 ? request.steps : diffusion_.sampler.steps;
  at::Tensor x;  // the low-pass of the stage at hand, standardised; at last the image
  for (const Stage& stage : stages_) {
    stage.network.module->eval();
    const std::vector<int64_t> shape{request.rows, spec_.shape[0] * (stage.conditional ? 3 : 1),
                                     frame_.padded_height() >> stage.scale,
                                     frame_.padded_width() >> stage.scale};
    const at::Tensor drawn =
        diffusion_.sample(conditioned(stage, x), shape, steps,
                          stage.conditional ? detail_temperature_ : 1, generator);
    x = stage.conditional ? pyramid_.synthesise(stage.scale, {x, drawn}) : drawn;
  }
  x = frame_.cut(x).contiguous();
  if (grey_.item<double>() == 1) x.clamp_(-1, 1);
  return {x};
}

std::vector<Figure> WaveletTrainer::evaluate(const EvaluationRequest& request,
                                             const ParallelRows& rows) {
  for (const Stage& stage : stages_) stage.network.module->eval();
  const int64_t total = request.held_out.spec().rows;
  const at::Tensor losses = rows.collect(
      std::min(total, kLossRows), [&](int64_t first, int64_t count, at::Generator& generator) {
        const at::NoGradGuard no_gradients;
        const auto bands = bands_of(rows_of(request.held_out, first, count).x, generator);
        std::vector<at::Tensor> columns;
        for (const Stage& stage : stages_)
          columns.push_back(stage_loss(stage, bands, 0, count, generator));
        return at::stack(columns, 1);
      });
  const at::Tensor nlls = rows.collect(
      std::min(total, nll_rows_), [&](int64_t first, int64_t count, at::Generator& generator) {
        return nll(rows_of(request.held_out, first, count).x, generator);
      });
  std::vector<Figure> figures;
  for (size_t i = 0; i < stages_.size(); ++i)
    figures.push_back(
        mean_figure("denoising_loss_" + stages_[i].name, losses.select(1, i), "per dimension"));
  figures.push_back({"network_pixels", network_pixels(diffusion_.sampler.steps), 0, "a sample"});
  figures.push_back(mean_figure("nll", nlls, "nats"));
  if (grey_.item<double>() == 1)
    figures.push_back(mean_figure(
        "nll_bits_per_dim", frame_.bits_per_dimension(nlls, spec_.shape[0]), "bits per dimension"));
  return figures;
}

std::vector<WaveletBands> WaveletTrainer::bands_of(const at::Tensor& x,
                                                   at::Generator& generator) const {
  return pyramid_.analyse(dequantise(frame_.pad(x), grey_, generator));
}

at::Tensor WaveletTrainer::stage_loss(const Stage& stage, const std::vector<WaveletBands>& bands,
                                      int64_t first_row, int64_t global_rows,
                                      at::Generator& generator) const {
  return diffusion_.loss(conditioned(stage, bands[stage.scale - 1].low), target_of(stage, bands),
                         first_row, global_rows, generator);
}

at::Tensor WaveletTrainer::nll(const at::Tensor& x, at::Generator& generator) const {
  const auto bands = bands_of(x.to(at::kDouble), generator);
  at::Tensor nll = -pyramid_.log_det(bands);
  for (const Stage& stage : stages_)
    nll = nll - diffusion_.log_likelihood(conditioned(stage, bands[stage.scale - 1].low),
                                          target_of(stage, bands), &generator);
  return nll;
}

double WaveletTrainer::network_pixels(int64_t steps) const {
  int64_t pixels = 0;
  for (const Stage& stage : stages_)
    pixels += (frame_.padded_height() >> stage.scale) * (frame_.padded_width() >> stage.scale);
  return static_cast<double>(diffusion_.sampler.evaluations(steps) * pixels);
}

void register_with(TrainerFactory& factory) {
  factory.add("wavelet", "score-based model of wavelet bands, coarse to fine, for images",
              "Guth et al. 2022, arXiv:2208.05003",
              [](const ConfigReader& root, const DataSpec& spec) {
                return std::make_unique<WaveletTrainer>(root, spec);
              });
}

}  // namespace ornstein::wavelet
