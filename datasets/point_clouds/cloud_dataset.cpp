#include "datasets/point_clouds/cloud_dataset.h"

#include "datasets/point_clouds/cloud_file.h"
#include "framework/base/errors.h"
#include "framework/base/hash.h"
#include "framework/base/log.h"
#include "framework/base/random.h"
#include "framework/data/data_file.h"

namespace ornstein::point_clouds {
namespace {

// A cloud: which file, which of its clouds.
struct Place {
  size_t file;
  int64_t cloud;
};

// Puts what row `row` takes of its cloud into `x` [P, D], which is zero.
void fill(const at::Tensor& x, int64_t row, const at::Tensor& cloud, bool random) {
  const int64_t points = x.size(0), size = cloud.size(0);
  if (size <= points) {
    x.narrow(0, 0, size).copy_(cloud);
  } else if (!random) {
    x.copy_(cloud.narrow(0, 0, points));
  } else {
    const uint64_t key = random_key(Stream::kRows, {static_cast<uint64_t>(row)});
    std::vector<int64_t> chosen(points);
    for (int64_t i = 0; i < points; ++i) chosen[i] = permuted(key, size, i);
    x.copy_(cloud.index_select(0, at::tensor(chosen, at::kLong)));
  }
}

struct Content {
  DataSpec spec;
  bool random = true;  // which points of a larger cloud
  at::Tensor labels;   // [N] int64, or undefined
  at::Tensor sizes;    // [N, 1] int64, points of a row; undefined where all have P
  at::Tensor held;     // [N, P, D] float32; or undefined, and these:
  std::vector<CloudFile> files;
  std::vector<Place> places;  // [N]
};

class Clouds final : public Dataset {
 public:
  explicit Clouds(Content content) : content_(std::move(content)) {}
  DataSpec spec() const override { return content_.spec; }
  Batch rows(const at::Tensor& indices) const override {
    Batch batch;
    const int64_t points = content_.spec.shape[0];
    if (content_.held.defined()) {
      batch.x = content_.held.index_select(0, indices);
    } else {
      batch.x = at::zeros({indices.numel(), points, content_.spec.shape[1]});
      for (int64_t i = 0; i < indices.numel(); ++i) {
        const int64_t row = indices[i].item<int64_t>();
        const Place& place = content_.places[row];
        fill(batch.x[i], row, content_.files[place.file].read(place.cloud), content_.random);
      }
    }
    if (content_.sizes.defined())
      batch.mask = at::arange(points) < content_.sizes.index_select(0, indices);
    if (content_.labels.defined()) batch.labels = content_.labels.index_select(0, indices);
    return batch;
  }

