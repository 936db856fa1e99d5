"""A teacher's stored logits as the script writes them and students read them, and the notes that declare them."""

# ruff: noqa: F811 (fixtures of another file, which pytest asks for by name)

import json
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
from small_jobs import dataset, make_targets, teacher  # noqa: F401 (fixtures)
from stored_targets import as_table

import cache_targets
from kd.data.augmentation import Augmentation
from kd.data.dataset import read_dataset
from kd.data.rows import Rows
from kd.data.sampler import views_seen
from kd.data.views import ViewedImages
from kd.errors import UserError
from kd.runtime.speed import Speed
from kd.teachers.reading import FiledTargets
from kd.teachers.targets import open_targets

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")
PADDED = Rows(Augmentation(1, True), 3, 60)


def there(table):
    return set(zip(*map(np.ndarray.tolist, np.nonzero(~np.isnan(table).any(axis=2))), strict=True))


def visited(seed, epochs=4):
    return {
        (views_seen(seed, epoch, 60, 18)[sample], sample) for epoch in range(epochs) for sample in range(60)
    }


def chunks(folder):
    return sorted((folder / "table").glob("*/*.safetensors"))


def test_targets_are_there_where_a_student_looks_and_nowhere_else(teacher, dataset, tmp_path):
    _, table = make_targets(teacher, dataset, tmp_path, 3)
    assert table.shape == (18, 60, 3)
    assert table.dtype == np.float16
    assert there(table) == visited(3)
    (chunk,) = chunks(tmp_path)
    assert chunk.stat().st_size < len(visited(3)) * (2 * 3 + 1) + 600  # nothing is stored of the rest


def test_another_seed_adds_to_the_store_and_computes_only_what_it_lacks(
    teacher, dataset, tmp_path, monkeypatch
):
    note, first = make_targets(teacher, dataset, tmp_path, 3)
    computed = []
    original = cache_targets.fill

    def fill(filling, *rest):
        computed.append(filling.missing)
        original(filling, *rest)

    monkeypatch.setattr(cache_targets, "fill", fill)
    before, old = note.read_bytes(), chunks(tmp_path)
    bytes_before = old[0].read_bytes()
    _, other = make_targets(teacher, dataset, tmp_path, 4)
    assert there(other) == visited(4)
    assert computed == [len(visited(4) - visited(3))]
    both = ~np.isnan(first) & ~np.isnan(other)
    assert np.array_equal(other[both], first[both])
    make_targets(teacher, dataset, tmp_path, 4)
    assert computed[1:] == [0]
    assert note.read_bytes() == before
    assert old[0].read_bytes() == bytes_before
    assert len(chunks(tmp_path)) == 2
    assert len(list((tmp_path / "table").glob("*/"))) == 1


def test_targets_do_not_depend_on_which_seed_came_first(teacher, dataset, tmp_path, monkeypatch):
    """The last bits of logits depend on the size of its batch, so all batches have one size."""
    sizes, tables = set(), {}
    original = ViewedImages.show

    def show(self, pixels, shown):
        sizes.add(len(pixels))
        return original(self, pixels, shown)

    monkeypatch.setattr(ViewedImages, "show", show)
    for name, seeds in (("rising", (3, 4)), ("falling", (4, 3))):
        for seed in seeds:
            _, tables[name, seed] = make_targets(teacher, dataset, tmp_path / name, seed)
    assert len(sizes) == 1
    for seed in (3, 4):
        assert tables["rising", seed].tobytes() == tables["falling", seed].tobytes()


def test_other_code_or_another_teacher_starts_a_new_store_and_the_old_ones_notes_go(
    teacher, dataset, tmp_path, caplog
):
    """A note that outlived its store would declare targets that are not there."""
    caplog.set_level("INFO", "kd")
    note, _ = make_targets(teacher, dataset, tmp_path, 3)
    (old,) = (tmp_path / "table").glob("*/")
    other, table = make_targets(teacher, dataset, tmp_path, 4, code="other")
    assert there(table) == visited(4)
    assert not note.exists()
    assert not old.exists()
    assert other.exists()
    assert f"removes {old}" in caplog.text


