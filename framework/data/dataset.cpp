#include "framework/data/dataset.h"

#include <nlohmann/json.hpp>

namespace ornstein {
namespace {

class Subset final : public Dataset {
 public:
  Subset(std::shared_ptr<const Dataset> all, at::Tensor indices)
      : all_(std::move(all)), indices_(std::move(indices)) {}
  DataSpec spec() const override {
    DataSpec spec = all_->spec();
    spec.rows = indices_.numel();
    return spec;
  }
  Batch rows(const at::Tensor& indices) const override {
    return all_->rows(indices_.index_select(0, indices));
  }

 private:
  std::shared_ptr<const Dataset> all_;
  at::Tensor indices_;  // [rows] int64, into all_
};

}  // namespace

std::shared_ptr<const Dataset> subset(std::shared_ptr<const Dataset> all, at::Tensor indices) {
  return std::make_shared<Subset>(std::move(all), std::move(indices));
}

std::string to_json(const DataSpec& spec) {
  return nlohmann::json{{"kind", spec.kind},           {"space", spec.space},
                        {"rows", spec.rows},           {"classes", spec.classes},
                        {"condition", spec.condition}, {"shape", spec.shape}}
      .dump();
}

DataSpec data_spec_from_json(const std::string& text) {
  const auto json = nlohmann::json::parse(text);
  return {json.at("kind"),    json.at("space"),     json.at("rows"),
          json.at("classes"), json.at("condition"), json.at("shape").get<std::vector<int64_t>>()};
}

}  // namespace ornstein
