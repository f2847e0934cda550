"""Figures of a report: arrays in, a matplotlib `Figure` out; no global state, no window."""

import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tfsergan.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by people with any colour vision; markers and dashes serve grey print.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
DASHES = ("-", "--", ":", "-.")
INK, FAINT = "#222222", "#D0D0D0"
DOTS_PER_INCH = 160


def feature_statistics(
    groups: Mapping[str, np.ndarray],
    names: Sequence[str],
    title: str,
    *,
    value_label: str = "feature value, min-max scaled (mean and standard deviation)",
) -> "Figure":
    """Mean (marker) and standard deviation (bar) of features, the groups side by side.

    Bao, Neumann and Vu 2019, figure 2, lying on its side so that openSMILE's long names can be read.

    Args:
        groups: label -> (n, d) values on one scale, e.g. source, synthetic and target utterances.
        names: the d features, top to bottom; about twelve are readable.
        title: above the figure.
        value_label: below the axis of values.

    Raises:
        ValueError: no group or name, an array that is not (n >= 1, d), or a value that is not finite.
    """
    if not groups or not names:
        raise ValueError("feature_statistics needs at least one group and one feature")
    for label, values in groups.items():
        if np.ndim(values) != 2 or np.shape(values)[1] != len(names) or not len(values):
            raise ValueError(f"{label}: expected (n, {len(names)}) values, not {np.shape(values)}")
        if not np.isfinite(values).all():
            raise ValueError(f"{label}: a value is not finite")
    figure = _figure(8, 1.5 + len(names) * max(0.34, 0.11 * len(groups)))
    axes = figure.add_subplot()
    rows = np.arange(len(names))
    for row in rows[::2]:
        axes.axhspan(row - 0.5, row + 0.5, color="#F3F4F6", zorder=0)
    offsets = (np.arange(len(groups)) - (len(groups) - 1) / 2) * min(0.2, 0.72 / len(groups))
    for i, (label, values) in enumerate(groups.items()):
        style: dict[str, Any] = {"color": PALETTE[i % len(PALETTE)], "marker": MARKERS[i % len(MARKERS)]}
        mean, std = np.mean(values, axis=0), np.std(values, axis=0)
        axes.errorbar(
            mean,
            rows + offsets[i],
            xerr=std,
            label=label,
            linestyle="",
            markersize=4.5,
            elinewidth=1.2,
            **style,
        )
    axes.set_yticks(rows, names, fontsize=9)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel(value_label, color=INK)
    _clean(axes, grid="x")
    axes.spines["left"].set_visible(False)
    _title_and_legend(figure, axes, title)
    return figure


def confusion_matrices(matrices: Mapping[str, np.ndarray], classes: Sequence[str], title: str) -> "Figure":
    """One panel a setting, rows the truth, columns the prediction, on one colour scale.

    Bao, Neumann and Vu 2019, figure 3.

    Args:
        matrices: setting -> (k, k) shares in [0, 1]; each row sums to 1, or to 0 for a class without
            utterances.
        classes: the k labels.
        title: above the figure.

    Raises:
        ValueError: no matrix, a wrong shape, or rows that are not shares.
    """
    if not matrices:
        raise ValueError("confusion_matrices needs at least one matrix")
    shares = {setting: np.asarray(matrix, float) for setting, matrix in matrices.items()}
    for setting, matrix in shares.items():
        _check_shares(setting, matrix, len(classes))
    across = len(shares) if len(shares) <= 3 else math.ceil(len(shares) / 2)
    down = math.ceil(len(shares) / across)
    side = 1.1 + 0.45 * len(classes)
    figure = _figure(across * side + 1.0, down * (side + 0.25) + 0.5)
    panels = figure.subplots(down, across, squeeze=False)
    image: Any = None
    for axes, (setting, matrix) in zip(panels.flat, shares.items(), strict=False):
        image = axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
        axes.set_title(setting, fontsize=10, color=INK)
        axes.set_xticks(
            range(len(classes)), classes, fontsize=9, rotation=30, ha="right", rotation_mode="anchor"
        )
        axes.set_yticks(range(len(classes)), classes, fontsize=9)
        axes.tick_params(length=0, colors=INK)
        axes.spines[:].set_visible(False)
        _write_shares(axes, matrix)
    for axes in panels.flat[len(shares) :]:
        axes.set_axis_off()
    bar = figure.colorbar(
        image, ax=panels, shrink=0.7, aspect=30, format=lambda share, _: f"{100 * share:.0f}"
    )
    bar.set_label("% of the true class", color=INK)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, colors=INK)
    figure.supxlabel("predicted", fontsize=10, color=INK)
    figure.supylabel("truth", fontsize=10, color=INK)
    _title(figure, title)
    return figure


def _check_shares(setting: str, matrix: np.ndarray, classes: int) -> None:
    if matrix.shape != (classes, classes):
        raise ValueError(f"{setting}: expected ({classes}, {classes}) shares, not {matrix.shape}")
    sums = matrix.sum(axis=1)
    filled = np.isclose(sums, 1, atol=1e-3) | (sums == 0)
    if not filled.all() or (matrix < 0).any():
        raise ValueError(f"{setting}: each row must hold shares that sum to 1 (or all 0), not {sums}")