def test_a_table_of_earlier_versions_is_removed_with_its_notes(teacher, dataset, tmp_path, caplog):
    """It was one array of all views: its teacher's students run again anyway, for their code has changed."""
    caplog.set_level("INFO", "kd")
    old, note = tmp_path / "table" / "0123456789abcdef-cpu-float32.npy", tmp_path / "7" / "4.json"
    for path in (old, note):
        path.parent.mkdir(parents=True, exist_ok=True)
    np.save(old, np.zeros((2, 2, 2), np.float16))
    note.write_text(json.dumps({"table": f"../table/{old.name}", "sha256": "0"}))
    make_targets(teacher, dataset, tmp_path, 3)
    assert not old.exists()
    assert not note.exists()
    assert f"removes {old}: targets of another teacher, code or form" in caplog.text


def test_targets_that_were_computed_otherwise_have_a_store_of_their_own(
    teacher, dataset, tmp_path, monkeypatch
):
    """A study that goes on on another machine mixes no precisions in one store, and leaves what is there."""
    note, _ = make_targets(teacher, dataset, tmp_path, 3)
    how = {"device": "cpu", "precision": "float32", "compiled": False, "cuda_graph": False, "threads": 1}
    assert json.loads(note.read_text())["compute"] == how | {"deterministic": True}
    monkeypatch.setattr(cache_targets, "choose_speed", lambda *about, **more: Speed(bf16=True))
    other, table = make_targets(teacher, dataset, tmp_path, 4)
    assert json.loads(other.read_text())["compute"]["precision"] == "bf16"
    assert there(table) == visited(4)
    assert there(as_table(note, PADDED, 4)) == visited(3)
    endings = sorted(path.name.partition("-")[2] for path in (tmp_path / "table").glob("*/"))
    assert endings == ["cpu-bf16", "cpu-float32"]


def test_whether_to_compile_is_decided_by_what_is_missing(teacher, dataset, tmp_path, monkeypatch):
    asked = []

    def choose(compute, device, steps, **more):
        asked.append(steps)
        return Speed()

    monkeypatch.setattr(cache_targets, "BATCH", 1)
    monkeypatch.setattr(cache_targets, "choose_speed", choose)
    make_targets(teacher, dataset, tmp_path, 3)
    make_targets(teacher, dataset, tmp_path, 3)
    make_targets(teacher, dataset, tmp_path, 4)
    assert asked[1::2] == [len(visited(3)), 0, len(visited(4) - visited(3))]


RESIZED = {"area": [0.5, 1.0], "mixup": 0.2, "randaugment": [2, 9]}


def test_where_each_visit_has_its_own_view_a_seed_has_a_store_and_a_longer_run_adds_to_it(
    teacher, dataset, tmp_path
):
    _, short = make_targets(teacher, dataset, tmp_path, 3, epochs=2, augmentation=RESIZED)
    _, long = make_targets(teacher, dataset, tmp_path, 3, epochs=3, augmentation=RESIZED)
    make_targets(teacher, dataset, tmp_path, 4, epochs=2, augmentation=RESIZED)
    assert short.shape == (2, 60, 3)
    assert np.array_equal(long[:2], short)
    assert not np.isnan(long).any()
    stores = sorted((tmp_path / "table").glob("*/"), key=lambda path: path.name[-1])
    assert [path.name.rpartition("-")[2] for path in stores] == ["seed3", "seed4"]
    assert [len(list(path.glob("*.safetensors"))) for path in stores] == [2, 1]


def test_numbered_versions_are_shared_by_all_seeds(teacher, dataset, tmp_path):
    versions = {"augmentation": RESIZED | {"views": 3}}
    _, one = make_targets(teacher, dataset, tmp_path, 3, epochs=2, **versions)
    _, all_of_them = make_targets(teacher, dataset, tmp_path, 4, epochs=3, **versions)
    assert len(there(one)) == 2 * 60
    assert len(there(all_of_them)) == 3 * 60
    shared = ~np.isnan(one)
    assert np.array_equal(one[shared], all_of_them[shared])
    _, five = make_targets(teacher, dataset, tmp_path, 5, epochs=9, **versions)
    assert np.array_equal(five, all_of_them)
    assert len(chunks(tmp_path)) == 2  # the third seed computes nothing


