#include "datasets/images/image_dataset.h"

#include "framework/base/errors.h"
#include "framework/base/hash.h"
#include "framework/data/data_file.h"

namespace ornstein::images {
namespace {

constexpr int64_t kBlockBytes = int64_t{8} << 20;

// One file, whose rows are first..first+rows-1 of the whole.
struct Part {
  Hdf5File file;
  int64_t first = 0, rows = 0;
  at::ScalarType type;
  std::vector<int64_t> shape;  // of one row
  // [rows] int64, uint8 and float64, each undefined where the file has none.
  at::Tensor labels, split, log_density;

  int64_t row_bytes() const {
    return static_cast<int64_t>(c10::elementSize(type)) * c10::multiply_integers(shape);
  }
  std::string name() const { return file.path(); }
};

std::vector<int64_t> with_rows(std::vector<int64_t> shape, int64_t rows) {
  shape.insert(shape.begin(), rows);
  return shape;
}

// As the file may have stored them: unsigned integers of more than 8 bits are read as wider ones.
const char* stored_type(at::ScalarType type) {
  switch (type) {
    case at::kByte:
      return "uint8";
    case at::kChar:
      return "int8";
    case at::kShort:
      return "int16";
    case at::kInt:
      return "uint16 or int32";
    case at::kLong:
      return "uint32, uint64 or int64";
    case at::kFloat:
      return "float32";
    case at::kDouble:
      return "float64";
    default:
      return "boolean";
  }
}

Part open_part(const std::string& path, int64_t first) {
  Hdf5File file = open_data_file(path, "images");
  if (!file.has("/images"))
    throw DataError(fmt::format("{}: no data set 'images' (required) store [N, C, H, W]", path));
  std::vector<int64_t> shape = file.shape("/images");
  const at::ScalarType type = file.type("/images");
  if (shape.size() != 4 || c10::multiply_integers(shape) == 0)
    throw DataError(
        fmt::format("{}: images has shape [{}] (must be [N, C, H, W], none of them 0) "
                    "store channels before height and width",
                    path, fmt::join(shape, ", ")));
  if (type != at::kByte && type != at::kFloat)
    throw DataError(
        fmt::format("{}: images is {} (must be uint8, 0 to 255, or float32) store uint8, "
                    "or what needs more than 8 bits as float32 scaled to [-1, 1]",
                    path, stored_type(type)));
  const int64_t rows = shape[0];
  shape.erase(shape.begin());
  Part part{std::move(file), first, rows, type, std::move(shape)};
  part.labels = read_labels(part.file, rows);
  part.split = read_split(part.file, rows);
  part.log_density = read_log_density(part.file, rows);
  return part;
}

void check_alike(const Part& part, const Part& first) {
  auto fail = [&](const std::string& problem, const std::string& why) {
    throw DataError(fmt::format("{}: {} ({}: {}) files of one set must be alike", part.name(),
                                problem, first.name(), why));
  };
  auto describe = [](const Part& p) {
    return fmt::format("images is {} [N, {}]", stored_type(p.type), fmt::join(p.shape, ", "));
  };
  auto presence = [](const char* name, const at::Tensor& t) {
    return fmt::format("{} is {}", name, t.defined() ? "there" : "missing");
  };
  if (part.shape != first.shape || part.type != first.type) fail(describe(part), describe(first));
  if (part.labels.defined() != first.labels.defined())
    fail(presence("labels", part.labels), presence("labels", first.labels));
  if (part.split.defined() != first.split.defined())
    fail(presence("split", part.split), presence("split", first.split));
  if (part.log_density.defined() != first.log_density.defined())
    fail(presence("log_density", part.log_density), presence("log_density", first.log_density));
}

void check_finite(const Part& part, const at::Tensor& block, int64_t first) {
  if (part.type == at::kByte) return;
  const at::Tensor finite = at::isfinite(block).flatten(1).all(1);
  if (finite.all().item<bool>()) return;
  throw DataError(
      fmt::format("{}: images has a NaN or infinity in row {} (values must be finite) "
                  "correct or drop the row",
                  part.name(), first + at::nonzero(~finite)[0].item<int64_t>()));
}

// One number a row, of all its bytes, into `hashes` [b] int64.
void hash_rows(const at::Tensor& block, const at::Tensor& hashes) {
  auto* hash = hashes.mutable_data_ptr<int64_t>();
  const auto* bytes = static_cast<const char*>(block.const_data_ptr());
  const size_t row_bytes = block.nbytes() / static_cast<size_t>(block.size(0));
  for (int64_t row = 0; row < block.size(0); ++row, bytes += row_bytes)
    *hash++ = static_cast<int64_t>(hash_of(std::string_view(bytes, row_bytes)));
}

std::string content_hash(at::ScalarType type, const std::vector<int64_t>& shape,
                         const at::Tensor& row_hashes, const at::Tensor& labels,
                         const at::Tensor& split) {
  auto hash = [](const at::Tensor& t) { return t.defined() ? hash_of(t) : 0; };
  return fmt::format("{:016x}",
                     hash_of(fmt::format("images {} {} {:x} {:x} {:x}", c10::toString(type), shape,
                                         hash(row_hashes), hash(labels), hash(split))));
}

// Reads every row once: checks it, puts its hash into `hashes` [N] and, where `images` is defined,
// its values there.
void scan(const Part& part, const at::Tensor& hashes, const at::Tensor& images) {
  const int64_t block_rows = std::max<int64_t>(1, kBlockBytes / part.row_bytes());
  for (int64_t first = 0; first < part.rows; first += block_rows) {
    const at::Tensor block =
        part.file.read_rows("/images", first, std::min(block_rows, part.rows - first));
    check_finite(part, block, first);
    hash_rows(block, hashes.narrow(0, part.first + first, block.size(0)));
    if (images.defined()) images.narrow(0, part.first + first, block.size(0)).copy_(block);
  }
}

class ImageDataset final : public Dataset {
 public:
  // images: [N, C, H, W] in the stored type, or undefined: read from `parts` on demand.
  ImageDataset(DataSpec spec, at::Tensor images, std::vector<Part> parts, at::Tensor labels)
      : spec_(std::move(spec)),
        images_(std::move(images)),
        parts_(std::move(parts)),
        labels_(std::move(labels)) {}

