"""Teachers of which there are only logits: each sample gets its own, and what does not fit is reported in a line."""

import io
import json
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from small_config import complaints, config
from stored_targets import as_table

import import_logits
import import_targets
from kd.config.load import load_study
from kd.config.study.warnings import unsupported
from kd.data.augmentation import Augmentation
from kd.data.dataset import Dataset, write_dataset
from kd.data.rows import Rows
from kd.data.sampler import views_seen
from kd.errors import UserError
from kd.jobs.teachers import LogitsTargetsJob, LogitsTeacherJob
from kd.plan.teachers import user_teachers
from kd.plan.user_files import content
from kd.results.table import summarise
from kd.results.text.cells import seed_table
from kd.teachers.logits import read_user_logits, test_logits, training_logits

CLASSES, SAMPLES = 3, 5
test_logits.__test__ = False  # a function, and no test
IDS = np.array([3, 0, 4, 1, 2])
ROWS = np.arange(15, dtype=np.float32).reshape(5, 3)
# Of the samples by IDS, whose labels are 0 1 1 2 0 in this order of rows: right, and as ROWS for class 0.
RIGHT = ROWS + 50 * np.array([[0, -1, -1], [0, -1, -1], [0, 1, 0], [0, 1, 0], [0, 0, 1]], np.float32)


def saved(tmp_path, **arrays):
    np.savez(tmp_path / "mine.npz", **arrays)
    return tmp_path / "mine.npz", content(str(tmp_path / "mine.npz"), "x", tmp_path / "cache")


def data_set(pad=0, flip=False):
    """What they have to fit."""
    labels = dict.fromkeys(("train_labels", "test_labels"), range(SAMPLES))
    return SimpleNamespace(**labels, classes=range(CLASSES), augmentation=Augmentation(pad, flip))


def plain(tmp_path, pad=0, flip=False, **changes):
    arrays = {"train_ids": IDS, "train_logits": ROWS} | changes
    path, sha256 = saved(tmp_path, **arrays)
    return training_logits(read_user_logits(path, sha256, data_set(pad, flip)), path, data_set(pad, flip))


# --- In a config.

TEACHERS = {"resnet18": {"width": 0.25}, "stored": {"logits": "mine.npz"}}


def test_in_a_config():
    methods = {"kd": {}, "at": {}, "multi_head": {}, "both": {"kd": {}, "dkd": {}}}
    teachers = {**TEACHERS, "pair": {"ensemble": ["resnet18", "vgg16"]}, "vgg16": {}}
    study = load_study(config(teachers=teachers, methods=methods))
    of = {name: [teacher for teacher, _ in study.pairs_of(name)] for name in methods}
    assert of["kd"] == of["both"] == ["resnet18", "stored", "pair", "vgg16"]
    assert "stored" not in of["at"] + of["multi_head"]
    assert study.logits_teachers == {"stored": "mine.npz"}
    assert study.untrained == ("pair", "stored")
    assert "not run with teachers.stored, which has logits alone: at, multi_head" in unsupported(study)


@pytest.mark.parametrize(
    ("teachers", "methods", "line"),
    [
        ({"stored": {"logits": 3}}, {}, "teachers.stored.logits: should be a valid string (it is 3)"),
        ({"stored": {"logits": "x", "lr": 1}}, {}, "teachers.stored.lr: unknown key; allowed: logits"),
        (
            {"stored": {"logits": "x", "external": "y"}},
            {},
            "teachers.stored.external: unknown key; allowed: logits",
        ),
        (
            {"both": {"ensemble": ["resnet18", "stored"]}},
            {},
            "teachers.both.ensemble: 'stored' is no teacher that is trained",
        ),
        ({}, {"kd": {"via": ["stored"]}}, "methods.kd.via: 'stored' is in neither students nor teachers"),
    ],
)
def test_mistakes_in_a_config(teachers, methods, line):
    (complaint,) = complaints(teachers={**TEACHERS, **teachers}, methods=methods or {"kd": {}})
    assert complaint.startswith(line)


def test_a_method_that_no_teacher_can_serve():
    (complaint,) = complaints(teachers={"stored": {"logits": "x"}}, methods={"at": {}})
    assert complaint == "methods.at: needs a teacher that is one network, and no pair has that"


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"train_ids": IDS}, "lacks train_logits; it should hold train_ids, train_logits, and test_ids and"),
        ({"train_ids": IDS, "train_logits": ROWS, "test_ids": IDS}, "lacks test_logits; it should hold"),
        (
            {"train_ids": IDS, "train_logits": ROWS, "logits": ROWS},
            "holds 'logits'; it should hold train_ids",
        ),
    ],
)
def test_what_a_file_should_hold_is_reported_with_the_config(tmp_path, monkeypatch, arrays, says):
    monkeypatch.chdir(tmp_path)
    saved(tmp_path, **arrays)
    with pytest.raises(UserError, match=rf"^teachers\.stored\.logits: 'mine\.npz' {says}"):
        user_teachers(load_study(config(teachers=TEACHERS)))


