#include "datasets/points/points_dataset.h"

#include "datasets/points/spaces.h"
#include "framework/base/errors.h"
#include "framework/base/hash.h"
#include "framework/base/random.h"
#include "framework/data/data_file.h"

namespace ornstein::points {
namespace {

// Rows read and hashed at a time: at most 8 MB as float64.
int64_t block_rows(int64_t dimensions) {
  return std::max<int64_t>(1, (int64_t{1} << 20) / dimensions);
}

// Becomes the content hash.
class Fingerprint {
 public:
  explicit Fingerprint(const DataSpec& spec)
      : text_(fmt::format("{} {} {} {}", spec.kind, spec.space, spec.rows, spec.shape)) {}
  void add(const at::Tensor& part) {
    text_ += fmt::format(" {:016x}", part.defined() ? hash_of(part) : 0);
  }
  std::string hash() const { return fmt::format("{:016x}", hash_of(text_)); }

 private:
  std::string text_;
};

class InMemory final : public Dataset {
 public:
  InMemory(DataSpec spec, at::Tensor x, at::Tensor labels)
      : spec_(std::move(spec)), x_(std::move(x)), labels_(std::move(labels)) {}
  DataSpec spec() const override { return spec_; }
  Batch rows(const at::Tensor& indices) const override {
    Batch batch;
    batch.x = x_.index_select(0, indices);
    if (labels_.defined()) batch.labels = labels_.index_select(0, indices);
    return batch;
  }

 private:
  DataSpec spec_;
  at::Tensor x_;       // [N, D] float32
  at::Tensor labels_;  // [N] int64, or undefined
};

class OnDisk final : public Dataset {
 public:
  OnDisk(DataSpec spec, std::vector<Hdf5File> files, at::Tensor labels)
      : spec_(std::move(spec)), files_(std::move(files)), labels_(std::move(labels)) {
    for (const Hdf5File& file : files_)
      first_row_.push_back(first_row_.back() + file.shape("/points")[0]);
  }
  DataSpec spec() const override { return spec_; }
  Batch rows(const at::Tensor& indices) const override {
    const auto [sorted, place, counts] = at::_unique2(indices, /*sorted=*/true, true);
    std::vector<at::Tensor> parts;
    for (size_t i = 0; i < files_.size(); ++i) {
      const at::Tensor inside = (sorted >= first_row_[i]).logical_and(sorted < first_row_[i + 1]);
      const at::Tensor rows = sorted.masked_select(inside) - first_row_[i];
      if (rows.numel() > 0) parts.push_back(files_[i].read_rows("/points", rows).to(at::kFloat));
    }
    Batch batch;
    batch.x = parts.empty() ? at::empty({0, spec_.shape[0]})
                            : canonical(spec_.space, at::cat(parts)).index_select(0, place);
    if (labels_.defined()) batch.labels = labels_.index_select(0, indices);
    return batch;
  }

