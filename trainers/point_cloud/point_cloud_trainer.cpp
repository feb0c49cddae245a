#include "trainers/point_cloud/point_cloud_trainer.h"

#include "framework/base/errors.h"
#include "framework/diffusion/losses.h"
#include "framework/diffusion/noise_levels.h"

namespace ornstein::point_cloud {

PointCloudTrainer::PointCloudTrainer(const ConfigReader& root, const DataSpec& spec) : spec_(spec) {
  if (spec.kind != "point_clouds") {
    throw ConfigError(fmt::format(
        "trainer.name: point_cloud cannot learn {} (it knows point_clouds) choose another trainer",
        spec.kind));
  }
  const ConfigReader trainer = root.section("trainer");
  const bool latent = trainer.choice("model", "joint", {"joint", "latent"}) == "latent";
  diffusion_ = read_standard_diffusion(trainer, {"edm", "vp", "ou", "log_snr", "ve"});
  const bool conditional = trainer.flag("class_conditional", spec.classes > 0);
  if (conditional && spec.classes == 0)
    trainer.fail("class_conditional", "the data have no labels");
  if (conditional) classes_ = spec.classes;
  train_points_ = trainer.integer("train_points", 0, 0);
  evaluation_samples_ = trainer.integer("evaluation_samples", 200, 2);
  evaluation_points_ = trainer.integer("evaluation_points", 256, 1, 4096);

  const int64_t axes = spec.shape[1];
  if (latent) {
    kl_weight_ = trainer.number("kl_weight", 1e-3, 0);
    shape_ = read_shape_model(root, axes, classes_);
  } else {
    network_ =
        make_network(root.section("network"),
                     {.input = spec.shape, .outputs = axes, .classes = classes_, .set = true});
  }
  scale_ = {at::zeros({axes}, at::kDouble), at::ones({1}, at::kDouble)};
  sizes_ = {at::zeros({std::max<int64_t>(classes_, 1), spec.shape[0]}, at::kDouble)};
}

std::vector<ParameterGroup> PointCloudTrainer::parameters() {
  if (shape_) return shape_->parameters();
  return {{"network", parameters_of(network_)}};
}

std::vector<NamedTensor> PointCloudTrainer::state() {
  return {{"mean", scale_.mean}, {"scale", scale_.scale}, {"sizes", sizes_.counts}};
}

void PointCloudTrainer::fit(const Dataset& train, const ParallelRows& rows) {
  const at::Tensor sums =
      rows.sum(train.spec().rows, [&](int64_t first, int64_t count, at::Generator&) {
        const Batch clouds = rows_of(train, first, count);
        return at::cat(
            {point_sums(clouds).flatten(), count_sizes(clouds, sizes_.counts.size(0)).flatten()});
      });
  const int64_t axes = scale_.mean.numel();
  const CloudScale measured = scale_from(sums.narrow(0, 0, 3 * axes).view({3, axes}));
  scale_.mean.copy_(measured.mean);
  scale_.scale.copy_(measured.scale);
  sizes_.counts.copy_(sums.narrow(0, 3 * axes, sizes_.counts.numel()).view_as(sizes_.counts));
}

Loss PointCloudTrainer::loss(const Batch& batch, const Step& step) {
  set_training(true);
  at::Generator generator = step.generator;
  const int64_t rows = batch.x.size(0);
  const CloudLosses losses = cloud_losses(batch, step.shard * rows, step.shards * rows, generator);
  const auto weight = static_cast<double>(rows);
  if (!shape_) return {losses.denoising.sum(), weight, {}};
  const auto term = [&](const char* name, const at::Tensor& values) {
    return Term{name, values.detach().sum(), weight};
  };
  return {(losses.denoising + kl_weight_ * losses.divergence).sum(),
          weight,
          {term("denoising_loss", losses.denoising), term("kl", losses.divergence)}};
}

PointCloudTrainer::CloudLosses PointCloudTrainer::cloud_losses(const Batch& batch,
                                                               int64_t first_row,
                                                               int64_t global_rows,
                                                               at::Generator& generator) const {
  const Batch clouds = train_points_ > 0 ? some_points(batch, train_points_, generator) : batch;
  const at::Tensor x0 = scale_.standardise(clouds.x);
  const at::Tensor u = stratified_uniforms(first_row, x0.size(0), global_rows, generator);
  const at::Tensor sigma = diffusion_.training_sigmas(u).to(x0.scalar_type());
  const at::Tensor noise = at::randn(x0.sizes(), generator, x0.options());
  CloudLosses losses;
  DiffusionNetwork network;
  if (shape_) {
    const ShapePosterior q = shape_->encoder->forward(x0, clouds.mask);
    const at::Tensor z = q.draw(generator);
    losses.divergence = shape_->divergence(q, z, clouds.labels);
    network = shape_->network(z);
  } else {
    network = joint_network(clouds.labels, clouds.mask);
  }
  losses.denoising = denoising_loss(network, diffusion_.prediction, 1, x0, noise, sigma,
                                    mean_square_of_points(clouds.mask));
  return losses;
}

Batch PointCloudTrainer::sample(const SampleRequest& request, at::Generator& generator) {
  const at::NoGradGuard no_gradients;
  set_training(false);
  Batch drawn;
  if (classes_ > 0) drawn.labels = labels_of(request, classes_, generator.device());
  if (sizes_.ragged())
    drawn.mask = sizes_.draw(request.rows, drawn.labels, generator).narrow(1, 0, sample_points());
  const DiffusionNetwork network =
      shape_ ? shape_->network(shape_->prior->sample(request.rows, drawn.labels, generator))
             : joint_network(drawn.labels, drawn.mask);
  drawn.x = draw(network, {request.rows, sample_points()}, drawn.mask, request.steps, generator);
  return drawn;
}

int64_t PointCloudTrainer::sample_points() const {
  const int64_t most = spec_.shape[0];
  return shape_ || train_points_ == 0 ? most : std::min(train_points_, most);
}

at::Tensor PointCloudTrainer::draw(const DiffusionNetwork& network, std::vector<int64_t> shape,
                                   const at::Tensor& mask, int64_t steps,
                                   at::Generator& generator) const {
  shape.push_back(spec_.shape[1]);
  const at::Tensor x = scale_.unstandardise(diffusion_.sample(
      network, shape, steps > 0 ? steps : diffusion_.sampler.steps, 1, generator));
  return mask.defined() ? at::where(mask.unsqueeze(2), x, 0) : x;
}

Batch PointCloudTrainer::reconstruct(const Batch& clouds, at::Generator& generator) const {
  const at::Tensor code = shape_->encoder->forward(scale_.standardise(clouds.x), clouds.mask).mean;
  return {
      .x = draw(shape_->network(code), {code.size(0), clouds.x.size(1)}, clouds.mask, 0, generator),
      .mask = clouds.mask};
}

DiffusionNetwork PointCloudTrainer::joint_network(const at::Tensor& labels,
                                                  const at::Tensor& mask) const {
  Batch given;
  if (classes_ > 0) given.labels = labels;
  given.mask = mask;
  return [this, given](const at::Tensor& input, const at::Tensor& log_sigma) {
    return network_.call(input, log_sigma, given);
  };
}

void PointCloudTrainer::set_training(bool on) const {
  if (!shape_) network_.module->train(on);  // the latent form's modules are alike in both modes
}

void register_with(TrainerFactory& factory) {
  factory.add("point_cloud",
              "diffusion of point clouds, of all points jointly or given a shape code",
              "Luo and Hu 2021, arXiv:2103.01458; Zhou et al. 2021, arXiv:2104.03670",
              [](const ConfigReader& root, const DataSpec& spec) {
                return std::make_unique<PointCloudTrainer>(root, spec);
              });
}

}  // namespace ornstein::point_cloud
