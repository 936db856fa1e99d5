"""The table of a teacher's cached logits, and the script that fills it."""

# ruff: noqa: F811 (fixtures of another file, which pytest asks for by name)

import json
import tracemalloc

import numpy as np
import pytest
from small_jobs import dataset, make_targets, teacher  # noqa: F401 (fixtures)

import cache_targets
from kd.data.augmentation import Augmentation
from kd.data.rows import Rows
from kd.data.sampler import views_seen
from kd.data.views import ViewedImages
from kd.errors import UserError
from kd.runtime.speed import Speed
from kd.teachers.targets import open_table, open_targets

pytestmark = pytest.mark.usefixtures("one_thread")


def there(table):
    return set(zip(*map(np.ndarray.tolist, np.nonzero(~np.isnan(table).any(axis=2))), strict=True))


def visited(seed, epochs=4):
    return {
        (views_seen(seed, epoch, 60, 18)[sample], sample) for epoch in range(epochs) for sample in range(60)
    }


def test_targets_are_there_where_a_student_looks_and_nowhere_else(teacher, dataset, tmp_path):
    _, table = make_targets(teacher, dataset, tmp_path, 3)
    assert table.shape == (18, 60, 3)
    assert table.dtype == np.float16
    assert there(table) == visited(3)


def test_another_seed_adds_to_the_table_and_computes_only_what_it_lacks(
    teacher, dataset, tmp_path, monkeypatch
):
    note, first = make_targets(teacher, dataset, tmp_path, 3)
    computed = []
    original = cache_targets.fill
    monkeypatch.setattr(
        cache_targets,
        "fill",
        lambda table, missing, *rest: computed.append(missing) or original(table, missing, *rest),
    )
    before = note.stat().st_mtime_ns
    _, both = make_targets(teacher, dataset, tmp_path, 4)
    assert there(both) == visited(3) | visited(4)
    assert computed[0].sum() == len(visited(4) - visited(3))
    known = ~np.isnan(first)
    assert np.array_equal(both[known], first[known])
    assert note.stat().st_mtime_ns == before
    make_targets(teacher, dataset, tmp_path, 4)
    assert computed[1].sum() == 0
    assert len(list((tmp_path / "table").glob("*.npy"))) == 1


def test_the_table_does_not_depend_on_which_seed_came_first(teacher, dataset, tmp_path, monkeypatch):
    """The last bits of logits depend on the size of its batch, so all batches have one size."""
    sizes = set()
    original = ViewedImages.take

    def take(self, indices, views):
        sizes.add(len(indices))
        return original(self, indices, views)

    monkeypatch.setattr(ViewedImages, "take", take)
    for name, seeds in (("rising", (3, 4)), ("falling", (4, 3))):
        for seed in seeds:
            make_targets(teacher, dataset, tmp_path / name, seed)
    assert len(sizes) == 1
    tables = [next((tmp_path / name / "table").glob("*.npy")).read_bytes() for name in ("rising", "falling")]
    assert tables[0] == tables[1]


def test_other_code_or_another_teacher_starts_a_new_table_and_the_old_ones_notes_go(
    teacher, dataset, tmp_path
):
    """A note that outlived its table would be taken for targets that are there."""
    note, _ = make_targets(teacher, dataset, tmp_path, 3)
    other, table = make_targets(teacher, dataset, tmp_path, 4, code="other")
    assert there(table) == visited(4)
    assert not note.exists()
    assert other.exists()


def test_targets_that_were_computed_otherwise_have_a_table_of_their_own(
    teacher, dataset, tmp_path, monkeypatch
):
    """A study that goes on on another machine mixes no precisions in one table, and leaves what is there."""
    note, _ = make_targets(teacher, dataset, tmp_path, 3)
    how = {"device": "cpu", "precision": "float32", "compiled": False, "cuda_graph": False, "threads": 1}
    assert json.loads(note.read_text())["compute"] == how | {"deterministic": True}
    monkeypatch.setattr(cache_targets, "choose_speed", lambda *about, **more: Speed(bf16=True))
    other, table = make_targets(teacher, dataset, tmp_path, 4)
    assert json.loads(other.read_text())["compute"]["precision"] == "bf16"
    assert there(table) == visited(4)
    assert there(open_targets(note, Rows(Augmentation(1, True), 3, 60).needed(4))) == visited(3)
    endings = sorted(path.stem.partition("-")[2] for path in (tmp_path / "table").glob("*.npy"))
    assert endings == ["cpu-bf16", "cpu-float32"]


