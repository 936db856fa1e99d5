"""Where methods reach into a network of a library: its classifier, behind its last maps, and its middle."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils.hooks import RemovableHandle

from kd.errors import UserError
from kd.models.libraries.entry import NoEntry, entered_after
from kd.models.libraries.head import (
    Head,
    Nothing,
    calls_after,
    dropouts_of,
    leaves_of,
    not_before,
    put,
    reads_means,
    with_weights,
)
from kd.models.libraries.tokens import as_maps, as_tokens
from kd.models.libraries.trace import Call


class Places(nn.Module):
    """What a `LibraryNetwork` is to methods. It sets the attributes that are named here, and runs itself."""

    title: str
    network: nn.Module
    _names: list[str]  # of the modules at whose ends the stages end
    _last: str  # the layer that makes the logits
    _classes: int
    _heads: dict[str, str]
    _hearing: list[RemovableHandle]  # the hooks on what makes the logits
    _tokens: dict[int, int]
    _turned: set[int]  # numbers of the stages that put maps out channels last
    _probe: tuple[int, int, int]

    def __init__(self) -> None:
        super().__init__()
        self.head: Head | None = None  # what a method put behind the last maps
        # What follows a stage, by its number and the mode.
        self._entries: dict[tuple[int, bool], fx.GraphModule] = {}

    @property
    def stages(self) -> tuple[nn.Module, ...]:
        """The modules that put the stages' maps out."""
        own = tuple(self.network.get_submodule(name) for name in self._names)
        return own if self.head is None else (*own, self.head.stage)

    @property
    def classifier(self) -> nn.Linear:
        """The layer that makes the logits of the last features: the last maps' means, or what a token became.

        Raises UserError where the logits are made otherwise, which a run on two random images tells.
        """
        if self.head is not None:
            return self.head.classifier
        layer = self.network.get_submodule(self._last)
        if isinstance(layer, nn.Linear) and self._names and not self._heads:
            features, _, logits = self._tried()
            close = {"rtol": 1e-3, "atol": 1e-3 * logits.abs().max().item()}
            if features.shape[1] == layer.in_features and torch.allclose(layer(features), logits, **close):
                return layer
        raise UserError(
            f"{self.title}: its logits are not one linear layer on the means of its last maps, which is what"
            " this method takes over from a teacher; use another teacher or method"
        )

    @property
    def classifies_maps(self) -> bool:
        """Whether it is the means of the last maps that the `classifier` reads, and no token."""
        features, means, _ = self._tried()
        return features.shape == means.shape and torch.allclose(features, means, rtol=1e-3, atol=1e-5)

    @torch.no_grad()
    def _tried(self) -> tuple[Tensor, Tensor, Tensor]:
        """Of two random images: what the classifier reads, the means of the last maps, and the logits."""
        with self._evaluating() as images:
            stages, logits, named = self.forward_named(images)
        means = stages[-1].mean(dim=(2, 3))
        return named.get("read", means), means, logits

    @contextmanager
    def _evaluating(self) -> Iterator[Tensor]:
        """Two random images, of which it is in eval mode."""
        was_training, random = self.training, torch.Generator().manual_seed(0)
        images = torch.randn(2, *self._probe, generator=random).to(next(self.parameters()))
        self.eval()
        try:
            yield images
        finally:
            self.train(was_training)

    def append_stage(self, stage: nn.Module, channels: int | None = None) -> None:
        """Let `stage` follow the last maps, and then their means and a linear classifier.

        That is a new one for the `channels` of the maps that `stage` puts out; all layers that run behind
        the last maps alone go. Without `channels` it keeps their number, and the classifier is the network's
        own: UserError unless that reads the means of the last maps and makes the logits.
        """
        root = self._traced()
        behind = calls_after(root, self._names[-1])
        if channels is None:
            gone, dropouts, classifier = [self._last], dropouts_of(behind), self._reader_of_means(behind)
        else:
            gone, dropouts = not_before(with_weights(behind), root, behind), []
            classifier = nn.Linear(channels, self._classes)
        for name in gone:
            put(self.network, name, Nothing())
        while self._hearing:
            self._hearing.pop().remove()
        self._heads, self._entries = {}, {}
        self.head = Head(stage, classifier, dropouts)

    def _headed(
        self, stages: list[Tensor], named: dict[str, Any]
    ) -> tuple[list[Tensor], Tensor, dict[str, Any]]:
        maps, logits = self.head(stages[-1])
        return [*stages, maps], logits, named | ({"tokens": (*named["tokens"], {})} if named else {})

    def _reader_of_means(self, behind: list[Call]) -> nn.Linear:
        layer = self.network.get_submodule(self._last)
        alone = with_weights(leaves_of(behind)) == [self._last]
        if alone and isinstance(layer, nn.Linear) and layer.bias is not None:
            with self._evaluating() as images:
                fitted = self._fitted(images)
                maps = partial(self._maps, len(self._names) - 1, size=fitted.shape[2:])
                if reads_means(self.network, self._names[-1], self._last, fitted, maps):
                    return layer
        raise UserError(
            f"{self.title}: its logits are not one linear layer on the means of its last maps, of which this"
            " method makes its own layers a part; use another student or method"
        )

    def without_last_stage(self, classifier: nn.Linear) -> "Places":
        """A network without the stage that was appended, and with this classifier where its own was.

        For a stage that kept the number of channels. All other layers are shared.
        """
        plain = inner = _shallow(self)
        plain.head, plain._entries = None, {}
        *parents, own = f"network.{self._last}".split(".")
        for parent in parents:
            setattr(inner, parent, _shallow(getattr(inner, parent)))
            inner = getattr(inner, parent)
        setattr(inner, own, classifier)
        plain._listen_to_stages()
        plain._listen_to_heads([plain._last] if plain._tokens else [])
        return plain

    def forward_after(self, number: int, maps: Tensor) -> tuple[list[Tensor], Tensor]:
        """As `forward_stages`, for what stage `number` might have put out: later stages' maps, and logits.

        `maps` is (B, C, H, W) float of that stage's shape; see `why_not_entered`.
        """
        stages, logits, size = [], None, maps.shape[2:]
        if number < len(self._names) - 1 or self.head is None:
            *later, logits = self._entry(number)(self._as_put_out(number, maps))
            stages = [self._maps(number + 1 + more, tensor, size) for more, tensor in enumerate(later)]
        if self.head is not None:
            last, logits = self.head(stages[-1] if stages else maps)
            stages.append(last)
        return stages, logits

    def _entry(self, number: int) -> fx.GraphModule:
        key = number, self.network.training
        if key not in self._entries:
            self._entries[key] = entered_after(self.network, self._names, number)
        return self._entries[key]

    @torch.no_grad()
    def why_not_entered(self, numbers: Sequence[int]) -> str | None:
        """What keeps what follows one of these stages from being run by itself; None where nothing does.

        Of two random images, the maps of each stage have to lead to the network's own later maps and logits.
        """
        if any(self._tokens.get(number) for number in numbers):
            return "which take class tokens too, and maps have none"
        with self._evaluating() as images:
            stages, logits = self.forward_stages(images)
            try:
                ends = [self.forward_after(number, stages[number]) for number in numbers]
            except NoEntry as error:
                return str(error)
            finally:
                self._entries.clear()  # a method is prepared before all layers are in their last form
        same = all(
            torch.allclose(one, other, rtol=1e-3, atol=1e-4 * other.abs().max().item())
            for number, (later, end) in zip(numbers, ends, strict=True)
            for one, other in zip([*later, end], [*stages[number + 1 :], logits], strict=True)
        )
        return None if same else "which compute something else by themselves"

    def _maps(self, number: int, put_out: Tensor, size: Sequence[int]) -> Tensor:
        """What stage `number` puts out for images of `size`, or of that ratio, as maps (B, C, H, W)."""
        if number in self._turned:
            return put_out.permute(0, 3, 1, 2)
        return as_maps(put_out, self._tokens[number], size) if number in self._tokens else put_out

    def _as_put_out(self, number: int, maps: Tensor) -> Tensor:
        """The other way round; a copy, which later layers may overwrite."""
        if number in self._turned:
            return maps.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format)
        return as_tokens(maps) if number in self._tokens else maps.clone()


def _shallow(module: nn.Module) -> nn.Module:
    """A module with the same parameters and inner modules, of which the latter can be replaced."""
    new = copy(module)
    new._modules = dict(module._modules)
    return new
