// The kind `images`: what the program is given of it.
#include "datasets/images/image_dataset.h"
#include "datasets/images/image_import.h"
#include "datasets/images/image_samples.h"
#include "framework/data/dataset_factory.h"

namespace ornstein::images {

void register_with(DatasetFactory& factory) {
  factory.add("images", "pictures of one size, grey or in colour, with or without classes", "", [] {
    DataKind kind;
    kind.open = [](const std::vector<std::string>& files, const ConfigReader& dataset) {
      if (files.at(0).starts_with("synthetic:"))
        dataset.fail("path", "images have no synthetic twin; name a file");
      return open_images(files);
    };
    kind.sources = "a folder of PNG or JPEG files (sub-folders are classes), or IDX files (MNIST)";
    kind.import = import_images;
    kind.write = write_images;
    kind.draw = draw_images;
    return kind;
  });
}

}  // namespace ornstein::images