def test_a_zipped_folder_is_named_with_the_config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("mine.npz", "w") as file:
        for name in ("train_ids", "train_logits"):
            file.writestr(f"logits/{name}.npy", header((1,)))
    says = "lacks train_ids, train_logits and holds 'logits/train_ids, logits/train_logits'; it should hold"
    with pytest.raises(UserError, match=says):
        user_teachers(load_study(config(teachers=TEACHERS)))


def test_a_job_says_whether_test_images_are_among_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arrays = {"train_ids": IDS, "train_logits": ROWS}
    for more in ({}, {"test_ids": IDS, "test_logits": ROWS}):
        _, sha256 = saved(tmp_path, **arrays, **more)
        _, jobs = user_teachers(load_study(config(teachers=TEACHERS)))
        assert jobs == {"stored": LogitsTeacherJob(name="stored", sha256=sha256, test=bool(more))}


# --- The arrays.


def test_each_sample_gets_its_own_row(tmp_path):
    """Row 0 is of sample 3, row 1 of sample 0, and so on."""
    logits = plain(tmp_path)
    assert logits.shape == (1, 5, 3)
    assert logits[0, :, 0].tolist() == [3, 9, 12, 0, 6]


def test_views_come_first(tmp_path):
    """Pad 1 without mirroring has nine views."""
    logits = np.arange(9)[:, None, None] * 100 + ROWS
    assert plain(tmp_path, pad=1, train_logits=logits)[7, :, 0].tolist() == [703, 709, 712, 700, 706]


NAN = ROWS.copy()
NAN[2, 1] = np.nan
WRONG = {
    "missing": (
        {"train_ids": IDS[:3], "train_logits": ROWS[:3]},
        "train_ids lack 2 of 5 samples, the first is 1",
    ),
    "twice": (
        {"train_ids": np.append(IDS, 4), "train_logits": ROWS[[0, 1, 2, 3, 4, 4]]},
        "train_ids repeat 1 of 5 samples, the first is 4",
    ),
    "beyond": ({"train_ids": IDS + 1}, "train_ids hold 5, and samples are numbered 0 to 4"),
    "negative": ({"train_ids": IDS - 1}, "train_ids hold -1, and samples"),
    "broken-numbers": ({"train_ids": IDS / 2}, r"train_ids are \(5,\) float64, not one whole number"),
    "classes": (
        {"train_logits": ROWS[:, :2]},
        r"train_logits are \(1, 5, 2\) float32, not \(1, 5, 3\) of a floating type",
    ),
    "rows": ({"train_logits": ROWS[:4]}, r"train_logits are \(1, 4, 3\) float32, not \(1, 5, 3\)"),
    "whole": ({"train_logits": ROWS.astype(np.int64)}, r"train_logits are \(1, 5, 3\) int64, not"),
    "flat": ({"train_logits": ROWS[0]}, r"train_logits are \(3,\) float32, not \(1, 5, 3\)"),
    "nan": ({"train_logits": NAN}, "train_logits are not all finite"),
    "infinite": (
        {"train_logits": np.where(ROWS == 4, np.float32("inf"), ROWS)},
        "train_logits are not all finite",
    ),
    "views": (
        {"pad": 1},
        r"train_logits are of images as they are, and this study shows 9 views of each; give \(views, samples",
    ),
    "too-few-views": (
        {"flip": True, "train_logits": ROWS[None]},
        r"train_logits are \(1, 5, 3\) float32, not \(2, 5, 3\)",
    ),
    "objects": ({"train_logits": np.array([{}] * 5, dtype=object)}, "not a whole file of arrays"),
}


