"""Bad input of every kind, each met by a real run of Snakemake; what is expected of all is in refusal.py.

The long tables are marked full: what refuses each has unit tests of its own.
"""

import hashlib
import re
import socket

import pytest
import yaml
from bad_configs import CONFIGS, FILES, OVERRIDES
from bad_downloads import ARCHIVES, GIVEN_UP, NAME, REMEDY, SERVERS, serving, whole
from bad_images import IMAGES, LAYOUTS, STUDY, make_images
from checkout import TINY
from PIL import Image
from refusal import PREPARED, refused

from kd.data.dataset import read_dataset
from kd.runtime.hardware import has_gpu

DATA = "results/tiny/data/dataset.safetensors"
ALONE = "results/tiny/alone/cnn/0/model.safetensors"
DOWNLOAD = f"_downloads/cifar10/{NAME}"


@pytest.mark.full
@pytest.mark.parametrize(("changes", "says"), CONFIGS.values(), ids=CONFIGS)
def test_a_config(fresh, changes, says):
    (fresh.folder / "study.yaml").write_text(yaml.safe_dump({**TINY, **changes}))
    refused(fresh, says=says)


@pytest.mark.parametrize(("content", "says"), FILES.values(), ids=FILES)
def test_a_file_that_is_no_config(fresh, content, says):
    (fresh.folder / "study.yaml").write_bytes(content)
    refused(fresh, says=says)


def test_a_key_that_stands_twice(fresh):
    with open(fresh.folder / "study.yaml", "a") as file:
        file.write("seeds: [5]\n")
    refused(fresh, says=["…study.yaml, line …: the key 'seeds' is there twice"])


def test_a_config_file_that_is_not_there(fresh):
    """Snakemake ends by itself, before it reads anything of this workflow, and shows its own traceback."""
    done = fresh.snakemake(config="nowhere.yaml")
    assert done.returncode != 0
    assert done.stderr.strip().endswith("No such file or directory: 'nowhere.yaml'")
    assert not (fresh.folder / "results").exists()


def test_no_default_config(fresh):
    (fresh.folder / "config" / "config.yaml").unlink()
    refused(
        fresh, config=None, says=["Workflow defines configfile …config/config.yaml but it is not present"]
    )


@pytest.mark.full
@pytest.mark.parametrize(("override", "says"), OVERRIDES.values(), ids=OVERRIDES)
def test_an_override(fresh, override, says):
    refused(fresh, "--config", override, says=says)


def test_verbose_may_show_more(fresh):
    fresh.configure(seeds=[])
    output = refused(fresh, "--verbose", says=["seeds: needs at least one entry"])
    assert "Traceback (most recent call last)" in output


@pytest.mark.full
@pytest.mark.parametrize(("spoil", "says"), LAYOUTS.values(), ids=LAYOUTS)
def test_a_folder(fresh, spoil, says):
    make_images(fresh.folder / "mine")
    spoil(fresh.folder / "mine")
    fresh.configure(**STUDY)
    refused(fresh, says=[says])


@pytest.mark.full
@pytest.mark.parametrize(("spoil", "says"), IMAGES.values(), ids=IMAGES)
def test_an_image(fresh, spoil, says):
    make_images(fresh.folder / "mine")
    spoil(fresh.folder / "mine")
    fresh.configure(**STUDY)
    refused(fresh, DATA, says=[says])


def test_odd_images_are_no_bad_ones(fresh):
    """Mixed sizes and modes, each of one colour, which it has to keep."""
    palette = Image.new("P", (9, 30), 2)
    palette.putpalette(list(range(30)))
    odd = {
        "grey.png": Image.new("L", (3, 70), 100),
        "palette.gif": palette,
        "cmyk.tif": Image.new("CMYK", (64, 5), (0, 255, 255, 0)),
        "deep.png": Image.new("I;16", (8, 8), 25700),
        "plain.PNG": Image.new("RGB", (1, 1), (10, 20, 30)),
    }
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (fresh.folder / "mine" / split / name).mkdir(parents=True)
            for file, image in odd.items():
                image.save(fresh.folder / "mine" / split / name / file)
    fresh.configure(**STUDY)
    fresh.run(DATA)
    data = read_dataset(fresh.folder / DATA)
    assert data.test_images.shape == (10, 8, 8, 3)
    assert (data.test_images == data.test_images[:, :1, :1]).all()
    colours = [(255, 0, 0), (100, 100, 100), (100, 100, 100), (6, 7, 8), (10, 20, 30)]  # by name of file
    assert [tuple(pixel) for pixel in data.test_images[:, 0, 0].tolist()] == colours * 2
    assert len(data.train_images) + len(data.validation_images) == 10


def impatient(checkout, mirror):
    """Of the same code, only the waits are shorter."""
    checkout.edit("workflow/scripts/kd/io/web/download.py", "pause: float = 1.0", "pause: float = 0.01")
    checkout.edit("workflow/scripts/kd/io/web/http.py", "TIMEOUT = (10, 30)", "TIMEOUT = (10, 0.3)")
    # That of the true archive would be all that is said of others.
    checkout.edit("workflow/scripts/kd/datasets/cifar10.py", "170_052_171", "None")
    checkout.configure(dataset={"name": "cifar10", "mirror": mirror})


@pytest.mark.full
@pytest.mark.parametrize(("answer", "says"), SERVERS.values(), ids=SERVERS)
def test_a_server(fresh, answer, says):
    with serving(answer) as address:
        impatient(fresh, address)
        refused(fresh, f"results/{DOWNLOAD}", says=[says])


def test_no_server(fresh):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    impatient(fresh, f"http://127.0.0.1:{port}")
    refused(fresh, f"results/{DOWNLOAD}", says=[f"{GIVEN_UP}Connection refused…{REMEDY}"])


@pytest.mark.full
@pytest.mark.parametrize(("make", "says"), ARCHIVES.values(), ids=ARCHIVES)
def test_an_archive(fresh, make, says):
    """With the checksum of this very archive, so that it is read."""
    archive = make(fresh.folder.parent)
    source = fresh.folder / "workflow/scripts/kd/datasets/cifar10.py"
    source.write_text(re.sub(r"[0-9a-f]{64}", hashlib.sha256(archive).hexdigest(), source.read_text()))
    with serving(whole(archive)) as address:
        impatient(fresh, address)
        refused(fresh, DATA, says=[says], made=[DOWNLOAD])
    assert (fresh.folder / "results" / DOWNLOAD).read_bytes() == archive


@pytest.mark.skipif(has_gpu(), reason="there may be a GPU")
def test_a_device_that_is_not_there(fresh):
    fresh.configure(compute={"device": "cuda"})
    refused(fresh, ALONE, says=["compute.device: …cuda…cpu"], made=PREPARED)


def test_a_batch_larger_than_the_data(fresh):
    fresh.configure(recipe={"batch_size": 100_000, "epochs": 1})
    refused(
        fresh, ALONE, says=["…batch_size: 100000 is more than the … training images; at most"], made=PREPARED
    )


def test_a_student_larger_than_memory(fresh):
    fresh.configure(students={"cnn": {"channels": [1_000_000, 1_000_000]}})
    refused(fresh, ALONE, says=["…parameters…GB…make it smaller"], made=PREPARED)
