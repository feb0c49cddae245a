#include "framework/spaces/space.h"

#include <charconv>

#include "framework/base/errors.h"

namespace ornstein {
namespace {

static_assert(RiemannianSpace<Euclidean> && RiemannianSpace<Sphere> && RiemannianSpace<Torus>);
static_assert(RiemannianSpace<Rotations> && RiemannianSpace<Hyperbolic>);
static_assert(RiemannianSpace<Space>);

constexpr std::string_view kProduct = "product:";

// Calls f(space, part) for each factor; part(t) is what of t's rows [b, D] belongs to it.
template <class F>
void each(const Space& space, const F& f) {
  int64_t first = 0;
  for (const Factor& factor : space.factors())
    std::visit(
        [&](const auto& own) {
          const int64_t size = own.ambient();
          f(own, [&](const at::Tensor& t) { return t.narrow(1, first, size); });
          first += size;
        },
        factor);
}

// The factors' results side by side.
template <class F>
at::Tensor joined(const Space& space, const F& f) {
  std::vector<at::Tensor> parts;
  each(space, [&](const auto& own, const auto& part) { parts.push_back(f(own, part)); });
  return parts.size() == 1 ? parts[0] : at::cat(parts, 1);
}

template <class F>
auto summed(const Space& space, const F& f) {
  std::optional<decltype(f(Euclidean(), [](const at::Tensor& t) { return t; }))> sum;
  each(space, [&](const auto& own, const auto& part) {
    auto value = f(own, part);
    sum = sum ? *sum + value : value;
  });
  return *sum;
}

int64_t number_at_end(std::string_view text, std::string_view name) {  // 0: it is not NAMEnumber
  if (!text.starts_with(name)) return 0;
  int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data() + name.size(), end, number);
  return failure == std::errc() && stop == end ? number : 0;
}

// soN, or soN followed by N^2 -> N; else 0.
int64_t rotation_size(std::string_view text) {
  for (int64_t n = 2; n <= 9; ++n)
    if (text == fmt::format("so{}", n) || text == fmt::format("so{}{}", n, n * n)) return n;
  return 0;
}

Factor make_factor(std::string_view name, int64_t ambient, double reference_std) {
  auto check = [&](bool fits, const char* rows) {
    if (!fits || ambient < 1)
      throw DataError(
          fmt::format("space '{}' cannot have rows of {} numbers (it takes {}) correct "
                      "the attribute `space`, or the rows",
                      name, ambient, rows));
  };
  if (name.empty() || name == "euclidean") {
    check(true, "one or more");
    return Euclidean{ambient, reference_std};
  }
  if (name == "torus") {
    check(true, "one or more");
    return Torus{ambient};
  }
  if (name == "sphere") {
    check(ambient >= 2, "two or more");
    return Sphere{ambient - 1};
  }
  if (name == "hyperbolic") {
    check(ambient >= 2, "two or more");
    return Hyperbolic{ambient - 1, reference_std};
  }
  if (const int64_t n = rotation_size(name)) {
    check(ambient == n * n, fmt::format("{}", n * n).c_str());
    return Rotations{n};
  }
  const char* why = name == "binary" || name == "simplex" ? "has no geometry" : "is not known";
  throw DataError(
      fmt::format("space '{}' {} (this method needs distances and directions) take one "
                  "of {}, or product:sphere3,torus2 and the like",
                  name, why, fmt::join(geometric_space_names(), ", ")));
}

// sphere3 -> the sphere of three ambient numbers.
Factor named_factor(std::string_view text, double reference_std) {
  if (const int64_t n = rotation_size(text)) return Rotations{n};
  for (const std::string& name : geometric_space_names())
    if (const int64_t ambient = number_at_end(text, name))
      return make_factor(name, ambient, reference_std);
  throw DataError(
      fmt::format("'{}' is no factor of a product (a name and the count of numbers: "
                  "sphere3, torus2, so39) correct the attribute `space`",
                  text));
}

}  // namespace

Space::Space(std::vector<Factor> factors) : factors_(std::move(factors)) {
  TORCH_CHECK(!factors_.empty(), "a space has one factor at least");
  each(*this, [&](const auto& own, const auto&) { ambient_ += own.ambient(); });
}

std::string Space::name() const {
  std::string text;
  each(*this, [&](const auto& own, const auto&) {
    if (factors_.size() == 1) {
      text = own.name();
      return;
    }
    text += fmt::format("{}{}{}", text.empty() ? kProduct : ",", own.name(), own.ambient());
  });
  return text;
}

int64_t Space::dimension() const {
  return summed(*this, [](const auto& own, const auto&) { return own.dimension(); });
}

bool Space::compact() const {
  bool all = true;
  each(*this, [&](const auto& own, const auto&) { all = all && own.compact(); });
  return all;
}

double Space::log_volume() const {
  return summed(*this, [](const auto& own, const auto&) { return own.log_volume(); });
}

at::Tensor Space::defect(const at::Tensor& x) const {
  at::Tensor largest = at::zeros({x.size(0)}, x.options());
  each(*this, [&](const auto& own, const auto& part) {
    largest = at::maximum(largest, own.defect(part(x)));
  });
  return at::where(x.isfinite().all(1), largest, std::nan(""));
}