@pytest.mark.parametrize(("changes", "says"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit(tmp_path, changes, says):
    with pytest.raises(UserError, match=rf"mine\.npz: {says}"):
        plain(tmp_path, **changes)


def test_those_of_the_test_images(tmp_path):
    def logits_with(**changes):
        path, sha256 = saved(tmp_path, **{"test_ids": IDS, "test_logits": ROWS} | changes)
        return test_logits(read_user_logits(path, sha256, data_set()), path, data_set())

    assert logits_with()[:, 0].tolist() == [3, 9, 12, 0, 6]
    for changes, says in (
        ({"test_logits": NAN}, "test_logits are not all finite"),
        ({"test_ids": IDS[::-1] // 2}, "test_ids lack 2 of 5 samples, the first is 3"),
    ):
        with pytest.raises(UserError, match=says):
            logits_with(**changes)


def test_a_file_that_changed_or_is_cut_short(tmp_path):
    path, sha256 = saved(tmp_path, train_ids=IDS)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(UserError, match="has changed since the study was read"):
        read_user_logits(path, sha256, data_set())
    with pytest.raises(UserError, match="not a whole file of arrays"):
        read_user_logits(path, content(str(path), "x", tmp_path / "cache"), data_set())


def header(shape):
    """An .npy file of float32 that holds nothing but its header."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue()


def archive(tmp_path, content_of_ids, **flags):
    """An .npz file with a member of these bytes; `flags`: fields of its directory that are set by force."""
    path = tmp_path / "mine.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("train_ids.npy", content_of_ids)
    if flags:
        data = bytearray(path.read_bytes())
        for start, offsets in ((data.find(b"PK\1\2"), (8, 10)), (0, (6, 8))):
            for offset, value in zip(offsets, (flags.get("bits", 0), flags.get("method", 0)), strict=True):
                data[start + offset : start + offset + 2] = value.to_bytes(2, "little")
        path.write_bytes(data)
    return path, content(str(path), "x", tmp_path / "cache")


@pytest.mark.parametrize(
    ("member", "flags", "says"),
    [
        (
            header((10**6, 2_500_000)),
            {},
            r"train_ids are \(1000000, 2500000\) float32, which is more than the data",
        ),
        (header((4,)), {}, "not a whole file of arrays .*shorter or longer than its header says"),
        (header((5,)) + bytes(20), {"bits": 1}, "not a whole file of arrays .*encrypted"),
        (header((5,)) + bytes(20), {"method": 77}, "not a whole file of arrays .*compression method"),
        (b"", {}, "not a whole file of arrays"),
        (b"text", {}, "not a whole file of arrays"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, member, flags, says):
    path, sha256 = archive(tmp_path, member, **flags)
    with pytest.raises(UserError, match=rf"mine\.npz: {says}"):
        read_user_logits(path, sha256, data_set())


def test_a_small_file_of_many_numbers_is_not_unpacked(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "mine.npz", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("train_logits.npy", header((10**7 + 1,)) + bytes(4 * (10**7 + 1)))
    monkeypatch.setattr(np, "load", None)
    with pytest.raises(UserError, match="more than the data set has"):
        read_user_logits(*saved_as(tmp_path), data_set())


def saved_as(tmp_path):
    return tmp_path / "mine.npz", content(str(tmp_path / "mine.npz"), "x", tmp_path / "cache")


@pytest.mark.parametrize("ids", [np.array(3), np.float32(1), np.zeros((5, 1), int)])
def test_ids_of_another_shape_are_named(tmp_path, ids):
    with pytest.raises(UserError, match=r"train_(ids|logits) are \("):
        plain(tmp_path, train_ids=ids)


# --- The scripts.


@pytest.fixture
def data(tmp_path):
    """Five training images, four test images; classes 0 1 2 0 1."""
    arrays = {}
    for part, count in (("train", 5), ("validation", 3), ("test", 4)):
        arrays[f"{part}_images"] = np.zeros((count, 4, 4, 1), np.uint8)
        arrays[f"{part}_labels"] = np.arange(count) % 3
    facts = {"classes": ("a", "b", "c"), "mean": (0.5,), "std": (0.25,)}
    for flip in (False, True):
        write_dataset(
            tmp_path / f"{flip}.safetensors", Dataset(**arrays, **facts, augmentation=Augmentation(0, flip))
        )
    return tmp_path


def taken(data, flip=False, **arrays):
    path, sha256 = saved(data, **arrays)
    job = LogitsTeacherJob(name="mine", sha256=sha256, test="test_ids" in arrays)
    made = data / "metrics.json", data / "test_logits.npy", data / "validation_logits.npy"
    import_logits.main(job, data / f"{flip}.safetensors", path, *made)
    assert np.load(made[2]).shape == (0, 3)
    return json.loads(made[0].read_text()), np.load(made[1])


def sure_of(*classes):
    """Logits of 90 % for these classes and 5 % for each of the other two: 18 : 1 : 1."""
    return np.float32(np.log(18)) * np.eye(3, dtype=np.float32)[list(classes)]


def test_its_scores(data):
    """Right for all training images, and for three of four test images, whose labels are 2 1 0 0 in this order."""
    train = {"train_ids": IDS, "train_logits": sure_of(0, 0, 1, 1, 2)}
    metrics, logits = taken(data, **train)
    assert metrics["train_accuracy"] == 100
    assert metrics["train_loss"] == pytest.approx(-np.log(0.9))
    assert metrics["test_accuracy"] is None
    assert logits.shape == (0, 3)
    test = sure_of(2, 1, 0, 1)
    metrics, logits = taken(data, **train, test_ids=np.array([2, 1, 0, 3]), test_logits=test)
    assert metrics["test_accuracy"] == metrics["selected_test_accuracy"] == 75
    assert metrics["test_loss"] == pytest.approx(-(3 * np.log(0.9) + np.log(0.05)) / 4)
    assert metrics["ece"] == pytest.approx(90 - 75)
    assert np.array_equal(logits, test[[2, 1, 0, 3]])


def test_another_order_of_classes_ends_both_jobs(data):
    """Output 0 means class b, 1 c and 2 a."""
    wrong = sure_of(2, 2, 0, 0, 1)
    says = (
        f"{data}/mine.npz: its outputs are in another order of classes: 0.0% of the images right, but 100.0% if they"
        " are [b, c, a]; the order of the data set is [a, b, c]. Put its columns into that order:"
        " train_logits[..., order] and test_logits[..., order] with order = [2, 0, 1]"
    )
    with pytest.raises(UserError) as caught:
        taken(data, train_ids=IDS, train_logits=wrong)
    assert str(caught.value) == says
    with pytest.raises(UserError) as caught:
        targets(data, wrong, flip=False)
    assert str(caught.value) == says
    assert not (data / "targets").exists()
    right = wrong[:, [2, 0, 1]]
    assert taken(data, train_ids=IDS, train_logits=right)[0]["train_accuracy"] == 100


def test_logits_at_chance_end_the_job(data):
    """All the weight on class 0 is right for 2 of 5 training images, or for 4 of 9 with the test images."""
    zero = sure_of(0, 0, 0, 0, 0)
    with pytest.raises(UserError, match=r"mine\.npz: at chance on this data: 40\.0% of the images right"):
        taken(data, train_ids=IDS, train_logits=zero)
    with pytest.raises(UserError, match=r"44\.4% of the images right"):
        taken(data, train_ids=IDS, train_logits=zero, test_ids=np.arange(4), test_logits=zero[:4])
    with pytest.raises(UserError, match=r"at chance on this data: 40\.0% "):
        targets(data, np.stack([zero, zero]))


def test_of_an_image_a_view_that_is_known_counts_once(data):
    """The plain view is 0. Sample 0 has the other alone, which is right; sample 3 has none and does not count."""
    views = np.stack([sure_of(0, 1, 1, 1, 2), sure_of(1, 0, 0, 0, 0)])
    views[0, 1] = views[:, 0] = np.nan  # samples 0 and 3
    assert taken(data, flip=True, train_ids=IDS, train_logits=views)[0]["train_accuracy"] is None
    views[1, 1] = sure_of(1)
    with pytest.raises(UserError, match=r"at chance on this data: 75\.0% of the images right"):
        taken(data, flip=True, train_ids=IDS, train_logits=views)


def test_the_table_shows_dashes_for_what_is_not_known(data):
    metrics, _ = taken(data, train_ids=IDS, train_logits=RIGHT)
    table = summarise([metrics])
    assert seed_table(table)["mine"]["test accuracy"] == "\N{EN DASH}"
    assert table.loc[0, "architecture"] == "logits"


def targets(data, logits, flip=True, epochs=2, seed=0):
    path, sha256 = saved(data, train_ids=IDS, train_logits=logits)
    job = LogitsTargetsJob(sha256=sha256, seed=seed, epochs=epochs)
    note = data / "targets" / str(seed) / f"{epochs}.json"
    import_targets.main(job, "code", data / f"{flip}.safetensors", path, data / "targets" / "table", note)
    return as_table(note, Rows(Augmentation(0, flip), seed, SAMPLES), epochs)


def test_targets_are_like_those_of_any_teacher(data):
    table = targets(data, np.stack([RIGHT, RIGHT + 100]), epochs=9)
    assert table.dtype == np.float16
    for view, plus in ((0, 0), (1, 100)):
        seen = ~np.isnan(table[view, :, 0])
        assert seen.sum() > 2
        assert table[view, seen, 0].tolist() == (np.array([3, 9, 12, 0, 6])[seen] + plus).tolist()


def test_views_that_no_student_sees_may_be_missing_and_others_not(data):
    logits = np.full((2, 5, 3), np.nan, np.float32)
    seen = views_seen(0, 0, 5, 2)  # of the samples, in the one epoch
    for row, sample in enumerate(IDS):
        logits[seen[sample], row] = RIGHT[row]
    table = targets(data, logits, epochs=1)
    assert [table[seen[sample], sample, 0] for sample in range(5)] == [3, 9, 12, 0, 6]
    logits[seen[IDS[1]], 1] = np.nan  # sample 0
    says = f"train_logits lack 1 of the 5 views that students of seed 0 see in 1 epochs, the first is sample 0 in view {seen[0]}"
    with pytest.raises(UserError, match=says):
        targets(data, logits, epochs=1)


def test_logits_that_float16_cannot_hold(data):
    with pytest.raises(UserError, match="not finite in float16; they must be below 65,504"):
        targets(data, RIGHT * 1e4, flip=False)
