"""The metadata of Open Images, on small tables of the true form; what is chosen is worked out by hand."""

import pytest
from open_images_server import BOXES, CLASSES, IMAGES, LABELS, image_id, table
from PIL import Image

from kd.datasets.open_images.boxes import Box, square_around, upright
from kd.datasets.open_images.metadata import FACTS, find_boxes, find_classes, find_images, find_info
from kd.errors import UserError

CAT, DOG, BIRD, SEAL = "/m/01yrx", "/m/0bt9lr", "/m/015p6", "/m/0gd36"
NAMED = [(CAT, "Cat"), (DOG, "Dog"), (BIRD, "Bell pepper, red"), (SEAL, "Seal"), ("/g/11", "Seal")]


def write(path, header, rows):
    path.write_bytes(table(header, rows))
    return path


@pytest.fixture
def classes(tmp_path):
    return write(tmp_path / "classes.csv", CLASSES, NAMED)


def test_classes_in_the_order_asked_for(classes):
    labels = find_classes(classes, ["Dog", "Bell pepper, red", "Cat"])
    assert list(labels.items()) == [(DOG, "Dog"), (BIRD, "Bell pepper, red"), (CAT, "Cat")]


def test_a_class_may_be_named_by_its_label(classes):
    assert find_classes(classes, ["/g/11", "Cat"]) == {"/g/11": "Seal (/g/11)", CAT: "Cat"}


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["Cta", "Dog"], "Open Images has no class 'Cta'; did you mean 'Cat'?"),
        (["cat", "Dog"], "Open Images has no class 'cat'; did you mean 'Cat'?"),
        (["Xylophone", "Dog"], "Open Images has no class 'Xylophone'"),
        (["Seal", "Dog"], "'Seal' is the name of 2 classes; take one of /m/0gd36, /g/11"),
        (["Dog", "/m/0bt9lr"], "'/m/0bt9lr' is there twice"),
        (["Seal", "Cta"], "'Seal' is the name of 2 classes; take one of /m/0gd36, /g/11; Open Images has no"),
    ],
)
def test_classes_that_are_wrong(classes, names, says):
    with pytest.raises(UserError) as caught:
        find_classes(classes, names)
    assert str(caught.value).startswith(f"dataset.classes: {says}")


def rows_of(label, *numbers, confidence="1"):
    return [(image_id(number), "verification", label, confidence) for number in numbers]


# By sha256sum of "0:0000000000000001" and so on: 02 9164d51a, 06 a0fdc622, 07 a6c4fad6, 01 a9ce2c25,
# 03 bef26849, 08 f57d5b95, 04 fcb84c3d, 05 ff062247. Of "7:...": 01, 03, 06, 08, 04, 05, 07, 02.
def test_the_order_is_that_of_the_draw(tmp_path):
    path = write(tmp_path / "labels.csv", LABELS, rows_of(CAT, 1, 2, 3, 4) + rows_of(DOG, 5, 6, 7, 8))
    numbers = {
        label: [int(i, 16) for i in images] for label, images in find_images(path, [CAT, DOG], 0).items()
    }
    assert numbers == {CAT: [2, 1, 3, 4], DOG: [6, 7, 8, 5]}
    numbers = {
        label: [int(i, 16) for i in images] for label, images in find_images(path, [CAT, DOG], 7).items()
    }
    assert numbers == {CAT: [1, 3, 4, 2], DOG: [6, 8, 5, 7]}


def test_the_order_is_not_that_of_the_file_nor_of_the_labels(tmp_path):
    rows = rows_of(CAT, 1, 2, 3, 4) + rows_of(DOG, 5, 6, 7, 8)
    path = write(tmp_path / "labels.csv", LABELS, rows)
    backwards = write(tmp_path / "backwards.csv", LABELS, rows[::-1])
    assert find_images(path, [CAT, DOG], 0) == find_images(backwards, [DOG, CAT], 0)


