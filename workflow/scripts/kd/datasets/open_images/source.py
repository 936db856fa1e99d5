"""Where the files of Open Images come from, and where they are kept."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from kd.datasets.open_images import metadata as open_images
from kd.datasets.open_images.boxes import Box, upright
from kd.datasets.open_images.fetch import Failed, fetch
from kd.datasets.open_images.metadata import Info
from kd.datasets.readers.images import read_image
from kd.errors import UserError, without_password
from kd.io.atomic import atomic
from kd.io.files import reading, sha256
from kd.io.locks import locked
from kd.io.web.download import download

METADATA = "https://storage.googleapis.com/openimages"
IMAGES = "https://open-images-dataset.s3.amazonaws.com"  # of the Common Visual Data Foundation


@dataclass(frozen=True)
class Place:
    """Where an image goes, and where it comes from."""

    split: str  # train or test
    subset: str  # of Open Images: train, validation or test
    label: str


@dataclass(frozen=True)
class Candidate:
    """An image that may be taken."""

    place: Place
    image: str
    info: Info | None
    box: Box | None


@dataclass(frozen=True)
class Source:
    """Where files come from, and the folder that they are kept in."""

    work: Path
    mirror: str

    def metadata(self, name: str) -> Path:
        """A file of the metadata, fetched unless it is there; by one process at a time, for all studies."""
        path = self.work / "metadata" / Path(name).name
        if not path.exists():
            waiting = f"waits for another process that downloads {path.name}"
            with locked(path.with_name(f".{path.name}.lock"), waiting):
                if not path.exists():
                    download(f"{self.mirror or METADATA}/{name}", path, None)
        return path

    def find(
        self, subset: str, labels: Collection[str], seed: int, boxes: bool
    ) -> dict[str, list[tuple[str, Box | None]]]:
        """Images of a subset by label, in the order in which they are taken, with their boxes if wanted."""
        images_of = open_images.find_images(self.metadata(open_images.LABELS[subset]), labels, seed)
        label_of = {image: label for label, images in images_of.items() for image in images}
        boxed: dict[str, Box | None] = dict.fromkeys(label_of)
        if boxes:
            boxed = open_images.find_boxes(self.metadata(open_images.BOXES[subset]), label_of)
        return {
            label: [(image, boxed[image]) for image in images if image in boxed]
            for label, images in images_of.items()
        }

    def candidates(
        self, chosen: Mapping[Place, Sequence[tuple[str, Box | None]]]
    ) -> dict[Place, list[Candidate]]:
        """The same images with what is to be known of them, as far as it is listed."""
        infos: dict[str, Info] = {}
        for subset in dict.fromkeys(place.subset for place in chosen):
            images = {image for place in chosen for image, _ in chosen[place] if place.subset == subset}
            infos |= open_images.find_info(self.metadata(open_images.IMAGES[subset]), images)
        return {
            place: [Candidate(place, image, infos.get(image), box) for image, box in images]
            for place, images in chosen.items()
        }

    def url(self, candidate: Candidate) -> str:
        """The address that an image is fetched from."""
        return f"{self.mirror or IMAGES}/{self.name(candidate)}"

    @staticmethod
    def name(candidate: Candidate) -> str:
        """Where an image lies on a server."""
        return f"{candidate.place.subset}/{candidate.image}.jpg"

    def file(self, candidate: Candidate) -> Path:
        """The file that an image is kept in; not all in one folder, which would become slow."""
        image = candidate.image
        return self.work / "images" / candidate.place.subset / image[:2] / f"{image}.jpg"

    def read(self, candidate: Candidate, size: int) -> tuple[np.ndarray, str]:
        """The image (size, size, 3) uint8 and the SHA-256 of its file, which is fetched unless it is there.

        Raises Failed when it cannot be had.
        """
        file, url = self.file(candidate), self.url(candidate)
        if candidate.info is None:
            raise Failed(without_password(url), "no licence or author is listed for it")
        made = partial(upright, turn=candidate.info.turn, box=candidate.box)
        if file.exists():
            with reading(file):  # what cannot be read now may be whole
                checksum = sha256(file)
            try:
                return read_image(str(file), size, made), checksum
            except UserError:
                file.unlink(missing_ok=True)
        content = fetch(url)
        with atomic(file) as temporary:
            temporary.write_bytes(content)
            try:
                return read_image(str(temporary), size, made), sha256(temporary)
            except UserError as error:
                raise Failed(without_password(url), f"no whole image: {error.__cause__}") from error
