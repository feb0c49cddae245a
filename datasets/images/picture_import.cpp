#include <algorithm>
#include <filesystem>

#include "datasets/images/image_import.h"
#include "datasets/images/image_rows.h"
#include "datasets/images/picture_file.h"
#include "framework/base/errors.h"
#include "framework/data/data_file.h"

namespace ornstein::images {
namespace {

namespace fs = std::filesystem;

struct Picture {
  std::string path, folder;  // folder: the class, or empty
};

// What is in a folder and not hidden, sorted by name.
std::vector<fs::path> entries(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder))
    if (!entry.path().filename().string().starts_with('.')) found.push_back(entry.path());
  if (found.empty())
    throw DataError(fmt::format("{} holds no pictures (it is empty) remove it", folder.string()));
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<Picture> find_pictures(const std::vector<std::string>& sources) {
  std::vector<Picture> found;
  for (const fs::path source : sources) {
    if (!fs::is_directory(source)) {
      found.push_back({source, ""});
      continue;
    }
    for (const fs::path& entry : entries(source)) {
      if (!fs::is_directory(entry)) {
        found.push_back({entry, ""});
        continue;
      }
      for (const fs::path& inner : entries(entry)) {
        if (fs::is_directory(inner))
          throw DataError(
              fmt::format("{} is a folder within a class (folders are read one level "
                          "deep) name the folder above it as source",
                          inner.string()));
        found.push_back({inner, entry.filename()});
      }
    }
  }
  auto loose = [](const Picture& p) { return p.folder.empty(); };
  const auto without = std::find_if(found.begin(), found.end(), loose);
  const auto with = std::find_if_not(found.begin(), found.end(), loose);
  if (without != found.end() && with != found.end())
    throw DataError(
        fmt::format("{} is in no class ({} is in one) put all pictures into "
                    "sub-folders, or none",
                    without->path, with->path));
  return found;
}

// The shape of all pictures, from their headers.
PictureShape common_shape(const std::vector<Picture>& pictures, const ImportOptions& options) {
  PictureShape common = picture_shape(pictures[0].path);
  for (const Picture& picture : pictures) {
    const PictureShape own = picture_shape(picture.path);
    if (options.size == 0 && (own.height != common.height || own.width != common.width))
      throw DataError(
          fmt::format("{} is {} x {} pixels ({}: {} x {}; all must have one size) crop "
                      "and resize them: --size {}",
                      picture.path, own.width, own.height, pictures[0].path, common.width,
                      common.height, std::min(common.height, common.width)));
    common.channels = std::max(common.channels, own.channels);
  }
  if (options.grey) common.channels = 1;
  if (options.size > 0) common.height = common.width = options.size;
  return common;
}

std::vector<std::string> folders_of(const std::vector<Picture>& pictures) {
  std::vector<std::string> folders;
  for (const Picture& picture : pictures) folders.push_back(picture.folder);
  return folders;
}

}  // namespace

void import_pictures(const std::vector<std::string>& sources, const std::string& output,
                     const ImportOptions& options) {
  const std::vector<Picture> pictures = find_pictures(sources);
  const PictureShape shape = common_shape(pictures, options);

  write_data_file(output, "images", [&](Hdf5File& file) {
    ImageRows written(file, std::ssize(pictures), {shape.channels, shape.height, shape.width});
    const int64_t at_a_time = rows_at_a_time(shape.channels * shape.height * shape.width);
    std::vector<at::Tensor> pending;
    for (const Picture& picture : pictures) {
      const at::Tensor image =
          with_channels(read_picture(picture.path).unsqueeze(0), shape.channels);
      pending.push_back(options.size > 0 ? centre_square(image, options.size) : image);
      if (std::ssize(pending) < at_a_time && &picture != &pictures.back()) continue;
      written.append(at::cat(pending));
      pending.clear();
    }
    if (!pictures[0].folder.empty()) write_classes(folders_of(pictures), file);
    file.write_attribute("/", "source", file_names(sources));
  });
}

}  // namespace ornstein::images
