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

class OnDevice final : public Dataset {
 public:
  OnDevice(std::shared_ptr<const Dataset> data, const at::Device& device)
      : data_(std::move(data)), device_(device) {}
  DataSpec spec() const override { return data_->spec(); }
  Batch rows(const at::Tensor& indices) const override { return data_->rows(indices).to(device_); }

 private:
  std::shared_ptr<const Dataset> data_;
  const at::Device device_;
};

}  // namespace

Batch rows_of(const Dataset& data, int64_t first, int64_t rows) {
  return data.rows(at::arange(first, first + rows, at::kLong));
}

std::shared_ptr<const Dataset> on_device(std::shared_ptr<const Dataset> data,
                                         const at::Device& device) {
  if (!data || device.is_cpu()) return data;
  return std::make_shared<OnDevice>(std::move(data), device);
}

std::shared_ptr<const Dataset> subset(std::shared_ptr<const Dataset> all, at::Tensor indices) {
  return std::make_shared<Subset>(std::move(all), std::move(indices));
}

std::string to_json(const DataSpec& spec) {
  return nlohmann::json{{"kind", spec.kind},
                        {"space", spec.space},
                        {"rows", spec.rows},
                        {"classes", spec.classes},
                        {"condition", spec.condition},
                        {"shape", spec.shape},
                        {"content_hash", spec.content_hash},
                        {"extent", spec.extent},
                        {"period", spec.period},
                        {"spacing", spec.spacing},
                        {"regular", spec.regular}}
      .dump();
}

DataSpec data_spec_from_json(const std::string& text) {
  const auto json = nlohmann::json::parse(text);
  DataSpec spec;
  json.at("kind").get_to(spec.kind);
  json.at("space").get_to(spec.space);
  json.at("rows").get_to(spec.rows);
  json.at("classes").get_to(spec.classes);
  json.at("condition").get_to(spec.condition);
  json.at("shape").get_to(spec.shape);
  json.at("content_hash").get_to(spec.content_hash);
  spec.extent = json.value("extent", spec.extent);  // checkpoints before there were functions
  spec.period = json.value("period", spec.period);
  spec.spacing = json.value("spacing", spec.spacing);
  spec.regular = json.value("regular", spec.regular);
  return spec;
}

}  // namespace ornstein
