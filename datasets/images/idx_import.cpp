#include <filesystem>
#include <map>
#include <regex>

#include "datasets/images/idx_file.h"
#include "datasets/images/image_import.h"
#include "datasets/images/image_rows.h"
#include "datasets/images/picture_file.h"
#include "framework/base/errors.h"
#include "framework/data/data_file.h"

namespace ornstein::images {
namespace {

constexpr uint8_t kTrain = 0, kTest = 2;

struct Group {  // files that belong together
  std::unique_ptr<IdxFile> images, labels;
};

// By split, then name: the order of rows.
using Groups = std::map<std::pair<uint8_t, std::string>, Group>;

Groups group(const std::vector<std::string>& files) {
  static const std::regex test(R"((^|[^a-z])(t10k|test))"), what("(images|labels).*");
  Groups groups;
  for (const std::string& path : files) {
    const std::string name = std::filesystem::path(path).filename();
    auto file = std::make_unique<IdxFile>(path);
    const size_t dimensions = file->shape().size();
    if (dimensions != 1 && dimensions != 3)
      throw DataError(fmt::format("{} has {} dimensions (images have 3, labels 1) leave it out",
                                  path, dimensions));
    Group& own = groups[{std::regex_search(name, test) ? kTest : kTrain,
                         std::regex_replace(name, what, "")}];
    auto& place = dimensions == 3 ? own.images : own.labels;
    if (place)
      throw DataError(
          fmt::format("{} and {} claim the same place (their names differ after "
                      "'images' or 'labels' only) leave one out",
                      place->path(), path));
    place = std::move(file);
  }
  return groups;
}

// All sets have images of one size; all of them have labels, as many as images, or none.
void check(const Groups& groups, bool any_size) {
  const Group& first = groups.begin()->second;
  for (const auto& [key, own] : groups) {
    if (!own.images)
      throw DataError(
          fmt::format("{} has no images beside it (searched for: {}images...) give "
                      "both files",
                      own.labels->path(), key.second));
    const auto& shape = own.images->shape();
    const auto& wanted = first.images->shape();
    if (!any_size && (shape[1] != wanted[1] || shape[2] != wanted[2]))
      throw DataError(
          fmt::format("{} has images of {} x {} pixels ({}: {} x {}) make them alike: "
                      "--size {}",
                      own.images->path(), shape[1], shape[2], first.images->path(), wanted[1],
                      wanted[2], std::min(wanted[1], wanted[2])));
    if (!own.labels != !first.labels)
      throw DataError(fmt::format("{} has {} ({} has {}) give labels for all or none",
                                  own.images->path(), own.labels ? "labels" : "no labels",
                                  first.images->path(), first.labels ? "labels" : "none"));
    if (own.labels && own.labels->shape()[0] != shape[0])
      throw DataError(fmt::format("{} has {} labels ({} has {} images) fetch both again",
                                  own.labels->path(), own.labels->shape()[0], own.images->path(),
                                  shape[0]));
  }
}

}  // namespace

void import_idx(const std::vector<std::string>& files, const std::string& output,
                const ImportOptions& options) {
  const Groups groups = group(files);
  check(groups, options.size > 0);
  int64_t rows = 0;
  for (const auto& [key, own] : groups) rows += own.images->shape()[0];
  const auto& shape = groups.begin()->second.images->shape();
  const int64_t height = options.size > 0 ? options.size : shape[1];
  const int64_t width = options.size > 0 ? options.size : shape[2];

  write_data_file(output, "images", [&](Hdf5File& file) {
    ImageRows written(file, rows, {1, height, width});
    std::vector<at::Tensor> labels, split;
    for (const auto& [key, own] : groups) {
      const auto& stored = own.images->shape();
      const int64_t count = stored[0], at_a_time = rows_at_a_time(stored[1] * stored[2]);
      for (int64_t first = 0; first < count; first += at_a_time) {
        const at::Tensor images = own.images->read(std::min(at_a_time, count - first)).unsqueeze(1);
        written.append(options.size > 0 ? centre_square(images, options.size) : images);
      }
      if (own.labels) labels.push_back(own.labels->read(count));
      split.push_back(at::full({count}, key.first, at::kByte));
    }
    if (!labels.empty()) file.write("/labels", at::cat(labels));
    const bool any_test = groups.rbegin()->first.first != kTrain;
    if (any_test) file.write("/split", at::cat(split));
    file.write_attribute("/", "source", file_names(files));
  });
}

}  // namespace ornstein::images
