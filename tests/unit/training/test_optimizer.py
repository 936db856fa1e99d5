"""Updates beside those of torch.optim's optimizers on a small network, and their state."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from kd.settings.recipe import Recipe
from kd.training.optim.optimizer import Optimizer

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


def network(seed=0):
    """Two hidden layers with a matrix, a convolution and a linear one, between the first and the last."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, bias=False),
        nn.BatchNorm2d(6),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 5),
        nn.ReLU(),
        nn.Linear(5, 3),
    )


HIDDEN = ("3.weight", "7.weight")
VECTORS = ("1.weight", "1.bias", "4.weight", "4.bias", "7.bias", "9.bias")


def loss_of(model, step):
    random = torch.Generator().manual_seed(step)
    images = torch.randn(8, 1, 8, 8, generator=random)
    return functional.cross_entropy(model(images), torch.randint(3, (8,), generator=random))


def ours(recipe, steps=4, method=None, model=None, rates=None):
    model, method = model or network(), method or nn.Module()
    optimizer = Optimizer(model, method, recipe, CPU)
    for step in range(steps):
        optimizer.set_lr(rates[step] if rates else recipe.lr)
        optimizer.zero_grad()
        loss_of(model, step).backward()
        optimizer.step()
    return model


def theirs(make, steps=4, rates=None, clip=None):
    """The same with the optimizers that `make` gives for the parameters by name."""
    model = network()
    optimizers = make(dict(model.named_parameters()))
    for step in range(steps):
        model.zero_grad()
        for optimizer in optimizers:
            for group in optimizer.param_groups if rates else ():
                group["lr"] = rates[step]
        loss_of(model, step).backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        for optimizer in optimizers:
            optimizer.step()
    return model


def same(first, second, exact=False, atol=1e-6):
    for name, tensor in first.state_dict().items():
        other = second.state_dict()[name]
        assert torch.equal(tensor, other) if exact else torch.allclose(tensor, other, atol=atol), name


def test_sgd_is_that_of_torch_to_the_bit():
    recipe = Recipe(lr=0.1, nesterov=True)
    options = {"momentum": 0.9, "weight_decay": 5e-4, "nesterov": True, "fused": True}
    same(ours(recipe), theirs(lambda named: [torch.optim.SGD(named.values(), 0.1, **options)]), exact=True)


def test_decay_of_weights_alone():
    """Of SGD, two of whose groups differ in nothing else."""

    def make(named):
        parts = [[named[name] for name in named if (name in VECTORS) == out] for out in (False, True)]
        groups = [{"params": parts[0], "weight_decay": 0.1}, {"params": parts[1], "weight_decay": 0.0}]
        return [torch.optim.SGD(groups, 0.1, momentum=0.9)]

    recipe = Recipe(lr=0.1, weight_decay=0.1, weight_decay_on="weights")
    same(ours(recipe), theirs(make))
    with pytest.raises(AssertionError):
        same(ours(Recipe(lr=0.1, weight_decay=0.1)), theirs(make))


@pytest.mark.parametrize("on", ["all", "weights"])
def test_adamw(on):
    def make(named):
        left_out = VECTORS if on == "weights" else ()
        groups = [
            {"params": [parameter], "weight_decay": 0.0 if name in left_out else 0.3}
            for name, parameter in named.items()
        ]
        return [torch.optim.AdamW(groups, 0.01, betas=(0.8, 0.95), eps=1e-6)]

    keys = {"optimizer": "adamw", "lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.3}
    same(ours(Recipe(**keys, weight_decay_on=on)), theirs(make))


def test_a_learning_rate_that_changes_in_every_step():
    rates = [0.01, 0.02, 0.005, 0.0]
    recipe = Recipe(optimizer="adamw", weight_decay=0.3, weight_decay_on="all")
    same(
        ours(recipe, rates=rates),
        theirs(lambda named: [torch.optim.AdamW(named.values(), 1.0, weight_decay=0.3)], rates=rates),
    )


def test_clipped_gradients():
    recipe = Recipe(lr=0.1, grad_clip=0.05)
    options = {"momentum": 0.9, "weight_decay": 5e-4}
    same(ours(recipe), theirs(lambda named: [torch.optim.SGD(named.values(), 0.1, **options)], clip=0.05))


def test_muon_moves_hidden_matrices_and_adamw_the_rest():
    """torch.optim.Muon on the linear layer; its own function on the convolution, as a matrix (6, 4 · 9)."""

    def make(named):
        rest = [parameter for name, parameter in named.items() if name not in HIDDEN]
        groups = [{"params": [parameter], "weight_decay": 0.2 * (parameter.dim() > 1)} for parameter in rest]
        options = {"weight_decay": 0.2, "momentum": 0.9, "nesterov": True, "adjust_lr_fn": "match_rms_adamw"}
        flat = Flat(named["3.weight"])
        return [
            torch.optim.Muon([named["7.weight"]], 0.01, **options),
            flat.around(torch.optim.Muon([flat.matrix], 0.01, **options)),
            torch.optim.AdamW(groups, 0.01),
        ]

    keys = {"optimizer": "muon", "lr": 0.01, "weight_decay": 0.2, "momentum": 0.9}
    same(ours(Recipe(**keys)), theirs(make))


class Flat:
    """A weight as a matrix that shares its memory, for an optimizer that takes nothing else."""

    def __init__(self, weight):
        self.weight, self.matrix = weight, weight.detach().view(len(weight), -1)

    def around(self, optimizer):
        step = optimizer.step

        def flattened():
            self.matrix.grad = self.weight.grad.view(len(self.weight), -1)
            step()

        optimizer.step = flattened
        return optimizer


def test_muon_does_not_depend_on_how_a_convolution_lies_in_memory():
    recipe = Recipe(optimizer="muon", lr=0.01)
    turned = network().to(memory_format=torch.channels_last)
    same(ours(recipe, steps=1), ours(recipe, steps=1, model=turned), atol=2e-4)


def test_what_a_method_owns_is_for_adamw():
    method = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    optimizer = Optimizer(network(), method, Recipe(optimizer="muon"), CPU)
    for parameter in optimizer.parameters.values():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    by_muon = {name.partition(".")[2] for name in optimizer.state() if ".momentum_buffer." in name}
    assert by_muon == {f"momentum_buffer.model.{name}" for name in HIDDEN}


def test_parameters_that_do_not_learn_or_have_no_gradient_stay():
    model, method = network(), nn.Linear(2, 2)
    model[0].weight.requires_grad_(False)
    before = copy.deepcopy((model[0].weight, method.weight))
    ours(Recipe(optimizer="adamw", weight_decay=0.5), model=model, method=method)
    assert torch.equal(model[0].weight, before[0])
    assert torch.equal(method.weight, before[1])


@pytest.mark.parametrize(
    "keys", [{}, {"optimizer": "adamw"}, {"optimizer": "muon"}, {"weight_decay_on": "weights"}]
)
def test_a_state_that_is_kept_and_read_back_goes_on_to_the_same_bits(keys):
    recipe = Recipe(lr=0.01, **keys)
    whole = ours(recipe, steps=4)
    model, other = network(), network(1)
    first = Optimizer(model, nn.Module(), recipe, CPU)
    then = Optimizer(other, nn.Module(), recipe, CPU)
    for step in range(4):
        optimizer, learns = (first, model) if step < 2 else (then, other)
        if step == 2:
            other.load_state_dict(model.state_dict())
            then.restore({name: tensor.clone() for name, tensor in first.state().items()})
        optimizer.zero_grad()
        loss_of(learns, step).backward()
        optimizer.step()
    same(other, whole, exact=True)
