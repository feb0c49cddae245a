"""Writes diffusers_unet.json: names, shapes and outputs of diffusers' UNet2DModel for some configurations.

    pip install torch==2.15.0 diffusers==0.42.1
    python tests/nn/diffusers_unet.py > tests/nn/diffusers_unet.json

Weights and inputs come from a hash of (tensor number, element number), so that only outputs are stored:
value = scale * (hash - 1/2); unet_test.cpp has the same function. float32, CPU, no training mode.
"""
import json

import numpy
import torch
from diffusers import UNet2DModel

PEER = dict(block_out_channels=[32, 64, 128], layers_per_block=1, norm_num_groups=8, attention_head_dim=64,
            down_block_types=["DownBlock2D", "DownBlock2D", "AttnDownBlock2D"],
            up_block_types=["AttnUpBlock2D", "UpBlock2D", "UpBlock2D"], resnet_time_scale_shift="default")
TINY_ATTENTION = dict(block_out_channels=[4, 8], layers_per_block=1, norm_num_groups=2, attention_head_dim=4,
                      down_block_types=["AttnDownBlock2D", "DownBlock2D"],
                      up_block_types=["AttnUpBlock2D", "UpBlock2D"], resnet_time_scale_shift="scale_shift")
TINY_PLAIN = dict(block_out_channels=[6, 8, 8], layers_per_block=2, norm_num_groups=2, norm_eps=1e-6,
                  down_block_types=["DownBlock2D"] * 3, up_block_types=["UpBlock2D"] * 3, add_attention=False,
                  downsample_padding=0, flip_sin_to_cos=False, freq_shift=1, resnet_time_scale_shift="default")
CASES = {"peer": (PEER, [1, 1, 16, 16], 1, 0), "tiny_attention": (TINY_ATTENTION, [2, 3, 6, 4], 2, 5),
         "tiny_plain": (TINY_PLAIN, [2, 1, 8, 4], 1, 0)}  # network section, input shape, outputs, classes


def hashed(number, shape, scale):
    x = numpy.arange(numpy.prod(shape), dtype=numpy.uint32) + numpy.uint32(number * 1000003)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = (x ^ (x >> numpy.uint32(shift))) * numpy.uint32(factor)
    x = (x ^ (x >> numpy.uint32(16))) >> numpy.uint32(8)
    return torch.from_numpy(scale * (x / 2.0**24 - 0.5)).float().reshape(shape)


def case(network, shape, outputs, classes):
    model = UNet2DModel(in_channels=shape[1], out_channels=outputs, num_class_embeds=classes or None, **network).eval()
    with torch.no_grad():
        for i, (name, parameter) in enumerate(model.named_parameters()):
            matrix = parameter.dim() > 1
            scale = 3 / (parameter[0].numel() ** 0.5) if matrix else 0.4
            norm = "norm" in name and name.endswith("weight")
            parameter.copy_(hashed(i, parameter.shape, scale) + (1 if norm else 0))
        t = 0.5 + 700.0 * torch.arange(shape[0])
        labels = torch.arange(shape[0]) + 2 if classes else None
        y = model(hashed(4000, shape, 4), t, labels).sample
    return {"network": {"name": "unet", "time_embedding_type": "positional", "zero_init": False, **network},
            "input": shape, "outputs": outputs, "classes": classes,
            "parameters": [f"{n} {list(p.shape)}" for n, p in model.named_parameters()],
            "output": [round(v, 6) for v in y.flatten().tolist()]}


print(json.dumps({name: case(*arguments) for name, arguments in CASES.items()}, indent=0))
