"""How one network is trained: the optimizer, its schedule, and what is made of the labels."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from kd.settings.optimizers import DEFAULTS, OWN, TITLES, fine_tuning, goes_with, needed_by
from kd.settings.schedule import LrSchedule
from kd.settings.types import BatchSize, Betas, Count, Fraction, Momentum, NonNegative, Positive, Smoothing

OTHER_NAMES = {"step": "multi_step", "multistep": "multi_step", "triangular": "one_cycle"}
IMAGES = 256  # that `lr_scaling: linear` gives the learning rate for


def _by_another_name(schedule: Any) -> Any:
    """PyTorch and many papers call multi_step a step schedule, and one_cycle triangular."""
    return OTHER_NAMES.get(schedule, schedule) if isinstance(schedule, str) else schedule


_AnyName = Literal["cosine", "multi_step", "step", "constant", "linear", "one_cycle", "triangular"]
Schedule = Annotated[
    Literal["cosine", "multi_step", "constant", "linear", "one_cycle"],
    BeforeValidator(_by_another_name, json_schema_input_type=_AnyName),
]


class Recipe(BaseModel):
    """How a network is trained. The defaults of SGD are those of pytorch-cifar, for its architectures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: Count = Field(200, description="passes over the training images")
    batch_size: BatchSize = Field(128, description="images per step (batch norm needs two)")
    lr: Positive = Field(0.1, description="highest learning rate; default for adamw and muon: 0.001")
    momentum: Momentum = Field(0.9, description="sgd and muon: momentum; default for muon: 0.95")
    weight_decay: NonNegative = Field(
        5e-4, description="sgd: L2 penalty; adamw and muon: decoupled decay, by default 0.05"
    )
    nesterov: bool = Field(
        False, description="sgd and muon: Nesterov's form of momentum; muon: true by default"
    )
    schedule: Schedule = Field("cosine", description="how the learning rate falls")
    milestones: tuple[Count, ...] = Field(
        (), description="multi_step only: after how many epochs the learning rate falls"
    )
    gamma: Positive = Field(0.1, description="multi_step only: factor at each milestone")
    # A job's JSON has what follows only where it is not at its default (`kept`).
    optimizer: Literal["sgd", "adamw", "muon"] = Field(
        "sgd", description="of torch.optim; muon: for the hidden layers' matrices, with adamw for the rest"
    )
    weight_decay_on: Literal["all", "weights"] = Field(
        "all", description="weights: no decay of norms, biases and embeddings, the default for adamw and muon"
    )
    betas: Betas = Field((0.9, 0.999), description="adamw and muon: decay rates of AdamW's two moments")
    eps: Positive = Field(1e-8, description="adamw and muon: what AdamW adds to the denominator")
    lr_scaling: Literal["none", "linear"] = Field(
        "none",
        description=f"linear: lr is for batches of {IMAGES} images, and used is lr · batch_size / {IMAGES}",
    )
    warmup_epochs: NonNegative = Field(0.0, description="epochs in which the learning rate rises to lr")
    schedule_by: Literal["epoch", "step"] = Field("epoch", description="how often the learning rate changes")
    peak: Fraction = Field(0.3, description="one_cycle only: share of the epochs in which the rate rises")
    grad_clip: Positive | None = Field(None, description="largest norm of all gradients together")
    label_smoothing: Smoothing = Field(0.0, description="share of a label that is spread over all classes")
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="balanced: the loss of a class is divided by how common it is"
    )
    ema: Fraction | None = Field(
        None,
        description="decay of an average of the weights over the steps, which is then the trained network",
    )

    dot: Fraction | None = Field(
        None,
        description="sgd: momentum is lower by it for the labels' gradient, higher for that of distillation",
    )

    @model_validator(mode="after")
    def _fill_in(self) -> "Recipe":
        """Keys that depend on the optimizer get its defaults, and count as not set."""
        for key, value in DEFAULTS[self.optimizer].items():
            if key not in self.model_fields_set:
                object.__setattr__(self, key, value)
        return self

    @model_validator(mode="after")
    def _check_optimizer(self) -> "Recipe":
        for key in OWN:
            usual = type(self).model_fields[key].default
            if key not in DEFAULTS[self.optimizer] and getattr(self, key) != usual:
                raise ValueError(
                    f"{goes_with(key, 'optimizer: ' + needed_by(key))}, not with {self.optimizer}"
                )
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        return self

    @model_validator(mode="after")
    def _check_dot(self) -> "Recipe":
        if self.dot is None:
            return self
        for key, usual in (("optimizer", "sgd"), ("nesterov", False), ("grad_clip", None)):
            if (value := getattr(self, key)) != usual:
                raise ValueError(f"dot does not go with {key}: {str(value).lower()}")
        if not self.dot <= self.momentum < 1 - self.dot:
            raise ValueError(
                f"dot: {self.dot:g} is too much for a momentum of {self.momentum:g}; {self.momentum:g} ± dot"
                " has to be between 0 and 1"
            )
        return self

    @model_validator(mode="after")
    def _check_schedule(self) -> "Recipe":
        for key, schedule in (("milestones", "multi_step"), ("gamma", "multi_step"), ("peak", "one_cycle")):
            if self.schedule != schedule and getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(f"{goes_with(key, 'schedule: ' + schedule)}, not with {self.schedule}")
        if self.schedule == "multi_step":
            rising = list(self.milestones) == sorted(set(self.milestones))
            if not self.milestones or not rising or self.milestones[-1] >= self.epochs:
                raise ValueError(
                    f"schedule multi_step needs milestones that rise and stay below epochs ({self.epochs}),"
                    f" not {list(self.milestones)}"
                )
        return self

    @model_validator(mode="after")
    def _check_warmup(self) -> "Recipe":
        warmup = self.warmup_epochs
        if warmup and self.schedule == "one_cycle":
            raise ValueError(
                "warmup_epochs does not go with schedule: one_cycle, which rises by itself (peak)"
            )
        if warmup >= self.epochs:
            raise ValueError(f"warmup_epochs should be less than epochs ({self.epochs}), not {warmup:g}")
        if self.milestones and warmup > self.milestones[0]:
            raise ValueError(f"warmup_epochs should end by the first milestone, {self.milestones[0]}")
        if warmup % 1 and self.schedule_by == "epoch":
            raise ValueError(f"warmup_epochs: {warmup:g} is no whole number, and needs schedule_by: step")
        return self

    @property
    def highest_lr(self) -> float:
        """That after warm-up: lr, or lr · batch_size / 256 (Goyal et al. 2017, arXiv:1706.02677)."""
        return self.lr * self.batch_size / IMAGES if self.lr_scaling == "linear" else self.lr

    def lr_at(self, epoch: int, step: int = 0, steps: int = 1) -> float:
        """Learning rate in `step` (from 0) of the `steps` of `epoch` (from 0); by epoch it is that of all."""
        if self.schedule_by == "epoch":
            step, steps = 0, 1
        schedule = LrSchedule(
            self.schedule,
            self.epochs * steps,
            self.warmup_epochs * steps,
            tuple(milestone * steps for milestone in self.milestones),
            self.gamma,
            self.peak,
        )
        return self.highest_lr * schedule.factor(epoch * steps + step)

    def kept(self) -> dict[str, Any]:
        """As a job's JSON has it: without those of the newer keys that are at their defaults."""
        values, usual = self.model_dump(mode="json"), default_recipe(optimizer=self.optimizer)
        return {key: value for key, value in values.items() if key in ALWAYS_KEPT or value != usual[key]}

    def applicable(self) -> dict[str, Any]:
        """All that this recipe uses, defaults included, as JSON values: what others ignore is left out."""
        unused = {key for key in OWN if key not in DEFAULTS[self.optimizer]}
        unused |= {"milestones", "gamma"} if self.schedule != "multi_step" else set()
        unused |= {"peak"} if self.schedule != "one_cycle" else {"warmup_epochs"}
        return {key: value for key, value in self.model_dump(mode="json").items() if key not in unused}

    def describe(self) -> str:
        """The recipe in one line of a log."""
        parts = [f"{self.epochs} epochs", f"batches of {self.batch_size}", self._described_optimizer()]
        decayed = " of weights" if self.weight_decay_on == "weights" else ""
        parts += [f"weight decay {self.weight_decay:g}{decayed}"]
        parts += [f"gradients clipped at {self.grad_clip:g}"] if self.grad_clip else []
        parts += [f"labels smoothed by {self.label_smoothing:g}"] if self.label_smoothing else []
        parts += ["balanced class weights"] if self.class_weights == "balanced" else []
        parts += [f"EMA {self.ema:g}"] if self.ema else []
        return ", ".join(parts)

    def _described_optimizer(self) -> str:
        with_keys = [f"{TITLES[self.optimizer]} with lr {self.highest_lr:g} ({self._described_schedule()})"]
        if self.optimizer != "adamw":
            apart = f" ± {self.dot:g} (DOT)" if self.dot else ""
            with_keys += [f"{'Nesterov ' if self.nesterov else ''}momentum {self.momentum:g}{apart}"]
        if self.optimizer != "sgd":
            with_keys += [f"betas {self.betas[0]:g} and {self.betas[1]:g}"]
        return ", ".join(with_keys)

    def _described_schedule(self) -> str:
        scaled = f"{self.lr:g} · {self.batch_size} / {IMAGES}, " if self.lr_scaling == "linear" else ""
        falls = f" at {', '.join(map(str, self.milestones))}" if self.milestones else ""
        falls += f" with its peak at {self.peak:g}" if self.schedule == "one_cycle" else ""
        falls += " by step" if self.schedule_by == "step" else ""
        falls += f" after warm-up for {self.warmup_epochs:g}" if self.warmup_epochs else ""
        return f"{scaled}{self.schedule}{falls}"


ALWAYS_KEPT = tuple(Recipe.model_fields)[: tuple(Recipe.model_fields).index("optimizer")]


def default_recipe(pretrained: Any = False, optimizer: str = "sgd") -> dict[str, Any]:
    """The recipe of a network for which neither it nor the study sets a key but these, as JSON values."""
    values = Recipe(optimizer=optimizer, **(fine_tuning(optimizer) if pretrained else {})).model_dump(
        mode="json"
    )
    return values | {"optimizer": "sgd"}
