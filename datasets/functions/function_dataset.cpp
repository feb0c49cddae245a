#include "datasets/functions/function_dataset.h"

#include "datasets/functions/function_file.h"
#include "framework/base/errors.h"
#include "framework/base/hash.h"
#include "framework/math/grid.h"

namespace ornstein::functions {
namespace {

// Rows first..first+rows-1 of the whole, on one grid.
struct Part {
  int64_t first = 0, rows = 0;
  at::Tensor coordinates;  // [n, 1] or [n, m, 2] float32
  // [b] int64, strictly rising, 0 = row `first` -> [b, C, n(, m)] float32.
  std::function<at::Tensor(const at::Tensor& rows)> read;
};

// The last `lengths.size()` axes of `tensor`, apart from `after` more, filled up to `lengths` with
// zeros.
at::Tensor padded(const at::Tensor& tensor, at::IntArrayRef lengths, int64_t after = 0) {
  std::vector<int64_t> pad(2 * after, 0);
  for (int64_t i = std::ssize(lengths); i-- > 0;) {
    const int64_t axis = tensor.dim() - after - std::ssize(lengths) + i;
    pad.insert(pad.end(), {0, lengths[i] - tensor.size(axis)});
  }
  return at::constant_pad_nd(tensor, pad);
}

class Functions final : public Dataset {
 public:
  Functions(DataSpec spec, std::vector<Part> parts, at::Tensor condition)
      : spec_(std::move(spec)), parts_(std::move(parts)), condition_(std::move(condition)) {
    for (const Part& part : parts_)
      one_grid_ = one_grid_ && at::equal(part.coordinates, parts_[0].coordinates);
  }

  DataSpec spec() const override { return spec_; }

  Batch rows(const at::Tensor& indices) const override {
    const auto [sorted, place, counts] = at::_unique2(indices, /*sorted=*/true, true);
    std::vector<Batch> found;
    for (const Part& part : parts_) {
      const at::Tensor local = sorted - part.first;
      const at::Tensor here = local.masked_select((local >= 0).logical_and(local < part.rows));
      if (here.numel() > 0 || found.empty()) found.push_back(read(part, here));
    }
    auto column = [&, &order = place](at::Tensor Batch::*member) {
      std::vector<at::Tensor> columns;
      for (const Batch& batch : found) columns.push_back(batch.*member);
      return (columns.size() == 1 ? columns[0] : at::cat(columns)).index_select(0, order);
    };
    Batch batch;
    batch.x = column(&Batch::x);
    batch.coordinates = one_grid_ ? parts_[0].coordinates : column(&Batch::coordinates);
    if (!one_grid_) batch.mask = column(&Batch::mask);
    if (condition_.defined()) batch.condition = condition_.index_select(0, indices);
    return batch;
  }

 private:
  Batch read(const Part& part, const at::Tensor& rows) const {
    Batch batch;
    batch.x = rows.numel() > 0 ? part.read(rows) : at::empty(no_rows(part));
    if (one_grid_) return batch;
    const at::IntArrayRef lengths = at::IntArrayRef(spec_.shape).slice(1);
    auto a_row = [&](const at::Tensor& tensor) {
      std::vector<int64_t> shape = tensor.sizes().vec();
      shape.insert(shape.begin(), rows.numel());
      return tensor.unsqueeze(0).expand(shape);
    };
    const at::Tensor points = at::ones_like(part.coordinates.select(-1, 0), at::kBool);
    batch.x = padded(batch.x, lengths);
    batch.coordinates = a_row(padded(part.coordinates, lengths, 1));
    batch.mask = a_row(padded(points, lengths));
    return batch;
  }

  std::vector<int64_t> no_rows(const Part& part) const {
    std::vector<int64_t> shape = part.coordinates.sizes().vec();
    shape.pop_back();
    shape.insert(shape.begin(), {0, spec_.shape[0]});
    return shape;
  }

  DataSpec spec_;
  std::vector<Part> parts_;
  at::Tensor condition_;  // [N, K] float32, or undefined
  bool one_grid_ = true;
};

// Becomes the content hash.
class Fingerprint {
 public:
  void add(const at::Tensor& part) {
    text_ += fmt::format(" {:016x}", part.defined() ? hash_of(part) : 0);
  }
  std::string hash(const DataSpec& spec) const {
    return fmt::format("{:016x}", hash_of(fmt::format("functions {} {} {} {}", spec.rows,
                                                      spec.shape, spec.period, text_)));
  }

