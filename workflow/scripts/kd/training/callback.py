"""The events of a training that others follow: the engine knows neither logs nor boards."""


class Callback:
    """What the engine calls while it trains. Does nothing by itself."""

    def on_resume(self, history: list[dict[str, float]], done: float) -> None:
        """These epochs were run before; `done` counts them, with a part for the one that is under way."""

    def on_step(self, epoch: int, done: int) -> None:
        """A step begins: its epoch (from 1), and how many of the epoch's images went before."""

    def on_epoch(self, row: dict[str, float]) -> None:
        """An epoch has ended."""
