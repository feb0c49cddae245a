#include "trainers/conditional/conditional_trainer.h"

#include "framework/base/errors.h"
#include "framework/diffusion/noise_levels.h"
#include "trainers/conditional/quality.h"

namespace ornstein::conditional {
namespace {

constexpr int64_t kLossRows = 4096;  // of the held-out denoising loss: its error is below a percent
constexpr int64_t kExamples = 16;

// The root of a mean; its error to first order.
Figure root_figure(const std::string& name, const at::Tensor& squares, const std::string& unit) {
  Figure figure = mean_figure(name, squares, unit);
  figure.value = std::sqrt(figure.value);
  if (figure.value > 0) figure.standard_error /= 2 * figure.value;
  return figure;
}

}  // namespace

ConditionalTrainer::ConditionalTrainer(const ConfigReader& root, const DataSpec& spec)
    : spec_(spec) {
  if (spec.kind != "images") {
    throw ConfigError("trainer.name: conditional cannot learn " + spec.kind +
                      " (it knows images) choose another trainer");
  }
  const ConfigReader trainer = root.section("trainer");
  diffusion_ = read_standard_diffusion(trainer, {"ve", "edm"});
  task_ = read_task(trainer, spec);
  estimator_ =
      read_estimator(trainer, diffusion_.likelihood.sigma_min, diffusion_.likelihood.sigma_max);
  if (by_label() && estimator_.noises_condition())
    trainer.fail("estimator", "a label cannot be noised (it is no image) choose cde");
  if (estimator_.noises_condition())
    one_path_ = trainer.choice("condition_noise", "fresh", {"fresh", "path"}) == "path";
  samples_per_row_ = trainer.integer("samples_per_row", 4, 2);
  evaluation_rows_ = trainer.integer("evaluation_rows", 32, 1);
  if (!by_label()) dynamic_range_ = trainer.number("dynamic_range", 2, 1e-12);

  const int64_t channels = spec.shape[0], of_y = task_.condition_channels(channels);
  network_ = make_network(root.section("network"),
                          {{channels + of_y + task_.mask_channels(), spec.shape[1], spec.shape[2]},
                           estimator_.noises_condition() ? channels + of_y : channels,
                           by_label() ? spec.classes : 0});
  task_.frame.multiple = network_.divisor;
  moments_ = {at::zeros({channels}, at::kDouble), at::ones({channels}, at::kDouble)};
  grey_ = at::zeros({1}, at::kDouble);
  sigma_max_y_ = at::full({1}, estimator_.at_step(0).sigma_max_y, at::kDouble);
  examples_ = at::zeros({kExamples, channels, spec.shape[1], spec.shape[2]});
}

std::vector<ParameterGroup> ConditionalTrainer::parameters() {
  return {{"network", parameters_of(network_)}};
}

std::vector<NamedTensor> ConditionalTrainer::state() {
  std::vector<NamedTensor> state{{"mean", moments_.mean}, {"std", moments_.std}, {"grey", grey_}};
  if (estimator_.anneals()) state.push_back({"sigma_max_y", sigma_max_y_});
  if (!by_label()) state.push_back({"examples", examples_});
  return state;
}

void ConditionalTrainer::fit(const Dataset& train, const ParallelRows& rows) {
  const int64_t channels = spec_.shape[0], total = train.spec().rows;
  const at::Tensor sums = rows.sum(total, [&](int64_t first, int64_t count, at::Generator&) {
    const at::Tensor x = rows_of(train, first, count).x;
    return at::cat({power_sums(task_.frame.pad(x)), power_sums(off_grey_levels(x))}, 1);
  });
  const bool grey = sums[1].narrow(0, channels, channels).sum().item<double>() == 0;
  grey_.fill_(grey);
  const Moments measured =
      moments_from(sums.narrow(1, 0, channels), grey ? kDequantisationVariance : 0);
  moments_.mean.copy_(measured.mean);
  moments_.std.copy_(measured.std);
  examples_.copy_(train.rows(at::arange(kExamples, at::kLong).remainder(total)).x);
}

Update ConditionalTrainer::begin_step(const Step& step) {
  sigma_max_y_.fill_(estimator_.at_step(step.number).sigma_max_y);
  return {};
}

Loss ConditionalTrainer::loss(const Batch& batch, const Step& step) {
  network_.module->train();
  at::Generator generator = step.generator;
  const Estimator estimator = estimator_.at_step(step.number);
  const int64_t rows = batch.x.size(0);
  const auto [of_x, of_y] =
      losses(batch, estimator, step.shard * rows, step.shards * rows, generator);
  Loss loss{(of_x + estimator.condition_weight() * of_y).sum(), static_cast<double>(rows), {}};
  if (estimator.noises_condition()) {
    loss.terms = {{"loss_x", of_x.detach().sum(), loss.weight},
                  {"loss_y", of_y.detach().sum(), loss.weight}};
  }
  if (estimator.anneals()) {
    const at::Tensor sum = at::full({}, estimator.sigma_max_y * loss.weight, of_x.options());
    loss.terms.push_back({"sigma_max_y", sum, loss.weight});
  }
  return loss;
}

Batch ConditionalTrainer::sample(const SampleRequest& request, at::Generator& generator) {
  const at::NoGradGuard no_gradients;
  network_.module->eval();
  Batch drawn;
  Observation observation;
  if (by_label()) {
    drawn.labels = labels_of(request, spec_.classes, generator.device());
    observation.y =
        at::empty({request.rows, 0, task_.frame.padded_height(), task_.frame.padded_width()},
                  at::device(generator.device()));
  } else {
    observation = observe(images_given(request), generator);
  }
  drawn.x = draw(observation, drawn.labels, request.steps, generator);
  return drawn;
}

std::vector<Figure> ConditionalTrainer::evaluate(const EvaluationRequest& request,
                                                 const ParallelRows& rows) {
  const at::NoGradGuard no_gradients;
  network_.module->eval();
  if (by_label() && request.held_out.spec().classes == 0)
    throw ConfigError(
        "the held-out data have no labels (they are the condition) give data with "
        "labels");
  const int64_t total = request.held_out.spec().rows;
  const Estimator estimator = as_trained();
  const at::Tensor losses_x = rows.collect(
      std::min(total, kLossRows), [&](int64_t first, int64_t count, at::Generator& generator) {
        return losses(rows_of(request.held_out, first, count), estimator, 0, count, generator).x;
      });
  const int64_t wanted = request.samples > 0
                             ? std::max<int64_t>(request.samples / samples_per_row_, 1)
                             : evaluation_rows_;
  const at::Tensor columns = rows.collect(
      std::min(total, wanted), [&](int64_t first, int64_t count, at::Generator& generator) {
        return judged(rows_of(request.held_out, first, count), generator);
      });
  std::vector<Figure> figures{mean_figure("denoising_loss", losses_x, "per dimension"),
                              root_figure("diversity", columns.select(1, 0), "the data's unit")};
  if (by_label()) return figures;
  figures.push_back(root_figure("consistency", columns.select(1, 1), "the data's unit"));
  figures.push_back(mean_figure("psnr", columns.select(1, 2), "dB"));
  figures.push_back(mean_figure("psnr_of_mean", columns.select(1, 3), "dB"));
  if (columns.size(1) > 4) figures.push_back(mean_figure("ssim", columns.select(1, 4), ""));
  return figures;
}

at::Tensor ConditionalTrainer::judged(const Batch& batch, at::Generator& generator) const {
  const Observation observation = observe(batch.x, generator);
  std::vector<at::Tensor> drawn;
  for (int64_t k = 0; k < samples_per_row_; ++k)
    drawn.push_back(draw(observation, batch.labels, 0, generator));
  const at::Tensor samples = at::stack(drawn);  // [k, B, C, H, W]
  std::vector<at::Tensor> columns{samples.var(0).flatten(1).mean(1).to(at::kDouble)};
  if (by_label()) return columns[0].unsqueeze(1);

  // y in the data's unit, from the same mask.
  Observation truth = observation;
  truth.y = task_.seen(task_.frame.pad(batch.x), observation.mask);
  const auto mean_over_samples = [&](auto&& of_sample) {
    at::Tensor sum = at::zeros({batch.x.size(0)}, columns[0].options());
    for (const at::Tensor& x : drawn) sum += of_sample(x);
    return sum / samples_per_row_;
  };
  columns.push_back(mean_over_samples([&](const at::Tensor& x) {
    return task_.squared_residual(task_.frame.pad(x), truth).to(at::kDouble);
  }));
  columns.push_back(
      mean_over_samples([&](const at::Tensor& x) { return psnr(x, batch.x, dynamic_range_); }));
  columns.push_back(psnr(samples.mean(0), batch.x, dynamic_range_));
  if (std::min(spec_.shape[1], spec_.shape[2]) >= kSsimWindow) {
    columns.push_back(
        mean_over_samples([&](const at::Tensor& x) { return ssim(x, batch.x, dynamic_range_); }));
  }
  return at::stack(columns, 1);
}

at::Tensor ConditionalTrainer::draw(const Observation& observation, const at::Tensor& labels,
                                    int64_t steps, at::Generator& generator) const {
  const auto draw_noise = [&] { return task_.noise(observation, generator); };
  const Estimator estimator = as_trained();
  const ConditionAt condition = !estimator.noises_condition()
                                    ? [&](const at::Tensor&) { return observation.y; }
                                : one_path_ ? condition_path(observation.y, draw_noise)
                                            : fresh_condition(observation.y, draw_noise);
  const DiffusionNetwork network =
      x_block(bind(network_, observation, labels), estimator, condition);
  std::vector<int64_t> shape = observation.y.sizes().vec();
  shape[1] = spec_.shape[0];
  at::Tensor x =
      diffusion_.sample(network, shape, steps > 0 ? steps : diffusion_.sampler.steps, 1, generator);
  x = task_.frame.cut(unstandardise(moments_, x)).contiguous();
  if (grey_.item<double>() == 1) x.clamp_(-1, 1);
  return x;
}

at::Tensor ConditionalTrainer::images_given(const SampleRequest& request) const {
  if (!request.given.x.defined()) {
    const at::Tensor row = at::arange(request.first, request.first + request.rows,
                                      at::device(examples_.device()).dtype(at::kLong));
    return examples_.index_select(0, row.remainder(kExamples));
  }
  const at::Tensor& x = request.given.x;
  if (x.dim() != 4 || x.sizes().slice(1) != at::IntArrayRef(spec_.shape)) {
    throw ConfigError(fmt::format(
        "given images of {} do not fit (the method was trained on {}) give images of that size",
        fmt::join(x.sizes().slice(x.dim() > 0 ? 1 : 0), "x"), fmt::join(spec_.shape, "x")));
  }
  TORCH_CHECK(x.size(0) == request.rows, "sample: ", x.size(0), " images for ", request.rows,
              " rows");
  if (grey_.item<double>() == 1 && x.abs().max().item<double>() > 1 + kGreyLevel) {
    throw DataError(fmt::format(
        "given images have numbers as large as {:.4g} (the run learned 256 grey levels, "
        "scaled to [-1, 1]) scale them, or store them as uint8",
        x.abs().max().item<double>()));
  }
  return x.to(examples_.options());
}

// A network knows only the noise of y that it was trained with, wherever the annealing stands.
Estimator ConditionalTrainer::as_trained() const {
  Estimator estimator = estimator_;
  if (estimator.anneals()) estimator.sigma_max_y = sigma_max_y_.item<double>();
  return estimator;
}

BlockLosses ConditionalTrainer::losses(const Batch& batch, const Estimator& estimator,
                                       int64_t first_row, int64_t global_rows,
                                       at::Generator& generator) const {
  const at::Tensor x0 = prepare(batch.x, generator);
  const Observation observation = observe(batch.x, generator);
  const at::Tensor u = stratified_uniforms(first_row, x0.size(0), global_rows, generator);
  const at::Tensor sigma = diffusion_.training_sigmas(u).to(x0.scalar_type());
  const at::Tensor noise_x = at::randn(x0.sizes(), generator, x0.options());
  const at::Tensor noise_y = estimator.noises_condition() ? task_.noise(observation, generator)
                                                          : at::zeros_like(observation.y);
  return joint_loss(bind(network_, observation, batch.labels), diffusion_.prediction, x0,
                    observation, noise_x, noise_y, sigma, estimator.condition_sigma(sigma));
}

at::Tensor ConditionalTrainer::prepare(const at::Tensor& x, at::Generator& generator) const {
  return standardise(moments_, dequantise(task_.frame.pad(x), grey_, generator));
}

// Of the image's grey levels as they are: what is observed of a picture has no noise of its own.
Observation ConditionalTrainer::observe(const at::Tensor& x, at::Generator& generator) const {
  return task_.observe(standardise(moments_, task_.frame.pad(x)), generator);
}

void register_with(TrainerFactory& factory) {
  factory.add(
      "conditional", "conditional diffusion of images: super-resolution, inpainting, labels",
      "Batzolis et al. 2021, arXiv:2111.13606", [](const ConfigReader& root, const DataSpec& spec) {
        return std::make_unique<ConditionalTrainer>(root, spec);
      });
}

}  // namespace ornstein::conditional
