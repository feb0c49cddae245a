#include "framework/evaluation/duplicates.h"

#include <string_view>
#include <unordered_set>

namespace ornstein {
namespace {

at::Tensor comparable(const at::Tensor& rows) {
  return rows.detach().cpu().contiguous() + 0.0;  // -0 becomes 0: rows are compared by their bytes
}

std::string_view bytes_of(const at::Tensor& rows, int64_t i) {
  const int64_t size = rows.size(1) * rows.element_size();
  return {static_cast<const char*>(rows.const_data_ptr()) + i * size, static_cast<size_t>(size)};
}

}  // namespace

at::Tensor occur_in(const at::Tensor& rows, const at::Tensor& among) {
  TORCH_CHECK(rows.dim() == 2 && among.dim() == 2 && rows.size(1) == among.size(1) &&
                  rows.scalar_type() == among.scalar_type(),
              "rows of one size and type are compared, not ", rows.toString(), rows.sizes(),
              " and ", among.toString(), among.sizes());
  const at::Tensor wanted = comparable(rows), known = comparable(among);
  std::unordered_set<std::string_view> all;
  for (int64_t i = 0; i < known.size(0); ++i) all.insert(bytes_of(known, i));
  at::Tensor found = at::empty({rows.size(0)}, at::kBool);
  for (int64_t i = 0; i < rows.size(0); ++i)
    found.data_ptr<bool>()[i] = all.contains(bytes_of(wanted, i));
  return found;
}

Figure duplicates_figure(const at::Tensor& held_out, const at::Tensor& train) {
  const double share = occur_in(held_out, train).to(at::kDouble).mean().item<double>();
  return {"duplicates", share, 0, "of the held-out rows"};
}

}  // namespace ornstein