 private:
  DataSpec spec_;
  std::vector<Hdf5File> files_;
  std::vector<int64_t> first_row_ = {0};  // of each file, and the end
  at::Tensor labels_;                     // [N] int64, or undefined
};

// The `points` of one file, and what stands beside them.
struct Shape {
  int64_t rows, dimensions;
  std::string space;
};

Shape shape_of(const Hdf5File& file) {
  if (!file.has("/points"))
    throw DataError(fmt::format(
        "{}: has no data set 'points' (that is where the rows stand, [N, D])", file.path()));
  const auto shape = file.shape("/points");
  if (shape.size() != 2 || shape[0] == 0 || shape[1] == 0)
    throw DataError(
        fmt::format("{}: 'points' has shape [{}] (rows of coordinates are needed: [N, D])",
                    file.path(), fmt::join(shape, ", ")));
  std::string space = "euclidean";
  for (const char* object : {"/points", "/"})
    if (file.has_attribute(object, "space")) space = file.text_attribute(object, "space");
  const std::string problem = space_problem(space, shape[1]);
  if (!problem.empty())
    throw DataError(fmt::format("{}: {} (attribute 'space')", file.path(), problem));
  return {shape[0], shape[1], space};
}

// Reads and checks all rows in blocks: `take` gets each, float32.
void scan(const Hdf5File& file, const Shape& shape,
          const std::function<void(const at::Tensor& x)>& take) {
  const int64_t block = block_rows(shape.dimensions);
  for (int64_t first = 0; first < shape.rows; first += block) {
    const at::Tensor x =
        file.read_rows("/points", first, std::min(block, shape.rows - first)).to(at::kFloat);
    if (const auto off = first_row_off(shape.space, x))
      throw DataError(fmt::format(
          "{}: row {} of 'points' {} (every row must be {}: space '{}') mend or drop the row",
          file.path(), first + off->row, problem_of(*off), description(shape.space), shape.space));
    take(canonical(shape.space, x));
  }
}

// One column over all files: there in each, or in none.
at::Tensor concatenated(const std::vector<at::Tensor>& parts, const std::vector<std::string>& files,
                        const char* name) {
  for (size_t i = 1; i < parts.size(); ++i)
    if (parts[i].defined() != parts[0].defined())
      throw DataError(fmt::format("{}: {} '{}' (unlike {}) give it to all files or to none",
                                  files[i], parts[i].defined() ? "has" : "has no", name, files[0]));
  return parts[0].defined() ? at::cat(parts) : at::Tensor();
}

}  // namespace

DataSource open_files(const std::vector<std::string>& files, int64_t held_in_memory) {
  TORCH_CHECK(!files.empty(), "no file of points to open");
  std::vector<Hdf5File> opened;
  std::vector<Shape> shapes;
  std::vector<at::Tensor> labels, split, log_density;
  int64_t rows = 0;
  for (const std::string& path : files) {
    opened.push_back(open_data_file(path, "points"));
    shapes.push_back(shape_of(opened.back()));
    const Shape &shape = shapes.back(), &wanted = shapes.front();
    if (shape.dimensions != wanted.dimensions || shape.space != wanted.space)
      throw DataError(fmt::format("{}: holds {} coordinates of space '{}' ({} holds {} of '{}')",
                                  path, shape.dimensions, shape.space, files[0], wanted.dimensions,
                                  wanted.space));
    labels.push_back(read_labels(opened.back(), shape.rows));
    split.push_back(read_split(opened.back(), shape.rows));
    log_density.push_back(read_log_density(opened.back(), shape.rows));
    rows += shape.rows;
  }
  const int64_t dimensions = shapes[0].dimensions;
  DataSource source;
  source.split = concatenated(split, files, "split");
  source.log_density = concatenated(log_density, files, "log_density");
  const at::Tensor all_labels = concatenated(labels, files, "labels");

  DataSpec spec{.kind = "points", .space = shapes[0].space, .rows = rows, .shape = {dimensions}};
  if (all_labels.defined()) spec.classes = all_labels.max().item<int64_t>() + 1;
  Fingerprint fingerprint(spec);
  const bool held = rows * dimensions * 4 <= held_in_memory;
  const at::Tensor all = held ? at::empty({rows, dimensions}) : at::Tensor();
  int64_t row = 0;
  for (size_t i = 0; i < opened.size(); ++i)
    scan(opened[i], shapes[i], [&](const at::Tensor& x) {
      fingerprint.add(x);
      if (held) all.narrow(0, row, x.size(0)).copy_(x);
      row += x.size(0);
    });
  fingerprint.add(all_labels);
  fingerprint.add(source.split);
  source.content_hash = fingerprint.hash();
  if (held)
    source.all = std::make_shared<InMemory>(spec, all, all_labels);
  else
    source.all = std::make_shared<OnDisk>(spec, std::move(opened), all_labels);
  return source;
}

DataSource open_twin(const std::string& name, int64_t rows) {
  return open_twin(find_twin(name), rows);
}

DataSource open_twin(const Twin& twin, int64_t rows) {
  auto generator = make_generator(random_key(Stream::kTwin, {0}));
  const at::Tensor x = canonical(twin.space, twin.sample(rows, generator).to(at::kFloat));
  DataSource source;
  source.split = (at::arange(rows) >= rows * 5 / 6).to(at::kByte);
  source.log_density = twin.log_density(x.to(at::kDouble));
  const DataSpec spec{.kind = "points", .space = twin.space, .rows = rows, .shape = {x.size(1)}};
  const at::Tensor no_labels;
  Fingerprint fingerprint(spec);
  for (const at::Tensor& block : x.split(block_rows(x.size(1)))) fingerprint.add(block);
  fingerprint.add(no_labels);
  fingerprint.add(source.split);
  source.content_hash = fingerprint.hash();
  source.all = std::make_shared<InMemory>(spec, x, no_labels);
  return source;
}

}  // namespace ornstein::points
