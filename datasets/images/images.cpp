// The kind `images`: what the program is given of it.
#include "datasets/images/image_dataset.h"
#include "datasets/images/image_import.h"
#include "datasets/images/image_samples.h"
#include "datasets/images/twins.h"
#include "framework/base/errors.h"
#include "framework/data/dataset_factory.h"

namespace ornstein::images {
namespace {
constexpr std::string_view kSynthetic = "synthetic:";
}  // namespace

void register_with(DatasetFactory& factory) {
  factory.add("images", "pictures of one size, grey or in colour, with or without classes", "", [] {
    DataKind kind;
    kind.open = [](const std::vector<std::string>& files, const ConfigReader& dataset) {
      for (const std::string& file : files) {
        if (!file.starts_with(kSynthetic)) continue;
        if (files.size() > 1)
          throw DataError(fmt::format("{}: a twin stands alone (not beside other files)", file));
        return open_twin(file.substr(kSynthetic.size()), dataset);
      }
      return open_images(files);
    };
    kind.twins = twin_names();
    kind.sources =
        "a folder of PNG or JPEG files (sub-folders are classes), IDX files (MNIST), a font of "
        "colour bitmaps (emoji), or one synthetic:NAME";
    kind.import = import_images;
    kind.write = write_images;
    kind.draw = draw_images;
    return kind;
  });
}

}  // namespace ornstein::images