at::Tensor Space::project(const at::Tensor& x) const {
  return joined(*this, [&](const auto& own, const auto& part) { return own.project(part(x)); });
}

at::Tensor Space::tangent(const at::Tensor& x, const at::Tensor& v) const {
  return joined(*this,
                [&](const auto& own, const auto& part) { return own.tangent(part(x), part(v)); });
}

at::Tensor Space::lowered(const at::Tensor& v) const {
  return joined(*this, [&](const auto& own, const auto& part) { return own.lowered(part(v)); });
}

at::Tensor Space::frame(const at::Tensor& x) const {
  const at::Tensor all = at::zeros({x.size(0), dimension(), ambient_}, x.options());
  int64_t row = 0, column = 0;
  each(*this, [&](const auto& own, const auto& part) {
    const int64_t d = own.dimension(), size = own.ambient();
    all.narrow(1, row, d).narrow(2, column, size).copy_(own.frame(part(x)));
    row += d;
    column += size;
  });
  return all;
}

int64_t Space::noise_size() const {
  return summed(*this, [](const auto& own, const auto&) { return own.noise_size(); });
}

at::Tensor Space::tangent_from(const at::Tensor& x, const at::Tensor& noise) const {
  int64_t first = 0;
  return joined(*this, [&](const auto& own, const auto& part) {
    const int64_t size = own.noise_size();
    first += size;
    return own.tangent_from(part(x), noise.narrow(1, first - size, size));
  });
}

at::Tensor Space::exp(const at::Tensor& x, const at::Tensor& v) const {
  return joined(*this,
                [&](const auto& own, const auto& part) { return own.exp(part(x), part(v)); });
}

at::Tensor Space::log(const at::Tensor& x, const at::Tensor& y) const {
  return joined(*this,
                [&](const auto& own, const auto& part) { return own.log(part(x), part(y)); });
}

at::Tensor Space::distance(const at::Tensor& x, const at::Tensor& y) const {
  if (factors_.size() == 1)
    return summed(*this, [&](const auto& own, const auto&) { return own.distance(x, y); });
  const at::Tensor squared = summed(*this, [&](const auto& own, const auto& part) {
    return own.distance(part(x), part(y)).square();
  });
  return at::where(squared > 0, at::where(squared > 0, squared, 1).sqrt(), 0);
}

at::Tensor Space::transport(const at::Tensor& x, const at::Tensor& y, const at::Tensor& v) const {
  return joined(*this, [&](const auto& own, const auto& part) {
    return own.transport(part(x), part(y), part(v));
  });
}

at::Tensor Space::reference_sample(int64_t rows, at::Generator& generator,
                                   const at::TensorOptions& options) const {
  return joined(*this, [&](const auto& own, const auto&) {
    return own.reference_sample(rows, generator, options);
  });
}

at::Tensor Space::reference_log_density(const at::Tensor& x) const {
  return summed(
      *this, [&](const auto& own, const auto& part) { return own.reference_log_density(part(x)); });
}

at::Tensor Space::reference_score(const at::Tensor& x) const {
  return joined(*this,
                [&](const auto& own, const auto& part) { return own.reference_score(part(x)); });
}

bool Space::draws_exactly() const {
  bool all = true;
  each(*this, [&](const auto& own, const auto&) { all = all && own.draws_exactly(); });
  return all;
}

at::Tensor Space::brownian(const at::Tensor& x, const at::Tensor& tau, at::Generator& generator,
                           int64_t steps) const {
  return joined(*this, [&](const auto& own, const auto& part) {
    return own.brownian(part(x), tau, generator, steps);
  });
}

HeatKernel Space::heat_kernel(const at::Tensor& x, const at::Tensor& y,
                              const at::Tensor& tau) const {
  HeatKernel all;
  std::vector<at::Tensor> scores;
  each(*this, [&](const auto& own, const auto& part) {
    const HeatKernel one = own.heat_kernel(part(x), part(y), tau);
    all.log_density =
        all.log_density.defined() ? all.log_density + one.log_density : one.log_density;
    scores.push_back(one.score);
  });
  all.score = scores.size() == 1 ? scores[0] : at::cat(scores, 1);
  return all;
}

Space make_space(const std::string& name, int64_t ambient, double reference_std) {
  if (!name.starts_with(kProduct)) return Space({make_factor(name, ambient, reference_std)});
  std::vector<Factor> factors;
  std::istringstream list(name.substr(kProduct.size()));
  for (std::string text; std::getline(list, text, ',');)
    factors.push_back(named_factor(text, reference_std));
  if (factors.empty())
    throw DataError(
        fmt::format("space '{}' has no factor (a product is product:sphere3,torus2 and "
                    "the like) correct the attribute `space`",
                    name));
  Space space(std::move(factors));
  if (space.ambient() != ambient)
    throw DataError(
        fmt::format("space '{}' takes rows of {} numbers (they have {}) correct the "
                    "attribute `space`, or the rows",
                    name, space.ambient(), ambient));
  return space;
}

const std::vector<std::string>& geometric_space_names() {
  static const std::vector<std::string> names{"euclidean", "sphere", "torus", "so3", "hyperbolic"};
  return names;
}

}  // namespace ornstein