 private:
  Content content_;
};

// One column over all files, of the rows that are kept: there in each file, or in none.
at::Tensor joined(const std::vector<at::Tensor>& parts, const std::vector<std::string>& files,
                  const char* name, const at::Tensor& kept) {
  for (size_t i = 1; i < parts.size(); ++i)
    if (parts[i].defined() != parts[0].defined())
      throw DataError(fmt::format("{}: {} '{}' (unlike {}) give it to all files or to none",
                                  files[i], parts[i].defined() ? "has" : "has no", name, files[0]));
  return parts[0].defined() ? at::cat(parts).index_select(0, kept) : at::Tensor();
}

DataSpec spec_of(int64_t rows, int64_t points, int64_t dimensions, const at::Tensor& labels) {
  DataSpec spec{.kind = "point_clouds", .rows = rows, .shape = {points, dimensions}};
  if (labels.defined()) spec.classes = labels.max().item<int64_t>() + 1;
  return spec;
}

// The content hash: of what is known of the clouds, and of the columns beside them.
std::string finished(std::string fingerprint, const at::Tensor& labels, const at::Tensor& split) {
  for (const at::Tensor& column : {labels, split})
    fingerprint += fmt::format(" {:016x}", column.defined() ? hash_of(column) : 0);
  return fmt::format("{:016x}", hash_of(fingerprint));
}

int64_t largest(const std::vector<CloudFile>& files) {
  int64_t points = 0;
  for (const CloudFile& file : files)
    for (int64_t cloud = 0; cloud < file.clouds(); ++cloud)
      points = std::max(points, file.points_of(cloud));
  return points;
}

}  // namespace

CloudSettings cloud_settings(const ConfigReader& dataset) {
  CloudSettings settings;
  settings.points = dataset.integer("points", 0, 0);
  settings.subset = dataset.choice("subset", "random", {"random", "first"});
  settings.smaller = dataset.choice("smaller", "refuse", {"refuse", "mask", "skip"});
  return settings;
}

DataSource open_files(const std::vector<std::string>& files, const CloudSettings& settings,
                      int64_t held_in_memory) {
  TORCH_CHECK(!files.empty(), "no file of clouds to open");
  Content content{.random = settings.subset == "random"};
  std::vector<at::Tensor> labels, split;
  for (const std::string& path : files) {
    const CloudFile& file = content.files.emplace_back(path);
    if (file.dimensions() != content.files[0].dimensions())
      throw DataError(fmt::format("{}: holds points of {} numbers ({} of {})", path,
                                  file.dimensions(), files[0], content.files[0].dimensions()));
    labels.push_back(read_labels(file.file(), file.clouds()));
    split.push_back(read_split(file.file(), file.clouds()));
  }
  const int64_t points = settings.points > 0 ? settings.points : largest(content.files);

  std::vector<int64_t> sizes, kept;
  int64_t number = 0;  // of a cloud, over all files
  for (size_t i = 0; i < files.size(); ++i)
    for (int64_t cloud = 0; cloud < content.files[i].clouds(); ++cloud, ++number) {
      const int64_t size = content.files[i].points_of(cloud);
      const bool too_small = settings.points > 0 && size < points;
      if (too_small && settings.smaller == "refuse")
        throw DataError(
            fmt::format("{}: cloud {} holds {} points (dataset.points asks for {}) ask for fewer, "
                        "or set dataset.smaller to mask or skip",
                        files[i], cloud, size, points));
      if (too_small && settings.smaller == "skip") continue;
      content.places.push_back({i, cloud});
      sizes.push_back(std::min(size, points));
      kept.push_back(number);
    }
  const auto rows = std::ssize(kept);
  if (rows == 0)
    throw DataError(fmt::format("{}: no cloud has {} points (dataset.points) ask for fewer",
                                fmt::join(files, ", "), points));
  if (rows < number)
    log_info(fmt::format("{} of {} clouds were left out (fewer than {} points)", number - rows,
                         number, points));
  if (*std::min_element(sizes.begin(), sizes.end()) < points)
    content.sizes = at::tensor(sizes, at::kLong).unsqueeze(1);

  const at::Tensor chosen = at::tensor(kept, at::kLong);
  DataSource source;
  source.split = joined(split, files, "split", chosen);
  content.labels = joined(labels, files, "labels", chosen);
  const int64_t dimensions = content.files[0].dimensions();
  content.spec = spec_of(rows, points, dimensions, content.labels);
  if (rows * points * dimensions * 4 <= held_in_memory)
    content.held = at::zeros({rows, points, dimensions});

  std::string fingerprint =
      fmt::format("{} {} {} {}", content.spec.kind, rows, content.spec.shape, settings.subset);
  int64_t row = 0;
  for (size_t i = 0; i < files.size(); ++i)
    content.files[i].scan([&](int64_t cloud, const at::Tensor& x) {
      const bool taken =
          row < rows && content.places[row].file == i && content.places[row].cloud == cloud;
      if (!taken) return;
      fingerprint += fmt::format(" {:016x}", hash_of(x));
      if (content.held.defined()) fill(content.held[row], row, x, content.random);
      ++row;
    });
  source.content_hash = finished(fingerprint, content.labels, source.split);
  if (content.held.defined()) content.files.clear();
  source.all = std::make_shared<Clouds>(std::move(content));
  return source;
}

DataSource hold(const at::Tensor& x, const at::Tensor& labels, const at::Tensor& split) {
  Content content{
      .spec = spec_of(x.size(0), x.size(1), x.size(2), labels), .labels = labels, .held = x};
  DataSource source;
  source.split = split;
  const std::string fingerprint =
      fmt::format("{} {} {} {:016x}", content.spec.kind, x.size(0), content.spec.shape, hash_of(x));
  source.content_hash = finished(fingerprint, labels, split);
  source.all = std::make_shared<Clouds>(std::move(content));
  return source;
}

}  // namespace ornstein::point_clouds