def _write_shares(axes: "Axes", matrix: np.ndarray) -> None:
    for row, column in product(range(len(matrix)), repeat=2):
        share = matrix[row, column]
        text = f"{100 * share:.0f}" if matrix[row].any() else "\N{EN DASH}"
        weight = "bold" if row == column else "normal"
        color = "white" if share > 0.65 else INK  # where both contrast alike
        axes.text(column, row, text, ha="center", va="center", fontsize=9, color=color, weight=weight)


def training_curves(
    curves: Mapping[str, Mapping[str, Sequence[float]]], x_label: str = "epoch", *, title: str = ""
) -> "Figure":
    """Small multiples of what training logged: a panel a quantity, a line a run, the x axis from 1.

    Args:
        curves: run -> quantity -> values, one an epoch. Runs may lack quantities and differ in length; a
            value that is not finite leaves a gap.
        x_label: what one value stands for.
        title: above the figure.

    Raises:
        ValueError: there is no value at all.
    """
    quantities = list(
        dict.fromkeys(name for logs in curves.values() for name, values in logs.items() if len(values))
    )
    if not quantities:
        raise ValueError("training_curves needs at least one value")
    across = min(3, len(quantities))
    down = math.ceil(len(quantities) / across)
    figure = _figure(max(5.0, 3.3 * across), 2.3 * down + 0.7)
    panels = figure.subplots(down, across, squeeze=False)
    for axes, quantity in zip(panels.flat, quantities, strict=False):
        for i, (run, logs) in enumerate(curves.items()):
            values = np.asarray(logs.get(quantity, ()), float)
            # A line through one point is invisible.
            marker = "o" if len(values) == 1 else ""
            style = {"color": PALETTE[i % len(PALETTE)], "linestyle": DASHES[i // len(PALETTE) % len(DASHES)]}
            x = np.arange(1, len(values) + 1)
            axes.plot(x, values, label=run, linewidth=1.4, marker=marker, markersize=4, **style)
        axes.set_title(quantity, fontsize=10, color=INK, loc="left")
        axes.locator_params(axis="both", nbins=5)
        axes.locator_params(axis="x", integer=True)
        _clean(axes, grid="y")
    for axes in panels.flat[len(quantities) :]:
        axes.set_axis_off()
    for axes in panels.flat[max(0, len(quantities) - across) : len(quantities)]:  # nothing is below these
        axes.set_xlabel(x_label, fontsize=9, color=INK)
    _title_and_legend(figure, panels.flat[0], title)
    return figure


def embedding(
    panels: Mapping[str, np.ndarray],
    classes: np.ndarray,
    synthetic: np.ndarray,
    names: Sequence[str],
    title: str,
    kinds: tuple[str, str] = ("real", "synthetic"),
) -> "Figure":
    """Points on a plane, a colour a class, real ones light and synthetic ones dark; a panel a space.

    Yi & Mak 2019, figure 3.

    Args:
        panels: space -> (n, 2) points.
        classes: (n,) index into `names`.
        synthetic: (n,) bool.
        names: of the classes.
        title: above the figure.
        kinds: what the legend calls real and synthetic ones.

    Raises:
        ValueError: no panel, or one without a point for each class and mark.
    """
    if not panels or any(np.shape(points) != (len(classes), 2) for points in panels.values()):
        raise ValueError(f"embedding needs panels of ({len(classes)}, 2) points")
    figure = _figure(4.6 * len(panels), 4.9)
    for axes, (space, points) in zip(
        figure.subplots(1, len(panels), squeeze=False).flat, panels.items(), strict=True
    ):
        for i, name in enumerate(names):
            style = {"color": PALETTE[i % len(PALETTE)], "marker": MARKERS[i % len(MARKERS)], "linewidths": 0}
            for made, alpha, size in ((False, 0.28, 18), (True, 0.9, 9)):
                chosen = points[(classes == i) & (synthetic == made)]
                axes.scatter(*chosen.T, s=size, alpha=alpha, label=f"{name}, {kinds[made]}", **style)
        axes.set_title(space, fontsize=10, color=INK, loc="left")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color(FAINT)
    _title_and_legend(figure, axes, title)
    return figure


def labelled_points(
    rows: Mapping[str, np.ndarray], labels: Mapping[str, tuple[np.ndarray, Sequence[str]]], title: str
) -> "Figure":
    """The same points coloured by one label after another: a row a set of points, a column a kind of label.

    Li et al. 2020, figure 2.

    Args:
        rows: set -> (n, 2) points.
        labels: kind of label -> (n,) index into its names, and the names.
        title: above the figure.

    Raises:
        ValueError: no set or label, or one of another n.
    """
    n = {len(index) for index, _ in labels.values()}
    if not rows or len(n) != 1 or any(np.shape(points) != (*n, 2) for points in rows.values()):
        raise ValueError("labelled_points needs (n, 2) points and (n,) labels of one n")
    figure = _figure(4.2 * len(labels), 3.4 * len(rows) + 0.6)
    panels = figure.subplots(len(rows), len(labels), squeeze=False)
    for across, (space, points) in zip(panels, rows.items(), strict=True):
        for axes, (kind, (index, names)) in zip(across, labels.items(), strict=True):
            for i, name in enumerate(names):
                style = {"color": PALETTE[i % len(PALETTE)], "marker": MARKERS[i % len(MARKERS)]}
                axes.scatter(*points[index == i].T, s=16, alpha=0.75, label=name, linewidths=0, **style)
            axes.set_title(f"{space}: {kind}", fontsize=10, color=INK, loc="left")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_color(FAINT)
    for axes in panels[-1]:
        axes.legend(
            loc="upper center",
            bbox_to_anchor=(0.5, -0.02),
            ncols=4,
            frameon=False,
            fontsize=9,
            handletextpad=0.1,
        )
    _title(figure, title)
    return figure


def clouds(panels: Mapping[str, Mapping[str, np.ndarray]], across: int, title: str) -> "Figure":
    """Points on planes, a colour a group; so many panels a line.

    Su & Lee 2021, figure 2.

    Args:
        panels: panel -> group -> (n, 2) points; the first panel's groups are the legend's.
        across: panels side by side.
        title: above the figure.

    Raises:
        ValueError: no panel, or a group that is not (n, 2).
    """
    if not panels or any(np.ndim(p) != 2 or np.shape(p)[1] != 2 for g in panels.values() for p in g.values()):
        raise ValueError("clouds needs at least one panel, of (n, 2) points a group")
    down = math.ceil(len(panels) / across)
    figure = _figure(3.1 * across, 3.1 * down + 0.7)
    axes_of = figure.subplots(down, across, squeeze=False)
    for axes, (name, groups) in zip(axes_of.flat, panels.items(), strict=False):
        for i, (label, points) in enumerate(groups.items()):
            style = {"color": PALETTE[i % len(PALETTE)], "marker": MARKERS[i % len(MARKERS)], "linewidths": 0}
            axes.scatter(*points.T, s=9, alpha=0.6, label=label, **style)
        axes.set_title(name, fontsize=10, color=INK, loc="left")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color(FAINT)
    for axes in axes_of.flat[len(panels) :]:
        axes.set_axis_off()
    _title_and_legend(figure, axes_of.flat[0], title)
    return figure


def spread(panels: Mapping[str, Mapping[str, Sequence[float]]], title: str) -> "Figure":
    """Every value of some rows as a dot, their mean as a line; a panel a quantity in [0, 1], side by side.

    Args:
        panels: quantity -> row -> values, such as one a fold and repeat. A row may be missing from a panel.
        title: above the figure.

    Raises:
        ValueError: there is no value at all.
    """
    rows = list(dict.fromkeys(row for values in panels.values() for row in values))
    if not rows:
        raise ValueError("spread needs at least one value")
    figure = _figure(2.4 * len(panels) + 2.0, 0.45 * len(rows) + 1.0)
    for axes, (quantity, values) in zip(
        figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], panels.items(), strict=True
    ):
        for i, row in enumerate(rows):
            found = np.asarray(values.get(row, ()), float)
            if found.size:
                style = {"color": PALETTE[i % len(PALETTE)], "linewidths": 0}
                axes.scatter(found, np.full(found.size, i), s=16, alpha=0.6, **style)
                axes.vlines(found.mean(), i - 0.3, i + 0.3, color=INK, linewidth=1.4)
        axes.set_title(quantity, fontsize=10, color=INK, loc="left")
        axes.set_xlim(-0.03, 1.03)
        axes.set_yticks(range(len(rows)), rows)
        _clean(axes, grid="x")
    axes.invert_yaxis()  # shared: the first row above
    _title(figure, title)
    return figure


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG, atomically; the same figure gives the same bytes.

    Raises:
        OSError: the folder cannot be made or written.
    """
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    write_atomically(Path(path), image.getvalue())


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure  # its canvas is Agg's; pyplot is never imported

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def _clean(axes: "Axes", grid: Literal["both", "x", "y"]) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(length=0, colors=INK, labelsize=9)
    axes.grid(axis=grid, color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


def _title_and_legend(figure: "Figure", axes: "Axes", title: str) -> None:
    handles, labels = axes.get_legend_handles_labels()
    # About 110 characters of legend fit across a figure 8 inches wide.
    fitting = int(14 * figure.get_figwidth() / (max(map(len, labels), default=0) + 6))
    columns = max(1, min(len(labels), fitting))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
    if title:
        _title(figure, title)


def _title(figure: "Figure", title: str) -> None:
    fitting = int(11 * figure.get_figwidth())  # characters of a line
    figure.suptitle(textwrap.fill(title, fitting), fontsize=12, color=INK)
