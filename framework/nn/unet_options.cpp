#include "framework/nn/unet_options.h"

#include <algorithm>

namespace ornstein {
namespace {

TimeFeatures read_time_features(const ConfigReader& section, int64_t channels) {
  if (section.choice("time_embedding_type", "geometric", {"geometric", "positional"}) ==
      "geometric")
    return read_geometric_features(section, 32, 0.5, 15);
  const bool cosine_first = section.flag("flip_sin_to_cos", true);
  const double shift = section.number("freq_shift", 0, 0, 1);
  if (channels % 2 != 0 || channels / 2 <= shift)
    section.fail(
        "time_embedding_type",
        fmt::format("positional needs an even first entry of block_out_channels above {}, not {}",
                    2 * shift, channels));
  return positional_features(channels, cosine_first, shift);
}

// Reads a list of block types; returns each level's channels of a head, 0 for the plain type.
std::vector<int64_t> read_heads(const ConfigReader& section, const char* key,
                                const std::string& plain, const std::string& attending,
                                const std::vector<bool>& attends_by_default,
                                const std::vector<int64_t>& channels, int64_t head_dim) {
  std::vector<std::string> fallback;
  for (bool attends : attends_by_default) fallback.push_back(attends ? attending : plain);
  const std::vector<std::string> types = section.texts(key, fallback);
  if (types.size() != channels.size())
    section.fail(key, fmt::format("{} types for {} levels of block_out_channels", types.size(),
                                  channels.size()));
  std::vector<int64_t> heads;
  for (size_t level = 0; level < types.size(); ++level) {
    if (types[level] != plain && types[level] != attending)
      section.fail(key, fmt::format("'{}' is neither {} nor {}", types[level], plain, attending));
    heads.push_back(types[level] == plain ? 0 : head_dim > 0 ? head_dim : channels[level]);
    if (heads.back() > channels[level])
      section.fail("attention_head_dim",
                   fmt::format("{} is more than the {} channels of a level with attention",
                               head_dim, channels[level]));
  }
  return heads;
}

}  // namespace

UnetOptions read_unet_options(const ConfigReader& section) {
  UnetOptions options;
  options.channels = section.integers("block_out_channels", std::vector<int64_t>{32, 64, 128}, 1);
  if (options.channels.empty()) section.fail("block_out_channels", "no level at all");
  options.layers = section.integer("layers_per_block", 1, 1);
  options.block.time_channels = 4 * options.channels.front();
  options.block.groups = section.integer("norm_num_groups", 8, 1);
  options.block.eps = section.number("norm_eps", 1e-5, 0);
  options.block.dropout = section.number("dropout", 0, 0, 1);
  options.block.scale_shift = section.choice("resnet_time_scale_shift", "scale_shift",
                                             {"scale_shift", "default"}) == "scale_shift";
  options.block.zero_init = section.flag("zero_init", true);
  options.downsample_padding = section.integer("downsample_padding", 1, 0, 1);
  for (int64_t channels : options.channels)
    if (channels % options.block.groups != 0)
      section.fail("block_out_channels", fmt::format("{} is no multiple of norm_num_groups = {}",
                                                     channels, options.block.groups));
  options.features = read_time_features(section, options.channels.front());

  const int64_t head_dim = section.integer("attention_head_dim", 0, 0);
  std::vector<bool> attends(options.channels.size(), false);
  attends.back() = true;
  options.down_heads = read_heads(section, "down_block_types", "DownBlock2D", "AttnDownBlock2D",
                                  attends, options.channels, head_dim);
  std::vector<bool> mirrored;
  for (auto head = options.down_heads.rbegin(); head != options.down_heads.rend(); ++head)
    mirrored.push_back(*head > 0);
  options.up_heads = read_heads(section, "up_block_types", "UpBlock2D", "AttnUpBlock2D", mirrored,
                                {options.channels.rbegin(), options.channels.rend()}, head_dim);
  if (section.flag("add_attention", true)) {
    options.mid_head = head_dim > 0 ? head_dim : options.channels.back();
    if (options.mid_head > options.channels.back())
      section.fail("attention_head_dim",
                   fmt::format("{} is more than the middle block's {} channels", head_dim,
                               options.channels.back()));
  }
  return options;
}

}  // namespace ornstein
