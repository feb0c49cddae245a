#include "datasets/images/image_import.h"

#include <filesystem>

#include "datasets/images/font_file.h"
#include "datasets/images/idx_file.h"
#include "framework/base/errors.h"

namespace ornstein::images {
namespace {

namespace fs = std::filesystem;

// The source itself, or what lies in the folder, as far as it is IDX.
std::vector<std::string> idx_files_in(const std::string& source) {
  std::vector<std::string> found;
  if (!fs::is_directory(source)) {
    if (is_idx_file(source)) found.push_back(source);
    return found;
  }
  for (const auto& entry : fs::directory_iterator(source))
    if (entry.is_regular_file() && is_idx_file(entry.path())) found.push_back(entry.path());
  std::sort(found.begin(), found.end());  // the system lists them in any order
  return found;
}

}  // namespace

void import_images(const std::vector<std::string>& sources, const std::string& output,
                   const ImportOptions& options) {
  if (sources.empty())
    throw DataError("no source to make images from (nothing was named) name a folder or files");
  if (!options.settings.empty())
    throw ConfigError(
        fmt::format("--set {} (images have keys as a twin only, synthetic:NAME) leave "
                    "it out",
                    options.settings[0]));
  std::vector<std::string> idx, others;
  for (const std::string& source : sources) {
    if (!fs::exists(source))
      throw DataError(
          fmt::format("{} is not there (no such file or folder) check the path", source));
    if (is_font_file(source)) {
      if (sources.size() > 1)
        throw DataError(
            fmt::format("{} is a font (one font makes one data file) import it alone", source));
      return import_font(source, output, options);
    }
    const std::vector<std::string> found = idx_files_in(source);
    idx.insert(idx.end(), found.begin(), found.end());
    if (found.empty()) others.push_back(source);
  }
  if (!idx.empty() && !others.empty())
    throw DataError(fmt::format("{} holds no IDX files ({} is one) import the two kinds apart",
                                others[0], idx[0]));
  if (others.empty())
    import_idx(idx, output, options);
  else
    import_pictures(others, output, options);
}

std::string file_names(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (const std::string& path : paths) names.push_back(fs::canonical(path).filename());
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace ornstein::images
