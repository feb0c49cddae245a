// The `network` section of a U-Net. Keys have the names and meanings of diffusers' UNet2DModel;
// defaults suit images of 28 to 32 pixels.
//
//   key                      default         meaning
//   block_out_channels       [32, 64, 128]   channels of each level, finest first, each a multiple
//                                            of norm_num_groups
//   layers_per_block         1               residual blocks of a level on the way down; one more
//                                            on the way up
//   down_block_types         (see below)     "DownBlock2D" or "AttnDownBlock2D", finest level first
//   up_block_types           (mirrored)      "UpBlock2D" or "AttnUpBlock2D", coarsest level first
//   add_attention            true            attention in the middle block
//   attention_head_dim       0               channels of a head; 0: one head of all channels
//   norm_num_groups          8               groups of every group normalisation
//   norm_eps                 1e-5            of every group normalisation
//   resnet_time_scale_shift  "scale_shift"   time scales and shifts, or, "default", only shifts
//   dropout                  0               in every residual block, in training mode only
//   downsample_padding       1               1, or 0: zeros at the far edges only
//   time_embedding_type      "geometric"     or "positional", for t in 0..1000
//   time_pairs               32              geometric: sine/cosine pairs
//   time_frequencies         [0.5, 15]       geometric: lowest and highest, radians per unit of t
//   flip_sin_to_cos          true            positional: cosines first
//   freq_shift               0               positional: 1 reaches the frequency 1e-4, 0 does not
//   zero_init                true            residual branches, time projections and the output
//                                            start at zero (diffusers: false)
// Without down_block_types the coarsest level alone has attention.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/config/config_reader.h"
#include "framework/nn/residual_block.h"
#include "framework/nn/time_embedding.h"

namespace ornstein {

struct UnetOptions {
  std::vector<int64_t> channels;    // of each level, finest first
  std::vector<int64_t> down_heads;  // channels of a head, finest level first; 0: no attention
  std::vector<int64_t> up_heads;    // the same, coarsest level first
  int64_t mid_head = 0;             // the same, of the middle block
  int64_t layers = 1;               // of a level on the way down
  int64_t downsample_padding = 1;
  TimeFeatures features;
  BlockOptions block;
};

// Throws ConfigError naming the key where keys contradict each other.
UnetOptions read_unet_options(const ConfigReader& section);

}  // namespace ornstein