 private:
  std::string text_;
};

// What a spec says of grids, grown by this one; spec.period is known.
void add_grid(DataSpec& spec, const std::vector<int64_t>& shape, const StoredGrid& grid) {
  const bool first = spec.shape.empty();
  if (first) spec.shape = shape;
  for (size_t axis = 0; axis + 1 < shape.size(); ++axis) {
    const at::Tensor points = grid.axis(static_cast<int64_t>(axis));
    const double low = points[0].item<float>(), high = points[-1].item<float>();
    const double spacing = (high - low) / static_cast<double>(points.numel() - 1);
    if (first) {
      spec.extent.insert(spec.extent.end(), {low, high});
      spec.spacing.push_back(spacing);
    }
    spec.shape[axis + 1] = std::max(spec.shape[axis + 1], shape[axis + 1]);
    spec.extent[2 * axis] = std::min(spec.extent[2 * axis], low);
    spec.extent[2 * axis + 1] = std::max(spec.extent[2 * axis + 1], high);
    spec.spacing[axis] = std::max(spec.spacing[axis], spacing);
    const double period = spec.period.empty() ? 0 : spec.period[axis];
    spec.regular = spec.regular && Axis{points.to(at::kDouble), period}.regular();
  }
}

void check_alike(const FunctionFile& file, const FunctionFile& first) {
  auto refuse = [&](const std::string& problem, const std::string& unlike) {
    throw DataError(fmt::format("{}: {} ({}: {}) files of one set must be alike but in their grids",
                                file.path(), problem, first.path(), unlike));
  };
  auto dimensions = [](const FunctionFile& f) {
    return fmt::format("functions of {} dimensions", f.shape.size() - 1);
  };
  auto channels = [](const FunctionFile& f) { return fmt::format("{} channels", f.shape[0]); };
  auto period = [](const FunctionFile& f) { return fmt::format("period {}", f.period); };
  auto width = [](const FunctionFile& f) {
    return f.condition.defined() ? f.condition.size(1) : int64_t{0};
  };
  auto condition = [&](const FunctionFile& f) {
    return fmt::format("{} numbers of condition", width(f));
  };
  if (file.shape.size() != first.shape.size()) refuse(dimensions(file), dimensions(first));
  if (file.shape[0] != first.shape[0]) refuse(channels(file), channels(first));
  if (file.period != first.period) refuse(period(file), period(first));
  if (width(file) != width(first)) refuse(condition(file), condition(first));
  for (const auto& [name, own, other] :
       {std::tuple{"split", file.split, first.split},
        std::tuple{"log_density", file.log_density, first.log_density}})
    if (own.defined() != other.defined())
      refuse(fmt::format("{} '{}'", own.defined() ? "has" : "has no", name),
             other.defined() ? "has it" : "has none");
}

at::Tensor concatenated(const std::vector<std::shared_ptr<const FunctionFile>>& files,
                        at::Tensor FunctionFile::*column) {
  std::vector<at::Tensor> parts;
  for (const auto& file : files) parts.push_back((*file).*column);
  return parts[0].defined() ? at::cat(parts) : at::Tensor();
}

// Reads and checks all rows of a file in blocks. The values [rows, C, n(, m)], where `held`.
at::Tensor scan(const FunctionFile& file, bool held, Fingerprint& fingerprint) {
  std::vector<int64_t> shape = file.shape;
  shape.insert(shape.begin(), file.rows);
  at::Tensor values;
  if (held) values = at::empty(shape, at::kFloat);
  const int64_t block = block_rows(file.shape);
  for (int64_t first = 0; first < file.rows; first += block) {
    const at::Tensor x = file.read(first, std::min(block, file.rows - first));
    require_finite(file.path(), "values", x, first);
    fingerprint.add(x);
    if (held) values.narrow(0, first, x.size(0)).copy_(x);
  }
  return values;
}

std::function<at::Tensor(const at::Tensor&)> from_memory(at::Tensor values) {
  return
      [values = std::move(values)](const at::Tensor& rows) { return values.index_select(0, rows); };
}

}  // namespace

DataSource open_files(const std::vector<std::string>& files, int64_t held_in_memory) {
  TORCH_CHECK(!files.empty(), "no file of functions to open");
  std::vector<std::shared_ptr<const FunctionFile>> opened;
  DataSpec spec{.kind = "functions"};
  int64_t bytes = 0;
  for (const std::string& path : files) {
    opened.push_back(std::make_shared<const FunctionFile>(open_function_file(path)));
    const FunctionFile& file = *opened.back();
    check_alike(file, *opened.front());
    spec.period = file.period;
    add_grid(spec, file.shape, file.grid);
    spec.rows += file.rows;
    bytes += 4 * file.rows * c10::multiply_integers(file.shape);
  }
  DataSource source;
  source.split = concatenated(opened, &FunctionFile::split);
  source.log_density = concatenated(opened, &FunctionFile::log_density);
  const at::Tensor condition = concatenated(opened, &FunctionFile::condition);
  if (condition.defined()) spec.condition = condition.size(1);

  Fingerprint fingerprint;
  std::vector<Part> parts;
  int64_t first = 0;
  for (const auto& file : opened) {
    fingerprint.add(file->grid.coordinates);
    Part part{.first = first, .rows = file->rows, .coordinates = file->grid.coordinates};
    const at::Tensor values = scan(*file, bytes <= held_in_memory, fingerprint);
    if (values.defined())
      part.read = from_memory(values);
    else
      part.read = [file](const at::Tensor& rows) { return file->read(rows); };
    parts.push_back(std::move(part));
    first += file->rows;
  }
  fingerprint.add(condition);
  fingerprint.add(source.split);
  source.content_hash = fingerprint.hash(spec);
  source.all = std::make_shared<Functions>(spec, std::move(parts), condition);
  return source;
}

DataSource hold(const HeldFunctions& functions) {
  const at::Tensor& values = functions.values;
  const std::vector<int64_t> shape = values.sizes().slice(1).vec();
  DataSpec spec{.kind = "functions", .rows = values.size(0), .period = functions.period};
  add_grid(spec, shape, {.coordinates = functions.coordinates});
  Fingerprint fingerprint;
  fingerprint.add(functions.coordinates);
  for (const at::Tensor& block : values.split(block_rows(shape))) fingerprint.add(block);
  fingerprint.add({});
  fingerprint.add(functions.split);
  Part part{.rows = spec.rows, .coordinates = functions.coordinates, .read = from_memory(values)};
  DataSource source;
  source.split = functions.split;
  source.log_density = functions.log_density;
  source.content_hash = fingerprint.hash(spec);
  source.all = std::make_shared<Functions>(spec, std::vector<Part>{std::move(part)}, at::Tensor());
  return source;
}

}  // namespace ornstein::functions