def test_another_augmentation_starts_a_new_store(teacher, dataset, tmp_path):
    note, _ = make_targets(teacher, dataset, tmp_path, 3)
    make_targets(teacher, dataset, tmp_path, 4, augmentation={"pad": 2})
    assert not note.exists()
    assert len(list((tmp_path / "table").glob("*/"))) == 1


def test_the_largest_logits_alone(teacher, dataset, tmp_path):
    _, table = make_targets(teacher, dataset, tmp_path, 3)
    note, largest = make_targets(teacher, dataset, tmp_path, 3, top_k=1)
    assert json.loads(note.read_text())["top_k"] == 1
    seen = ~np.isnan(table)
    assert np.array_equal(np.isnan(largest), ~seen)
    assert np.array_equal(largest[seen].max(), table[seen].max())
    assert np.array_equal(largest.max(axis=2), table.max(axis=2), equal_nan=True)
    assert len(list((tmp_path / "table").glob("*/"))) == 1  # the other one is of no use any more


def test_one_changed_bit_of_what_a_student_reads_is_noticed(teacher, dataset, tmp_path, monkeypatch):
    note, _ = make_targets(teacher, dataset, tmp_path, 3)
    make_targets(teacher, dataset, tmp_path, 4)
    path = chunks(tmp_path)[0]  # of the first seed
    whole = path.read_bytes()
    for place in (len(whole) - 1, len(whole) - 500):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        says = (
            rf"{path.name}: not a whole chunk of targets \(its checksum is wrong\); delete it and .*4\.json"
        )
        with pytest.raises(UserError, match=says):
            open_targets(note, PADDED, 4, CPU)
        monkeypatch.setattr("kd.teachers.targets.HELD", 0)  # read from files: noticed in the first epoch
        targets = open_targets(note, PADDED, 4, CPU)
        with pytest.raises(UserError, match=says):
            targets.read(0, PADDED.of_epoch(0), targets.encoding.empty(60))
        monkeypatch.undo()
    path.write_bytes(whole)
    open_targets(note, PADDED, 4, CPU)


def test_another_chunk_under_the_same_name_is_noticed(teacher, dataset, tmp_path):
    note, _ = make_targets(teacher, dataset, tmp_path, 3)
    (path,) = chunks(tmp_path)
    make_targets(teacher, dataset, tmp_path, 4)
    (other,) = set(chunks(tmp_path)) - {path}
    path.write_bytes(other.read_bytes())
    with pytest.raises(UserError, match="holds something else than its name says"):
        open_targets(note, PADDED, 4, CPU)


def test_a_lost_chunk_is_reported_with_what_to_delete_and_computed_again(teacher, dataset, tmp_path):
    note, before = make_targets(teacher, dataset, tmp_path, 3)
    written = note.read_bytes()
    (chunk,) = chunks(tmp_path)
    chunk.unlink()
    says = rf"{chunk.parent}: not the targets that {note} declares: some are gone .*; delete {note} to have"
    with pytest.raises(UserError, match=says):
        open_targets(note, PADDED, 4, CPU)
    _, again = make_targets(teacher, dataset, tmp_path, 3)
    assert np.array_equal(again, before, equal_nan=True)
    assert note.read_bytes() == written


def test_a_note_is_the_same_whatever_chunks_its_targets_lie_in(teacher, dataset, tmp_path, monkeypatch):
    """Else students would be trained again after a store was deleted that two seeds had filled in turn."""
    notes = {}
    for name, seeds in (("rising", (3, 4)), ("falling", (4, 3))):
        for seed in seeds:
            notes[name, seed], _ = make_targets(teacher, dataset, tmp_path / name, seed)
    monkeypatch.setattr(cache_targets, "_chunk", lambda *about: 17)
    notes["small chunks", 3], _ = make_targets(teacher, dataset, tmp_path / "small chunks", 3)
    assert len(chunks(tmp_path / "small chunks")) > 9
    of_3 = {path.read_bytes() for (_, seed), path in notes.items() if seed == 3}
    assert len(of_3) == 1
    assert notes["rising", 4].read_bytes() == notes["falling", 4].read_bytes() not in of_3


