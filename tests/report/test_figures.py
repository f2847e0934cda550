"""figures.py: what is drawn, what is refused, and that the files are valid and repeatable."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from tfsergan.report import figures

CLASSES = ("angry", "happy", "sad")
MATRIX = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])


def statistics():
    rng = np.random.default_rng(0)
    groups = {
        name: rng.normal(i, 1, size=(20 + i, 2)) for i, name in enumerate(("source", "synthetic", "target"))
    }
    return groups, figures.feature_statistics(
        groups, ["mfcc_sma[0]_amean", "pcm_loudness_sma_stddev"], "Title"
    )


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_feature_statistics_draws_mean_and_deviation():
    groups, figure = statistics()
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "mfcc_sma[0]_amean",
        "pcm_loudness_sma_stddev",
    ]
    assert axes.yaxis_inverted()  # the first feature is on top
    for values, container in zip(groups.values(), axes.containers, strict=True):
        marker, _, (bars,) = container.lines
        np.testing.assert_allclose(marker.get_xdata(), values.mean(axis=0))
        half = [np.ptp(segment[:, 0]) / 2 for segment in bars.get_segments()]
        np.testing.assert_allclose(half, values.std(axis=0))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(groups)
    assert figure.get_suptitle() == "Title"


def test_groups_do_not_cover_each_other():
    _, figure = statistics()
    heights = [container.lines[0].get_ydata()[0] for container in figure.axes[0].containers]
    assert heights == sorted(set(heights))
    assert max(map(abs, heights)) < 0.5


@pytest.mark.parametrize(
    ("groups", "names"),
    [({}, ["a"]), ({"g": np.ones((3, 1))}, []), ({"g": np.ones((3, 2))}, ["a"]), ({"g": np.ones(3)}, ["a"]),
     ({"g": np.ones((0, 1))}, ["a"]), ({"g": np.array([[np.nan]])}, ["a"])],
)  # fmt: skip
def test_feature_statistics_refuses(groups, names):
    with pytest.raises(ValueError, match=r"needs|expected|finite"):
        figures.feature_statistics(groups, names, "")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6])
def test_confusion_matrices_panels(count):
    figure = figures.confusion_matrices({f"setting {i}": MATRIX for i in range(count)}, CLASSES, "Title")
    panels = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in panels] == [f"setting {i}" for i in range(count)]
    for axes in panels:
        assert texts(axes) == ["50", "25", "25", "0", "100", "0", *["\N{EN DASH}"] * 3]
        assert axes.images[0].get_clim() == (0, 1)
        assert [label.get_text() for label in axes.get_yticklabels()] == list(CLASSES)


@pytest.mark.parametrize(
    "matrices",
    [{}, {"s": MATRIX[:2]}, {"s": 100 * MATRIX}, {"s": MATRIX - 1}, {"s": np.full((3, 3), np.nan)}],
)
def test_confusion_matrices_refuses(matrices):
    with pytest.raises(ValueError, match=r"needs|expected|shares"):
        figures.confusion_matrices(matrices, CLASSES, "")


def test_training_curves_has_a_panel_a_quantity():
    curves = {
        "fold 0": {"loss G": [3.0, 2.0, 1.0], "loss D": [1.0, np.nan, 0.5]},
        "fold 1": {"loss G": [2.0], "empty": []},
    }
    figure = figures.training_curves(curves, "epoch", title="Title")
    shown = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title(loc="left") for axes in shown] == ["loss G", "loss D"]
    first, second = shown[0].lines
    assert list(first.get_xdata()) == [1, 2, 3]
    assert list(first.get_ydata()) == [3, 2, 1]
    assert (first.get_marker(), second.get_marker()) == ("", "o")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["fold 0", "fold 1"]
    assert all(axes.get_xlabel() == "epoch" for axes in shown)


def test_training_curves_of_many_runs_look_different():
    figure = figures.training_curves({f"run {i}": {"loss": [1.0, 2.0]} for i in range(28)})
    looks = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines}
    assert len(looks) == 28


@pytest.mark.parametrize("curves", [{}, {"run": {}}, {"run": {"loss": []}}])
def test_training_curves_refuses(curves):
    with pytest.raises(ValueError, match="at least one value"):
        figures.training_curves(curves)


def test_save_is_a_png_and_repeatable(tmp_path):
    for name in ("a.png", "b.png"):
        figures.save(statistics()[1], tmp_path / "new" / name)
    first, second = ((tmp_path / "new" / name).read_bytes() for name in ("a.png", "b.png"))
    assert first == second
    assert b"Software" not in first
    image = imread(tmp_path / "new" / "a.png")
    assert image.shape[1] == 8 * figures.DOTS_PER_INCH
    assert len(np.unique(image.reshape(-1, image.shape[2]), axis=0)) > 20  # something is drawn
    assert len(list((tmp_path / "new").iterdir())) == 2


def test_pyplot_stays_out():
    code = (
        "import sys; from tfsergan.report import figures, page, tables;"
        "assert 'matplotlib' not in sys.modules;"
        "assert 'jinja2' not in sys.modules and 'rich' not in sys.modules;"
        "figures.training_curves({'r': {'loss': [1.0, 2.0]}}); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- embedding --------------------------------------------------------------------------------------------


def embedded():
    points = {
        name: np.random.default_rng(i).normal(size=(8, 2)) for i, name in enumerate(("latent", "original"))
    }
    classes, synthetic = np.array([0, 1, 2, 0] * 2), np.repeat([False, True], 4)
    return points, classes, synthetic, figures.embedding(points, classes, synthetic, CLASSES, "Title")


def test_embedding_draws_each_class_light_and_dark_in_each_space():
    points, classes, synthetic, figure = embedded()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["latent", "original"]
    assert figure.get_suptitle() == "Title"
    for axes, space in zip(figure.axes, points.values(), strict=True):
        assert len(axes.collections) == 2 * len(CLASSES)
        for i, name in enumerate(CLASSES):
            real, made = axes.collections[2 * i : 2 * i + 2]
            np.testing.assert_allclose(real.get_offsets(), space[(classes == i) & ~synthetic])
            np.testing.assert_allclose(made.get_offsets(), space[(classes == i) & synthetic])
            assert (real.get_label(), made.get_label()) == (f"{name}, real", f"{name}, synthetic")
            assert real.get_alpha() < made.get_alpha()
            np.testing.assert_array_equal(real.get_facecolor()[0, :3], made.get_facecolor()[0, :3])
    colours = {tuple(part.get_facecolor()[0, :3]) for part in figure.axes[0].collections}
    assert len(colours) == len(CLASSES)
    assert len(figure.legends[0].get_texts()) == 2 * len(CLASSES)


def test_an_embedding_of_other_kinds_says_so():
    points, classes, synthetic, _ = embedded()
    axes = figures.embedding(points, classes, synthetic, CLASSES, "", ("code", "prior")).axes[0]
    assert [part.get_label() for part in axes.collections[:2]] == [
        f"{CLASSES[0]}, code",
        f"{CLASSES[0]}, prior",
    ]


def test_a_class_may_lack_synthetic_points(tmp_path):
    points = {"latent": np.zeros((2, 2))}
    figure = figures.embedding(points, np.array([0, 1]), np.array([False, True]), CLASSES, "")
    figures.save(figure, tmp_path / "figure.png")
    assert imread(tmp_path / "figure.png").ndim == 3


@pytest.mark.parametrize("panels", [{}, {"a": np.zeros((3, 2))}, {"a": np.zeros((2, 3))}, {"a": np.zeros(2)}])
def test_embedding_refuses(panels):
    with pytest.raises(ValueError, match=r"panels of \(2, 2\) points"):
        figures.embedding(panels, np.array([0, 1]), np.array([False, True]), CLASSES, "")


# ---- labelled points --------------------------------------------------------------------------------------


def test_labelled_points_colour_the_same_points_by_each_label():
    points = {name: np.random.default_rng(i).normal(size=(6, 2)) for i, name in enumerate(("one", "other"))}
    labels = {"emotion": (np.array([0, 1, 2, 0, 1, 2]), CLASSES), "speaker": (np.arange(6) % 2, ("f", "m"))}
    figure = figures.labelled_points(points, labels, "Title")
    titles = ["one: emotion", "one: speaker", "other: emotion", "other: speaker"]
    assert [axes.get_title(loc="left") for axes in figure.axes] == titles
    for axes, (space, kind) in zip(
        figure.axes, [(s, k) for s in points.values() for k in labels.values()], strict=True
    ):
        for i, drawn in enumerate(axes.collections):
            np.testing.assert_allclose(drawn.get_offsets(), space[kind[0] == i])


def test_labelled_points_refuses_other_sizes():
    with pytest.raises(ValueError, match="of one n"):
        figures.labelled_points({"a": np.zeros((3, 2))}, {"emotion": (np.zeros(2, int), CLASSES)}, "")


def test_every_value_is_a_dot_and_every_row_has_its_mean():
    panels = {"coverage": {"GAN": [0.1, 0.3], "AAE": [0.9]}, "output": {"GAN": [0.5]}}
    figure = figures.spread(panels, "Title")
    coverage, output = figure.axes
    assert [label.get_text() for label in coverage.get_yticklabels()] == ["GAN", "AAE"]
    assert coverage.get_ylim()[0] > coverage.get_ylim()[1]  # the first row above
    dots, mean = coverage.collections[:2]
    np.testing.assert_array_equal(dots.get_offsets(), [[0.1, 0], [0.3, 0]])
    np.testing.assert_allclose(mean.get_segments()[0][:, 0], 0.2)
    assert len(output.collections) == 2  # a row that is not there is left out
    with pytest.raises(ValueError, match="at least one value"):
        figures.spread({"coverage": {}}, "")
