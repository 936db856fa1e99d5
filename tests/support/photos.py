"""Small images to augment."""

import torch


def photos(height=24, width=32, channels=3, count=3):
    """Smooth and noisy ones, and one of a single colour."""
    random = torch.Generator().manual_seed(0)
    across = torch.linspace(0, 1, width) + torch.linspace(0, 1, height)[:, None]
    smooth = 30 + 90 * across + 20 * torch.arange(channels)[:, None, None]
    noisy = torch.randint(20, 240, (channels, height, width), generator=random)
    flat = torch.full((channels, height, width), 77)
    return torch.stack([smooth.round(), noisy, flat]).to(torch.uint8)[:count]