def test_one_changed_bit_of_what_a_student_reads_is_noticed(teacher, dataset, tmp_path):
    note, table = make_targets(teacher, dataset, tmp_path, 3)
    make_targets(teacher, dataset, tmp_path, 4)
    (path,) = (tmp_path / "table").glob("*.npy")
    whole = path.read_bytes()
    start = len(whole) - table.nbytes
    read = np.flatnonzero(~np.isnan(table).any(axis=2))  # by this student; the others are not its concern
    for place in (read[0], read[-1]):
        damaged = bytearray(whole)
        damaged[start + 2 * 3 * place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"\.npy: not the targets that .*4\.json declares"):
            open_targets(note, Rows(Augmentation(1, True), 3, 60).needed(4))
    path.write_bytes(whole)
    open_targets(note, Rows(Augmentation(1, True), 3, 60).needed(4))


def test_a_lost_table_is_reported_with_what_to_delete(teacher, dataset, tmp_path):
    note, _ = make_targets(teacher, dataset, tmp_path, 3)
    next((tmp_path / "table").glob("*.npy")).unlink()
    with pytest.raises(
        UserError, match=rf"3/4\.json: its table is gone; delete {tmp_path} to have it made again"
    ):
        open_targets(note, Rows(Augmentation(1, True), 3, 60).needed(4))


def test_a_table_that_does_not_fit_the_disk_is_refused_with_its_size(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    with (
        pytest.raises(UserError, match=r"needs 25\.9 MB: .*No space left on device; .* free some space"),
        open_table(tmp_path, "key", (162, 8000, 10)),
    ):
        pass
    assert not list(tmp_path.glob("*.npy"))


def test_a_table_larger_than_what_the_disk_has_is_refused_before_a_byte_is_written(tmp_path, monkeypatch):
    """162 views of 8,000 samples in 10 classes of 2 bytes: 25.92 MB."""
    free = type("Usage", (), {"free": 25_000_000})
    monkeypatch.setattr("kd.teachers.targets.shutil.disk_usage", lambda path: free)
    with (
        pytest.raises(UserError, match=r"needs 25\.9 MB, and the disk has 25\.0 MB; free some space, or set"),
        open_table(tmp_path, "key", (162, 8000, 10)),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_job_waits_for_the_one_that_fills_the_table(tmp_path, caplog):
    """A lock that did not hold would let the second one in at once, and lose what the first wrote."""
    from threading import Thread

    caplog.set_level("INFO", "kd")
    order = []

    def second():
        with open_table(tmp_path, "key", (2, 2, 2)):
            order.append("second in")

    with open_table(tmp_path, "key", (2, 2, 2)) as table:
        thread = Thread(target=second)
        thread.start()
        thread.join(0.5)
        table[0] = 1
        order.append("first out")
    thread.join(10)
    assert order == ["first out", "second in"]
    assert "waits for another job" in caplog.text


@pytest.mark.parametrize("content", [b"", b"no table", b"\x93NUMPY\x01\x00"])
def test_a_broken_table_is_named(teacher, dataset, tmp_path, content):
    note, _ = make_targets(teacher, dataset, tmp_path, 3)
    (table,) = (tmp_path / "table").glob("*.npy")
    table.write_bytes(content)
    with pytest.raises(UserError, match=r"\.npy: not a whole table"):
        open_targets(note, Rows(Augmentation(1, True), 3, 60).needed(4))
    with pytest.raises(UserError, match=r"\.npy: not a whole table"):
        make_targets(teacher, dataset, tmp_path, 4)


def test_a_table_of_another_data_set_is_refused(teacher, dataset, tmp_path):
    note, _ = make_targets(teacher, dataset, tmp_path, 3)
    with pytest.raises(UserError, match=r"holds \(18, 60\) \(rows, samples\), not \(18, 61\)"):
        open_targets(note, Rows(Augmentation(1, True), 3, 61).needed(4))


@pytest.mark.parametrize("content", ["", "{}", "[]"])
def test_a_broken_note_is_named(tmp_path, content):
    (tmp_path / "4.json").write_text(content)
    with pytest.raises(UserError, match=r"4\.json: not a whole note"):
        open_targets(tmp_path / "4.json", Rows(Augmentation(1, True), 3, 60).needed(4))


def test_what_a_table_lacks_is_known_without_reading_it_all(tmp_path):
    """Of Tiny ImageNet it has 10 billion numbers; here 8 MB, of which 4 kB are needed."""
    table = np.lib.format.open_memmap(tmp_path / "t.npy", "w+", dtype="<f2", shape=(200, 1000, 20))
    needed = np.zeros((200, 1000), dtype=bool)
    needed[7, :90] = needed[199, 5] = True
    table[7, 3, 19] = table[199, 5, 0] = table[8, 4] = np.nan  # the last is not needed
    tracemalloc.start()
    missing = cache_targets.lacking(table, needed)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.argwhere(missing).tolist() == [[7, 3], [199, 5]]
    assert most < 1_000_000  # 200 kB of answers