def test_only_images_that_show_one_class_alone(tmp_path):
    rows = [
        *rows_of(CAT, 1, 2, 3, 4, 5, 6),
        *rows_of(DOG, 2),  # shows both
        *rows_of(DOG, 3, 7, confidence="0"),  # has no dog, people say
        *rows_of(BIRD, 4),  # a class that nobody asked for
        *rows_of(CAT, 5, confidence="0.0"),  # people disagree
        *rows_of(CAT, 6, confidence="1.0"),  # labelled twice
        *rows_of(CAT, 8, confidence="1.0"),
        *rows_of(DOG, 9),
    ]
    chosen = find_images(write(tmp_path / "labels.csv", LABELS, rows), [CAT, DOG], 0)
    assert {label: {int(i, 16) for i in images} for label, images in chosen.items()} == {
        CAT: {1, 3, 4, 6, 8},
        DOG: {9},
    }


@pytest.mark.parametrize("image", ["../../../etc/passwd", "0000000000000001.jpg", "", "000000000000000G"])
def test_an_image_id_becomes_no_path(tmp_path, image):
    path = write(tmp_path / "labels.csv", LABELS, [(image, "verification", CAT, "1")])
    with pytest.raises(UserError, match=r"labels\.csv: '.*' is no ImageID, which has 16 hexadecimal digits"):
        find_images(path, [CAT, DOG], 0)


def test_a_confidence_that_is_none(tmp_path):
    path = write(tmp_path / "labels.csv", LABELS, rows_of(CAT, 1, confidence="0.7"))
    with pytest.raises(UserError, match=r"the Confidence of 0{15}1 is '0\.7'; 0 or 1 is allowed"):
        find_images(path, [CAT, DOG], 0)


def info_row(number, rotation, title="T"):
    flickr = [f"https://f/{kind}/{number}" for kind in ("original", "landing", "licence", "profile")]
    return (image_id(number), "test", *flickr, "Ünal", title, 9, "md5==", "", rotation)


def test_whose_an_image_is(tmp_path):
    title = 'a "quoted", one\nof two lines'
    rows = [info_row(1, "90.0", title), info_row(2, ""), info_row(3, "0.0"), info_row(4, "whatever")]
    info = find_info(write(tmp_path / "images.csv", IMAGES, rows), {image_id(1), image_id(2), image_id(9)})
    assert set(info) == {image_id(1), image_id(2)}
    assert info[image_id(1)].facts == {
        "License": "https://f/licence/1",
        "Author": "Ünal",
        "AuthorProfileURL": "https://f/profile/1",
        "Title": title,
        "OriginalLandingURL": "https://f/landing/1",
        "OriginalURL": "https://f/original/1",
    }
    assert tuple(info[image_id(1)].facts) == FACTS
    assert (info[image_id(1)].turn, info[image_id(2)].turn) == (90, None)


def test_a_rotation_that_is_none(tmp_path):
    path = write(tmp_path / "images.csv", IMAGES, [info_row(1, "45.0")])
    with pytest.raises(UserError, match=r"the Rotation of 0+1 is '45\.0'; 0, 90, 180 or 270 is allowed"):
        find_info(path, {image_id(1)})


def box_row(number, label, sides, group=0):
    return (image_id(number), "xclick", label, 1, *sides, 0, 0, group, 0, 0)


def test_the_largest_box_of_its_class(tmp_path):
    rows = [
        box_row(1, CAT, (0.1, 0.2, 0.1, 0.2)),
        box_row(1, CAT, (0.2, 0.6, 0.0, 0.5)),
        box_row(1, CAT, (0.0, 0.3, 0.0, 0.3)),
        box_row(1, DOG, (0.0, 1.0, 0.0, 1.0)),
        box_row(2, CAT, (0.0, 1.0, 0.0, 1.0), group=1),
        box_row(3, DOG, (0.5, 1.0, 0.5, 1.0)),
    ]
    labels = {image_id(1): CAT, image_id(2): CAT, image_id(3): CAT}
    boxes = find_boxes(write(tmp_path / "boxes.csv", BOXES, rows), labels)
    assert boxes == {image_id(1): Box(0.2, 0.6, 0.0, 0.5)}


