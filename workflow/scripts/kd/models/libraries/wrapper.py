"""Classifiers of other libraries, with what a network of this project has: stages, and a file that says all.

What they are is looked up in a run of shapes (trace.py), so that no network needs a line of its own here.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

from torch import Tensor, nn
from torch.nn import functional

from kd.errors import UserError
from kd.models.libraries.places import Places
from kd.models.libraries.stems import cifar_stem
from kd.models.libraries.tokens import HEADS, Stage, find_heads, find_token_stages, token_names
from kd.models.libraries.trace import Call, channels_last, find_stages, last_layer, trace

Stem = Literal["own", "cifar"]
Weights = Mapping[str, Tensor]


@contextmanager
def buildable(title: str) -> Iterator[None]:
    """Turn what a library raises where its parts do not fit each other into a UserError."""
    try:
        yield
    except NotImplementedError:
        raise  # what cannot be computed without numbers is no mistake; see check_memory
    except (RuntimeError, ValueError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{title}: cannot be made with these options ({reason})") from error


class LibraryNetwork(Places):
    """`network`, which classifies images of `side` pixels a side, or of any size where that is None.

    Images of another size are resized. `probe`: the shape (C, H, W) of an image that it can take in any case.
    `fetch` gives the weights that its library has for it, by their names in `network`; see `load_pretrained`.
    Raises UserError where it is no classifier of `num_classes`, or the stem that is asked for is not for it.
    """

    def __init__(
        self,
        title: str,
        network: nn.Module,
        probe: tuple[int, int, int],
        num_classes: int,
        side: int | None,
        stem: Stem,
        fetch: Callable[[], Weights] | None,
    ) -> None:
        super().__init__()
        self.title, self.network, self.resizes_to = title, network, side
        self._probe, self._fetch, self._classes = probe, fetch, num_classes
        root = self._traced()
        if root.result != (1, num_classes):
            raise UserError(f"{title}: is no classifier of images: it puts out {root.result or 'no tensor'}")
        self._last = last_layer(root).name
        self._new = {self._last, *find_heads(root)}  # layers that the library's weights are not for
        if stem == "cifar":
            self._new.add(cifar_stem(title, network, root))
            root = self._traced()
        self._listen(find_stages(root) or find_token_stages(root))
        self._listen_to_heads(find_heads(root) if self._tokens else [])

    def _traced(self) -> Call:
        with buildable(self.title):
            return trace(self.network, self._probe)

    def _listen(self, stages: list[Call | Stage]) -> None:
        calls = [stage.call if isinstance(stage, Stage) else stage for stage in stages]
        self._names = [call.name for call in calls]
        # By number, of stages that put tokens out: how many are not the image's.
        self._tokens = {
            number: stage.extra for number, stage in enumerate(stages) if isinstance(stage, Stage)
        }
        # Which put their grid out, channels last, as Swin does.
        self._turned = {number for number, call in enumerate(calls) if channels_last(call.result)}
        self.of_tokens = bool(self._tokens or self._turned)
        self._listen_to_stages()

    def _listen_to_stages(self) -> None:
        # Only while it runs, so that no map outlives its use.
        self._heard: dict[int | str, Tensor] | None = None
        for number, name in enumerate(self._names):
            self.network.get_submodule(name).register_forward_hook(partial(self._hear, number))

    def _listen_to_heads(self, heads: list[str]) -> None:
        self._heads = dict(zip(HEADS, heads, strict=False)) if len(heads) > 1 else {}
        layers = {name: self.network.get_submodule(name) for name in heads}
        self._hearing = [layers[name].register_forward_pre_hook(self._hear_input) for name in heads[:1]]
        self._hearing += [
            layers[name].register_forward_hook(partial(self._hear, called))
            for called, name in self._heads.items()
        ]

    def _hear(self, key: int | str, module: nn.Module, inputs: tuple, put_out: Tensor) -> None:
        if self._heard is not None:
            self._heard[key] = put_out

    def _hear_input(self, module: nn.Module, inputs: tuple) -> None:
        if self._heard is not None:
            self._heard["read"] = inputs[0]

    def load_pretrained(self) -> None:
        """Take the library's weights over, where the options ask for them; what is new here stays as drawn.

        Not done by building a network: a file with all its weights is read without the net.
        Raises UserError where they cannot be had, or are not for this network.
        """
        if self._fetch is None:
            return
        weights, state = self._fetch(), self.network.state_dict()
        new = {name for name in state if name.rpartition(".")[0] in self._new}
        for name in state.keys() - new:
            tensor = weights.get(name)
            if tensor is None or tensor.shape != state[name].shape or not tensor.isfinite().all():
                raise UserError(
                    f"{self.title}: the pretrained weights do not fit, or are not finite, in {name!r}; leave"
                    " input_size out or set pretrained: false"
                )
            state[name].copy_(tensor)

    def _fitted(self, images: Tensor) -> Tensor:
        size = (self.resizes_to, self.resizes_to)
        if self.resizes_to is None or images.shape[2:] == size:
            return images
        return functional.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)

    def forward_stages(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """Every stage's maps, each (B, C_i, H_i, W_i) float, and the logits (B, num_classes) float.

        images: (B, in_channels, H, W) float. Tokens are put in the places that they were cut from. The list
        is empty where they have no such grid.
        """
        return self.forward_named(images)[:2]

    def forward_named(self, images: Tensor) -> tuple[list[Tensor], Tensor, dict[str, Any]]:
        """The same; and where there are tokens, what else an `Output` of kd.distillation has, by name.

        "tokens": of each stage, by name, those that are not the image's (B, C_i); "read" (B, C): what the
        classifier reads; "heads": of two classifiers, the logits of each (B, num_classes).
        """
        images, self._heard = self._fitted(images), {}
        logits = self.network(images)
        heard, self._heard = self._heard, None
        size = images.shape[2:]
        stages = [self._maps(number, heard[number], size) for number in range(len(self._names))]
        named = self._named(heard, stages) if self._tokens else {}
        return (stages, logits, named) if self.head is None else self._headed(stages, named)

    def _named(self, heard: Mapping[int | str, Tensor], stages: list[Tensor]) -> dict[str, Any]:
        count = range(len(self._names))
        tokens = [self._named_tokens(heard[number], self._tokens.get(number, 0)) for number in count]
        named = {"tokens": tuple(tokens), "heads": {called: heard[called] for called in self._heads}}
        read = heard.get("read")
        # Else it is something else again, of several stages.
        if read is not None and read.shape == stages[-1].shape[:2]:
            named["read"] = read
        return named

    def _named_tokens(self, tokens: Tensor, extra: int) -> dict[str, Tensor]:
        return {called: tokens[:, place] for place, called in enumerate(token_names(self.network, extra))}

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, num_classes) float of images (B, in_channels, H, W) float."""
        return self.network(self._fitted(images)) if self.head is None else self.forward_stages(images)[1]
