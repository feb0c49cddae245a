// PointCloudTrainer::evaluate.
#include "framework/base/errors.h"
#include "framework/base/random.h"
#include "trainers/point_cloud/cloud_distance.h"
#include "trainers/point_cloud/cloud_scores.h"
#include "trainers/point_cloud/occupancy.h"
#include "trainers/point_cloud/point_cloud_trainer.h"

namespace ornstein::point_cloud {
namespace {

constexpr int64_t kLossRows = 1024;  // of the held-out denoising loss: its error is about a percent
constexpr int64_t kTrainingRows = 500;  // among which each cloud's nearest is looked for
constexpr uint64_t kReferences = 0, kTraining = 1;  // keys of the draws of rows and points

at::Tensor some_rows(int64_t total, int64_t count, at::Generator& generator) {
  return at::randperm(total, generator, at::kLong).narrow(0, 0, count);
}

SetDistances set_distances(CloudDistance kind, const at::Tensor& samples,
                           const at::Tensor& references, const at::Tensor& within_references,
                           const ParallelRows& rows) {
  return {distances_between(kind, samples, references, rows), distances_within(kind, samples, rows),
          within_references};
}

// Of each cloud of x the nearest training cloud: how far, and whether it is of the same class.
std::vector<Figure> nearest_figures(const std::string& ending, const Batch& clouds,
                                    const Batch& training, const ParallelRows& rows) {
  const auto [distance, which] =
      distances_between(CloudDistance::chamfer, clouds.x, training.x, rows).min(1);
  std::vector<Figure> figures{mean_figure("nearest_train_cd" + ending, distance, "unit^2")};
  if (clouds.labels.defined()) {
    const at::Tensor same = training.labels.index_select(0, which) == clouds.labels;
    figures.push_back(mean_figure("nearest_class" + ending, same.to(at::kDouble), ""));
  }
  return figures;
}

void append(std::vector<Figure>& figures, const std::vector<Figure>& more) {
  figures.insert(figures.end(), more.begin(), more.end());
}

}  // namespace

std::vector<Figure> PointCloudTrainer::evaluate(const EvaluationRequest& request,
                                                const ParallelRows& rows) {
  const at::NoGradGuard no_gradients;
  set_training(false);
  const int64_t total = request.held_out.spec().rows;
  if (total < 2)
    throw DataError(
        "one held-out cloud (sets of clouds are compared) give more by --data, or a larger "
        "dataset.validation_fraction");
  if (classes_ > 0 && request.held_out.spec().classes == 0)
    throw ConfigError(
        "the held-out data have no labels (the run is conditioned on classes) give "
        "data with labels");
  const at::Tensor losses = rows.collect(
      std::min(total, kLossRows), [&](int64_t first, int64_t count, at::Generator& generator) {
        const Batch clouds = rows_of(request.held_out, first, count);
        const CloudLosses each = cloud_losses(clouds, 0, count, generator);
        return at::stack({each.denoising, shape_ ? each.divergence : each.denoising}, 1);
      });
  std::vector<Figure> figures{mean_figure("denoising_loss", losses.select(1, 0), "per dimension")};
  if (shape_) figures.push_back(mean_figure("kl", losses.select(1, 1), "nats"));

  const int64_t count =
      std::min(total, request.samples > 0 ? request.samples : evaluation_samples_);
  auto generator = make_generator(random_key(Stream::kRows, {kReferences}));
  const Batch held_out = request.held_out.rows(some_rows(total, count, generator)).to(at::kCPU);
  const int64_t largest =
      held_out.mask.defined() ? held_out.mask.sum(1).max().item<int64_t>() : held_out.x.size(1);
  const int64_t points = std::min(evaluation_points_, largest);
  const at::Tensor references = exactly_points(held_out, points, generator);
  const auto each_cloud = [&](const auto& cloud_of) {  // [count, points, D]
    const at::Tensor clouds =
        rows.collect(count,
                     [&](int64_t first, int64_t block, at::Generator& source) {
                       const Batch given =
                           held_out.rows(at::arange(first, first + block, at::kLong))
                               .to(scale_.mean.device());
                       return exactly_points(cloud_of(given, first, source), points, source);
                     })
            .to(at::kCPU);
    const int64_t wrong = count - clouds.flatten(1).isfinite().all(1).sum().item<int64_t>();
    if (wrong > 0)
      throw Error(
          fmt::format("{} of {} samples are not finite (training diverged) lower "
                      "training.learning_rate, or take an earlier checkpoint",
                      wrong, count));
    return clouds;
  };
  const at::Tensor samples =
      each_cloud([&](const Batch& given, int64_t first, at::Generator& source) {
        SampleRequest wanted{first, given.x.size(0), 0, {}};
        if (classes_ > 0) wanted.given.labels = given.labels;
        return sample(wanted, source);
      });
  if (shape_) {
    const at::Tensor reconstructions =
        each_cloud([&](const Batch& given, int64_t, at::Generator& source) {
          return reconstruct(given, source);
        });
    figures.push_back(mean_figure(
        "reconstruction_cd",
        distances_of_pairs(CloudDistance::chamfer, reconstructions, references, rows), "unit^2"));
    figures.push_back(mean_figure(
        "reconstruction_emd",
        distances_of_pairs(CloudDistance::earth_movers, reconstructions, references, rows),
        "unit"));
  }

  const at::Tensor apart = distances_within(CloudDistance::chamfer, references, rows);
  append(figures,
         set_figures("cd", "unit^2",
                     set_distances(CloudDistance::chamfer, samples, references, apart, rows)));
  append(figures,
         set_figures(
             "emd", "unit",
             set_distances(CloudDistance::earth_movers, samples, references,
                           distances_within(CloudDistance::earth_movers, references, rows), rows)));
  const bool countable = spec_.shape[1] <= 3;
  if (countable)
    figures.push_back(
        {"jsd", occupancy_divergence(samples.flatten(0, 1), references.flatten(0, 1)), 0, "bits"});

  if (request.train) {
    auto choice = make_generator(random_key(Stream::kRows, {kTraining}));
    const int64_t train_rows = request.train->spec().rows;
    const int64_t chosen = std::min(train_rows, std::max(count, kTrainingRows));
    const Batch clouds = request.train->rows(some_rows(train_rows, chosen, choice)).to(at::kCPU);
    const auto labels_in = [&](const Batch& batch) {
      return classes_ > 0 ? batch.labels : at::Tensor();
    };
    const Batch all{.x = exactly_points(clouds, points, choice), .labels = labels_in(clouds)};
    append(figures, nearest_figures("", {.x = samples, .labels = labels_in(held_out)}, all, rows));
    append(figures, nearest_figures("_of_held_out",
                                    {.x = references, .labels = labels_in(held_out)}, all, rows));
    if (train_rows < count) return figures;
    const at::Tensor training = all.x.narrow(0, 0, count);
    append(figures,
           set_figures("cd_of_train", "unit^2",
                       set_distances(CloudDistance::chamfer, training, references, apart, rows)));
    if (countable)
      figures.push_back({"jsd_of_train",
                         occupancy_divergence(training.flatten(0, 1), references.flatten(0, 1)), 0,
                         "bits"});
  }
  return figures;
}

}  // namespace ornstein::point_cloud