@pytest.mark.parametrize("content", [b"", b"no chunk", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_a_broken_chunk_is_named(teacher, dataset, tmp_path, content):
    note, _ = make_targets(teacher, dataset, tmp_path, 3)
    (chunk,) = chunks(tmp_path)
    chunk.write_bytes(content)
    with pytest.raises(UserError, match=rf"{chunk.name}: not a whole chunk"):
        open_targets(note, PADDED, 4, CPU)
    with pytest.raises(
        UserError, match=rf"{chunk.name}: not a whole chunk .*; delete it to have it made again"
    ):
        make_targets(teacher, dataset, tmp_path, 4)


def test_targets_of_another_data_set_are_refused(teacher, dataset, tmp_path):
    note, _ = make_targets(teacher, dataset, tmp_path, 3)
    with pytest.raises(UserError, match=r"4\.json: has targets of 60 samples, not 61; delete it"):
        open_targets(note, Rows(Augmentation(1, True), 3, 61), 4, CPU)


@pytest.mark.parametrize("content", ["", "{}", "[]"])
def test_a_broken_note_is_named(tmp_path, content):
    (tmp_path / "4.json").write_text(content)
    with pytest.raises(UserError, match=r"4\.json: not a whole note"):
        open_targets(tmp_path / "4.json", PADDED, 4, CPU)


def test_what_is_read_from_files_is_what_is_held(teacher, dataset, tmp_path, monkeypatch):
    note, _ = make_targets(teacher, dataset, tmp_path, 3)
    make_targets(teacher, dataset, tmp_path, 4)
    held = open_targets(note, PADDED, 4, CPU)
    monkeypatch.setattr("kd.teachers.targets.HELD", 0)
    filed = open_targets(note, PADDED, 4, CPU)
    assert isinstance(filed, FiledTargets)
    for epoch in (0, 1, 2, 3, 2):
        one, other = held.encoding.empty(60), held.encoding.empty(60)
        held.read(epoch, PADDED.of_epoch(epoch), one)
        filed.read(epoch, PADDED.of_epoch(epoch), other)
        assert torch.equal(one["values"], other["values"])
    for targets in (held, filed):
        with pytest.raises(UserError, match=r"lack sample \d+ in row \d+ \(\d+ of 60 missing\); delete "):
            targets.read(9, PADDED.of_epoch(9), held.encoding.empty(60))


def test_the_next_epoch_is_read_while_this_one_is_trained_on(teacher, dataset, tmp_path, monkeypatch):
    note, _ = make_targets(teacher, dataset, tmp_path, 3)
    monkeypatch.setattr("kd.teachers.targets.HELD", 0)
    filed, gather = open_targets(note, PADDED, 4, CPU), FiledTargets._gather
    gathered, begun, released = [], Event(), Event()

    def held_up(self, wanted):
        gathered.append(wanted)
        if len(gathered) == 2:
            begun.set()
            assert released.wait(30)
        return gather(self, wanted)

    monkeypatch.setattr(FiledTargets, "_gather", held_up)
    out = filed.encoding.empty(60)
    filed.read(0, PADDED.of_epoch(0), out)  # returns although the second is held up
    assert begun.wait(30)
    released.set()
    filed.read(1, PADDED.of_epoch(1), out)
    filed.read(2, PADDED.of_epoch(2), out)
    assert len(gathered) in (3, 4), "an epoch is read once; the fourth may have begun"


def test_a_job_says_what_it_stores(dataset):
    """Where all classes are stored its text is what it was before there was a choice."""
    assert cache_targets.TargetsJob(seed=1, epochs=2).to_json() == '{"epochs": 2, "seed": 1}'
    assert json.loads(cache_targets.TargetsJob(seed=1, epochs=2, top_k=5).to_json())["top_k"] == 5
    assert read_dataset(Path(dataset)).augmentation == PADDED.augmentation
