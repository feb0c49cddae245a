// `ornstein list`: what may stand as a name in a configuration.
#include "framework/base/errors.h"
#include "framework/nn/network.h"
#include "launch/commands.h"

namespace ornstein {
namespace {

template <class F>
void print_entries(const char* title, const F& factory) {
  fmt::print("{}\n", title);
  for (const auto& [name, entry] : factory.entries()) {
    fmt::print("  {:<14} {}{}\n", name, entry.summary,
               entry.paper.empty() ? "" : "  [" + entry.paper + "]");
  }
}

}  // namespace

int list(const std::string& what, const Catalogue& catalogue) {
  const std::vector<std::string> known = {"trainers", "datasets", "networks"};
  if (!what.empty() && std::find(known.begin(), known.end(), what) == known.end()) {
    throw ConfigError("list " + what + ": no such list" + did_you_mean(what, known));
  }
  if (what.empty() || what == "trainers")
    print_entries("trainers (trainer.name)", catalogue.trainers);
  if (what.empty() || what == "datasets") {
    print_entries("datasets (dataset.kind)", catalogue.datasets);
    for (const auto& [name, entry] : catalogue.datasets.entries()) {
      const DataKind kind = entry.make();
      if (!kind.twins.empty()) {
        fmt::print("  {:<14} twins with known law for dataset.path: synthetic:{}\n", name,
                   fmt::join(kind.twins, ", synthetic:"));
      }
    }
  }
  if (what.empty() || what == "networks")
    print_entries("networks (network.name)", make_network_factory());
  std::fflush(stdout);
  return kDone;
}

}  // namespace ornstein