@pytest.mark.parametrize("sides", [(0.5, 0.4, 0, 1), (0, 1.5, 0, 1), ("x", 1, 0, 1), ("nan", 1, 0, 1)])
def test_a_box_that_is_none(tmp_path, sides):
    path = write(tmp_path / "boxes.csv", BOXES, [box_row(1, CAT, sides)])
    with pytest.raises(UserError, match=r"boxes\.csv: a box of 0+1 is .*; shares of 1 are needed"):
        find_boxes(path, {image_id(1): CAT})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "its first line lacks ImageID, LabelName, Confidence"),
        (b"<!DOCTYPE html><title>log in</title>", "its first line lacks ImageID, LabelName, Confidence"),
        (b"ImageID,LabelName\n", "its first line lacks Confidence"),
        (table(LABELS, rows_of(CAT, 1, 2))[:-8], "line 3: 3 columns instead of 4"),
        (table(LABELS, []) + b"\xff\xfe,verification,x,1\n", "no text in UTF-8: 'utf-8' codec"),
        (table(LABELS, []) + b"a" * 200_000 + b",b,c,1\n", "line 2: no CSV: field larger than field limit"),
    ],
)
def test_a_table_that_is_none(tmp_path, content, says):
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        find_images(path, [CAT, DOG], 0)
    assert says in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert str(caught.value).endswith("; delete it and run again")


# Images upright


@pytest.mark.parametrize(
    ("box", "size", "square"),
    [
        (Box(0.25, 0.75, 0.25, 0.75), (100, 100), (25, 25, 75, 75)),
        (Box(0.4, 0.5, 0.0, 1.0), (200, 100), (40, 0, 140, 100)),  # 20 wide, 100 high, its middle at 90
        (Box(0.9, 1.0, 0.0, 1.0), (200, 100), (100, 0, 200, 100)),  # no room on the right
        (Box(0.0, 0.1, 0.0, 1.0), (200, 100), (0, 0, 100, 100)),  # nor on the left
        (Box(0.0, 1.0, 0.0, 1.0), (200, 100), (50, 0, 150, 100)),  # longer than the image is high
        (Box(0.5, 0.5001, 0.5, 0.5001), (100, 100), (50, 50, 51, 51)),  # less than a pixel
    ],
)
def test_a_square_around_a_box(box, size, square):
    assert square_around(box, size) == square


def corner(image):
    """Which corner is red: the sum of 1 for the right half and 2 for the lower one."""
    (place,) = [
        right + 2 * low
        for right in (0, 1)
        for low in (0, 1)
        if image.getpixel((right * (image.width - 1), low * (image.height - 1))) == (255, 0, 0)
    ]
    return place


@pytest.mark.parametrize(
    ("turn", "size", "red"), [(0, (4, 2), 0), (90, (2, 4), 2), (180, (4, 2), 3), (270, (2, 4), 1)]
)
def test_turned_counterclockwise(turn, size, red):
    image = Image.new("RGB", (4, 2))
    image.putpixel((0, 0), (255, 0, 0))
    turned = upright(image, turn, None)
    assert (turned.size, corner(turned)) == (size, red)


def with_exif(tmp_path):
    """Red at the top left; EXIF says to turn it by 90 degrees clockwise."""
    image = Image.new("RGB", (4, 2))
    image.putpixel((0, 0), (255, 0, 0))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.png", exif=exif)
    return Image.open(tmp_path / "turned.png")


def test_exif_counts_only_where_the_metadata_do_not_say(tmp_path):
    assert corner(upright(with_exif(tmp_path), None, None)) == 1
    assert corner(upright(with_exif(tmp_path), 0, None)) == 0
    assert corner(upright(with_exif(tmp_path), 90, None)) == 2


@pytest.mark.parametrize("turn", [None, 90])
def test_a_box_is_cut_out_before_turning(tmp_path, turn):
    whole = Box(0.0, 0.5, 0.0, 1.0)  # the left square
    cut = upright(with_exif(tmp_path), turn, whole)
    assert (cut.size, corner(cut)) == ((2, 2), 1 if turn is None else 2)
