"""Names of classes whose signs the usual font lacks."""

import numpy as np
import pytest

from kd.plots import fonts
from kd.plots.samples import draw_samples, write_samples

CAT, IN_STIX = (
    "\N{CJK UNIFIED IDEOGRAPH-732B}",
    "\u20dd",
)  # a circle, which Matplotlib's STIX has and DejaVu lacks
IMAGES, LABELS = np.full((3, 96, 96, 3), 7, dtype=np.uint8), np.array([0, 1, 1])


@pytest.fixture
def installed(monkeypatch):
    """The fonts that Matplotlib brings, whatever else is installed."""
    monkeypatch.setattr(fonts, "OTHERS", ("Not Installed", "STIXGeneral"))


@pytest.mark.usefixtures("installed")
def test_a_sign_that_no_font_has_is_its_code_and_said_in_one_line(tmp_path, caplog, recwarn):
    names = (f"{CAT}{IN_STIX}{CAT} b", "a\u202e\n$b$ $")
    figure = draw_samples(IMAGES, LABELS, names)
    labels = figure.axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == [f"\\u732b{IN_STIX}\\u732b b", "a\\u202e\\n$b$ $"]
    assert labels[0].get_fontfamily() == ["DejaVu Sans", "STIXGeneral"]
    write_samples(tmp_path / "samples.png", IMAGES, LABELS, names)
    assert set(caplog.messages) == {
        f"samples.png: no font has {CAT}, drawn as codes; install Noto Sans CJK, for one"
    }
    assert not recwarn.list


@pytest.mark.usefixtures("installed")
def test_names_that_the_usual_font_has_need_no_other(caplog):
    assert fonts.families_for(["café $x$", "собака", "…"]) == (["DejaVu Sans"], set())
    assert fonts.families_for([IN_STIX]) == (["DejaVu Sans", "STIXGeneral"], set())
    assert not caplog.messages
