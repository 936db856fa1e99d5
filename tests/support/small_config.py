"""A small valid config, and the lines in which a changed one is refused."""

import pytest
import yaml

from kd.config.load import load_study
from kd.errors import UserError


def config(**changes):
    base = yaml.safe_load(
        """
        study: tiny
        dataset: {name: digits}
        recipe: {epochs: 20, batch_size: 128, lr: 0.1, momentum: 0.9, weight_decay: 5e-4, schedule: cosine}
        teachers: {resnet18: {width: 0.25}, vgg16: {width: 0.25, epochs: 30, lr: 0.05}}
        students: {cnn: {width: 0.125}}
        pairs: all
        methods: {kd: {temperature: 4, ce_weight: 0.1, kd_weight: 0.9}}
        seeds: [0, 1, 2]
        """
    )
    return {**base, **changes}


def complaints(**changes):
    with pytest.raises(UserError) as caught:
        load_study(config(**changes))
    return str(caught.value).splitlines()
