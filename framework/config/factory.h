// name -> maker. An ordinary object, filled by plain calls; no self-registering globals.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "framework/base/errors.h"
#include "framework/config/did_you_mean.h"

namespace ornstein {

template <class Product, class... Args>
class Factory {
 public:
  using Maker = std::function<Product(Args...)>;
  struct Entry {
    std::string summary;  // one line, for `ornstein list`
    std::string paper;    // "Guth et al. 2022, arXiv:2208.05003", or where it comes from
    Maker make;
  };

  explicit Factory(std::string what) : what_(std::move(what)) {}  // "trainer": for messages

  void add(const std::string& name, std::string summary, std::string paper, Maker make) {
    entries_[name] = {std::move(summary), std::move(paper), std::move(make)};
  }

  // Throws ConfigError naming what exists when `name` does not.
  const Entry& find(const std::string& name) const {
    auto found = entries_.find(name);
    if (found != entries_.end()) return found->second;
    std::vector<std::string> names;
    for (const auto& [known, entry] : entries_) names.push_back(known);
    throw ConfigError("no " + what_ + " is called '" + name + "'" + did_you_mean(name, names));
  }

  Product make(const std::string& name, Args... args) const {
    return find(name).make(std::forward<Args>(args)...);
  }

  const std::map<std::string, Entry>& entries() const { return entries_; }

 private:
  std::string what_;
  std::map<std::string, Entry> entries_;
};

}  // namespace ornstein
