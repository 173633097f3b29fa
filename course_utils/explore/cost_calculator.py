"""Figure 9: a stack of layers, and what it costs and sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from course_utils.explore import svg
from course_utils.explore.figure import Figure, checked_choice, checked_integer
from course_utils.explore.presets import presets

KINDS = ("conv", "max", "mean", "global", "relu", "norm", "flatten", "dense")
ADDS = ("bias", "none", "norm")
LIMITS = {"out": (1, 4096), "size": (1, 16), "stride": (1, 8), "padding": (0, 8)}
LIMITS |= {"dilation": (1, 8), "groups": (1, 4096)}
MOST_LAYERS = 64
COLUMNS = ("Layer", "Output", "Parameters", "Multiply-adds", "Activations", "Field")
PLACES = (0, 130, 350, 490, 610, 690)  # of the still's columns; numbers end there


class CostCalculator(Figure):
    """Build a stack of layers; sizes, parameters, multiply-adds, memory and field follow.

    Parameters
    ----------
    network
        A network of the book to start from, or None for `layers`.
    layers
        Up to 64 layers in order, each a dictionary with its ``kind``, one of `KINDS`: ``"conv"``
        and ``"dense"`` have ``out`` and ``adds`` (one of `ADDS`; ``"norm"`` is a batch norm in the
        bias's place), ``"max"`` and ``"mean"`` pools ``ceil``, windows ``size``, ``stride``,
        ``padding``, convolutions ``dilation`` and ``groups``. ``"global"`` is the mean of each
        map. ``name`` is what its row is called.
    channels, side
        Of the image, for `layers`.
    networks
        Which networks of `presets` the reader can choose; None for all. Those that are one chain
        of layers can be changed, the others are tables to read.
    selected
        The row looked at, 0 for the image.

    Raises
    ------
    ValueError
        If a setting is not as said above, or a layer cannot stand where it stands.

    Used in chapters 7, 14 and 17. Its numbers are those of `accounting.summarize`.
    """

    module: ClassVar[str] = "cost_calculator"
    title: ClassVar[str] = "Stack layers. What do they cost, and how much do they see?"

    def __init__(
        self,
        network: str | None = "vgg16",
        layers: Sequence[dict[str, Any]] = (),
        *,
        channels: int = 3,
        side: int = 32,
        networks: Sequence[str] | None = None,
        selected: int = 1,
    ) -> None:
        names = tuple(presets()) if networks is None else tuple(networks)
        known = {checked_choice("networks", name, tuple(presets())): shown(name) for name in names}
        if network is None:
            own = checked_layers(layers)
            chosen: dict[str, Any] = {
                "channels": checked_integer("channels", channels, 1, 64),
                "side": checked_integer("side", side, 1, 512),
                "layers": own,
            }
            self._rows = rows_of(own, channels, side)
        else:
            chosen = known[checked_choice("network", network, tuple(known))]
            self._rows = presets()[network]["rows"]
        super().__init__(
            network=network or "own",
            channels=chosen["channels"],
            side=chosen["side"],
            layers=chosen.get("layers", []),
            rows=chosen.get("rows"),
            networks=known,
            selected=checked_integer("selected", selected, 0, len(self._rows) - 1),
        )

    def totals(self) -> tuple[int, int, int]:
        """Return all parameters that a prediction uses, multiply-adds and activations."""
        names = ("parameters", "multiplyAdds", "activations")
        parameters, multiply_adds, activations = (sum(r[k] for r in self._rows) for k in names)
        return parameters, multiply_adds, activations

    def description(self) -> str:
        """Return the still's alternative text."""
        parameters, multiply_adds, activations = self.totals()
        side = self.state["side"]
        return (
            f"A table of {len(self._rows) - 1} layers under an image of {self.state['channels']} "
            f"by {side} by {side} numbers. For each its output, parameters, multiply-adds, "
            f"activations and receptive field. In all {parameters:,} parameters, "
            f"{multiply_adds:,} multiply-adds and {activations:,} activations."
        )

    def still(self) -> str:
        """Return the still picture."""
        rows, parts = self._rows, []
        last = ("Total", "", *(f"{n:,}" for n in self.totals()), "")
        for n, line in enumerate((COLUMNS, *(_cells(row) for row in rows), last)):
            for k, (x, words) in enumerate(zip(PLACES, line, strict=True)):
                bold = n in (0, len(rows) + 1)
                anchor = "end" if k > 1 else "start"
                parts.append(svg.text(x, 12 + 20 * n, words, size=12, anchor=anchor, bold=bold))
        return svg.picture(700, 24 + 20 * (len(rows) + 1), parts, self.description())


def shown(name: str) -> dict[str, Any]:
    """Return a network of `presets` as the module takes it: its layers, or else its rows."""
    network = presets()[name]
    left_out = "rows" if "layers" in network else "layers"
    return {key: value for key, value in network.items() if key != left_out}


def rows_of(layers: Sequence[dict[str, Any]], channels: int, side: int) -> list[dict[str, Any]]:
    """Return what the layers of a chain cost and see, the image first, by `accounting`.

    Raises
    ------
    ValueError
        If a layer cannot stand where it stands.
    """
    from course_utils.explore import networks  # counts with torch: only where it must

    rows = networks.rows_of(layers, channels, side)
    names = ["image", *(layer.get("name", layer["kind"]) for layer in layers)]
    return [row | {"name": name} for row, name in zip(rows, names, strict=True)]


def checked_layers(layers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the layers of a chain.

    Raises
    ------
    ValueError
        If there are too many, or one has an unknown kind or setting.
    """
    if len(layers) > MOST_LAYERS:
        raise ValueError(f"layers must be at most {MOST_LAYERS}, not {len(layers)}")
    for layer in layers:
        checked_choice("kind", layer.get("kind"), KINDS)
        checked_choice("adds", layer.get("adds", "bias"), ADDS)
        for name in set(layer) - {"kind", "adds", "name", "ceil"}:
            low, high = LIMITS[checked_choice("a layer's setting", name, tuple(LIMITS))]
            checked_integer(name, layer[name], low, high)
        if layer["kind"] in ("conv", "dense") and "out" not in layer:
            raise ValueError(f"a layer of kind {layer['kind']} must say what it puts out: {layer}")
    return [dict(layer) for layer in layers]


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    numbers = (row["parameters"], row["multiplyAdds"], row["activations"])
    field = f"{row['field']:,}" + (", all" if row["whole"] else "")
    return row["name"], " × ".join(map(str, row["shape"])), *(f"{n:,}" for n in numbers), field