  DataSpec spec() const override { return spec_; }

  Batch rows(const at::Tensor& indices) const override {
    Batch batch;
    batch.x = images_.defined() ? images_.index_select(0, indices) : read(indices);
    if (batch.x.scalar_type() == at::kByte) batch.x = batch.x.to(at::kFloat).div_(127.5).sub_(1);
    if (labels_.defined()) batch.labels = labels_.index_select(0, indices);
    return batch;
  }

 private:
  at::Tensor read(const at::Tensor& indices) const {
    const auto [rows, place] = at::_unique(indices, /*sorted=*/true, /*return_inverse=*/true);
    std::vector<at::Tensor> found;
    for (const Part& part : parts_) {
      const at::Tensor local = rows - part.first;
      const at::Tensor here = local.masked_select((local >= 0).logical_and(local < part.rows));
      if (here.numel() > 0) found.push_back(part.file.read_rows("/images", here));
    }
    if (found.empty()) return at::empty(with_rows(spec_.shape, 0));
    return at::cat(found).index_select(0, place);
  }

  DataSpec spec_;
  at::Tensor images_;
  std::vector<Part> parts_;  // empty when images_ is defined
  at::Tensor labels_;        // [N] int64, or undefined
};

}  // namespace

DataSource open_images(const std::vector<std::string>& files, int64_t memory) {
  TORCH_CHECK(!files.empty(), "open_images without files");
  std::vector<Part> parts;
  int64_t rows = 0;
  for (const std::string& path : files) {
    parts.push_back(open_part(path, rows));
    check_alike(parts.back(), parts.front());
    rows += parts.back().rows;
  }
  auto concatenated = [&](at::Tensor Part::*column) {
    std::vector<at::Tensor> all;
    for (const Part& part : parts) all.push_back(part.*column);
    return all[0].defined() ? at::cat(all) : at::Tensor();
  };
  const at::Tensor labels = concatenated(&Part::labels);

  DataSpec spec;
  spec.kind = "images";
  spec.rows = rows;
  spec.classes = labels.defined() ? labels.max().item<int64_t>() + 1 : 0;
  spec.shape = parts[0].shape;
  const at::ScalarType type = parts[0].type;

  DataSource source;
  source.split = concatenated(&Part::split);
  source.log_density = concatenated(&Part::log_density);
  at::Tensor images;
  const at::Tensor hashes = at::empty({rows}, at::kLong);
  if (rows * parts[0].row_bytes() <= memory) images = at::empty(with_rows(spec.shape, rows), type);
  for (const Part& part : parts) scan(part, hashes, images);
  if (images.defined()) parts.clear();
  source.content_hash = content_hash(type, spec.shape, hashes, labels, source.split);
  source.all = std::make_shared<ImageDataset>(spec, images, std::move(parts), labels);
  return source;
}

DataSource hold_images(const at::Tensor& images, const at::Tensor& split,
                       const at::Tensor& log_density) {
  DataSpec spec;
  spec.kind = "images";
  spec.rows = images.size(0);
  spec.shape = images.sizes().slice(1).vec();
  const at::Tensor hashes = at::empty({spec.rows}, at::kLong), no_labels;
  hash_rows(images, hashes);
  DataSource source;
  source.split = split;
  source.log_density = log_density;
  source.content_hash = content_hash(images.scalar_type(), spec.shape, hashes, no_labels, split);
  source.all = std::make_shared<ImageDataset>(spec, images, std::vector<Part>(), no_labels);
  return source;
}

}  // namespace ornstein::images
