#include "datasets/functions/field_mosaic.h"

namespace ornstein::functions {
namespace {

constexpr int64_t kMostFields = 32, kPerLine = 8, kWide = 1000, kWhite = 255, kGrey = 170;

// Nine colours of viridis (Smith and van der Walt 2015, CC0), between which colours are linear.
constexpr uint8_t kViridis[9][3] = {{68, 1, 84},    {71, 45, 123},  {59, 82, 139},
                                    {44, 114, 142}, {33, 145, 140}, {39, 173, 129},
                                    {93, 200, 99},  {170, 220, 50}, {253, 231, 37}};

// [...] in 0..1 -> [..., 3] uint8.
at::Tensor coloured(const at::Tensor& x) {
  const at::Tensor table =
      at::from_blob(const_cast<uint8_t*>(&kViridis[0][0]), {9, 3}, at::kByte).to(at::kFloat);
  const at::Tensor place = x.nan_to_num(0).clamp(0, 1) * 8;
  const at::Tensor below = place.floor().clamp_max(7);
  const at::Tensor first = below.to(at::kLong).flatten();
  const at::Tensor share = (place - below).flatten().unsqueeze(1);
  std::vector<int64_t> shape = x.sizes().vec();
  shape.push_back(3);
  const at::Tensor colour =
      at::lerp(table.index_select(0, first), table.index_select(0, first + 1), share);
  return colour.round().to(at::kByte).view(shape).masked_fill(
      x.isfinite().logical_not().unsqueeze(-1), kGrey);
}

// [N, n, m] float32 -> [lines * (n + 1) - 1, columns * (m + 1) - 1, 3].
at::Tensor mosaic(const at::Tensor& fields) {
  const at::Tensor finite = std::get<0>(fields.masked_select(fields.isfinite()).sort());
  const int64_t many = finite.numel();
  const double low = many > 0 ? finite[many / 100].item<double>() : 0;
  const double high = many > 0 ? finite[many - 1 - many / 100].item<double>() : 1;
  const at::Tensor pictures = coloured((fields - low) / (high > low ? high - low : 1)).flip(1);
  const int64_t count = fields.size(0), tall = fields.size(1), wide = fields.size(2);
  const int64_t columns = std::min(count, kPerLine), lines = (count + columns - 1) / columns;
  at::Tensor canvas =
      at::full({lines * (tall + 1) - 1, columns * (wide + 1) - 1, 3}, kWhite, at::kByte);
  for (int64_t i = 0; i < count; ++i)
    canvas.narrow(0, i / columns * (tall + 1), tall)
        .narrow(1, i % columns * (wide + 1), wide)
        .copy_(pictures[i]);
  return canvas;
}

}  // namespace

at::Tensor field_mosaic(const at::Tensor& x) {
  std::vector<at::Tensor> panels;
  for (const at::Tensor& channel : x.slice(0, 0, kMostFields).to(at::kFloat).unbind(1)) {
    if (!panels.empty()) panels.push_back(at::full({8, panels[0].size(1), 3}, kWhite, at::kByte));
    panels.push_back(mosaic(channel));
  }
  const at::Tensor picture = at::cat(panels);
  const int64_t factor = std::max<int64_t>(1, kWide / picture.size(1));
  return picture.repeat_interleave(factor, 0).repeat_interleave(factor, 1);
}

}  // namespace ornstein::functions
