"""What is stored of logits and what is read back, against sums over all classes in float64."""

import numpy as np
import pytest
import torch

from kd.errors import UserError
from kd.teachers.encoding import TEMPERATURES, Encoding, shares


def made_up(samples=64, classes=100, seed=0):
    """Logits (samples, classes) float32 with a few large ones, as a trained network has them."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (samples, classes))
    logits[np.arange(samples), random.integers(0, classes, samples)] += 9
    return torch.from_numpy(logits.astype(np.float32))


def softmax(logits, temperature):
    scaled = logits.double().numpy() / temperature
    raised = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def test_all_classes_are_float16():
    logits = made_up()
    arrays = Encoding(100).encode(logits)
    assert torch.equal(arrays["values"], logits.half())
    assert torch.equal(Encoding(100).decode(arrays), logits.half().float())


@pytest.mark.parametrize(
    ("classes", "kind"),
    [(256, torch.uint8), (257, torch.int16), (2**15, torch.int16), (2**15 + 1, torch.int32)],
)
def test_labels_are_as_small_as_the_number_of_classes_allows(classes, kind):
    encoding = Encoding(classes, 2)
    logits = torch.zeros(1, classes)
    logits[0, -1], logits[0, 1] = 5, 4
    arrays = encoding.encode(logits)
    assert arrays["labels"].dtype == kind
    assert encoding.decode(arrays)[0, [-1, 1, 0]].tolist() == [5, 4, 0]
    assert encoding.bytes == sum(array.element_size() * array.shape[1] for array in arrays.values())


@pytest.mark.parametrize("top_k", [1, 5, 20])
def test_the_largest_logits_come_back_and_the_order_of_the_others_does_not(top_k):
    logits = made_up()
    read = Encoding(100, top_k).decode(Encoding(100, top_k).encode(logits), 4.0)
    order = np.argsort(-logits.numpy(), axis=1)
    largest, others = order[:, :top_k], order[:, top_k:]
    assert torch.equal(
        read.gather(1, torch.from_numpy(largest)), logits.gather(1, torch.from_numpy(largest)).half().float()
    )
    rest = read.gather(1, torch.from_numpy(others))
    assert torch.equal(rest, rest[:, :1].expand_as(rest))


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0, 8.0])
@pytest.mark.parametrize("top_k", [5, 20, 50])
def test_at_a_stored_temperature_each_of_the_largest_has_its_probability(temperature, top_k):
    """And the others theirs in sum; float16 rounds logits of about 10 to a 256th."""
    logits = made_up()
    encoding = Encoding(100, top_k)
    read = softmax(encoding.decode(encoding.encode(logits), temperature), temperature)
    true = softmax(logits, temperature)
    largest = np.argsort(-logits.numpy(), axis=1)[:, :top_k]
    places = np.arange(64)[:, None], largest
    assert np.allclose(read[places], true[places], rtol=0.01)
    assert np.allclose(read[places].sum(axis=1), true[places].sum(axis=1), atol=0.003)


@pytest.mark.parametrize("temperature", [1.5, 3.0, 5.0, 6.0, 15.6, 100.0])
def test_between_them_it_has_nearly_its_probability(temperature):
    logits = made_up()
    encoding = Encoding(100, 5)
    read = softmax(encoding.decode(encoding.encode(logits), temperature), temperature)
    places = np.arange(64)[:, None], np.argsort(-logits.numpy(), axis=1)[:, :5]
    assert np.allclose(read[places].sum(axis=1), softmax(logits, temperature)[places].sum(axis=1), atol=0.01)


def test_the_rest_is_summed_up_at_each_temperature():
    """T · log mean exp(z / T) over the classes that are not among the largest; their mean where T is infinite."""
    logits = made_up()
    arrays = Encoding(100, 5).encode(logits)
    rest = np.sort(logits.double().numpy(), axis=1)[:, :-5]
    expected = [T * np.log(np.exp(rest / T).mean(axis=1)) for T in TEMPERATURES[:-1]] + [rest.mean(axis=1)]
    assert np.allclose(arrays["rest"].numpy(), np.stack(expected, axis=1), atol=0.003)


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [
        (1, [1, 0, 0, 0, 0]),
        (8, [0, 0, 0, 1, 0]),
        (0.1, [1, 0, 0, 0, 0]),
        (16, [0, 0, 0, 0.5, 0.5]),
        (4 / 3, [0.5, 0.5, 0, 0, 0]),
    ],
)
def test_temperatures_between_are_interpolated_in_their_inverse(temperature, expected):
    assert shares(temperature) == pytest.approx(expected)


def test_what_float16_cannot_hold_is_infinite():
    logits = made_up()
    logits[3, 5] = 1e5
    assert not Encoding(100).encode(logits)["values"].isfinite().all()
    assert not Encoding(100, 3).encode(logits)["values"].isfinite().all()


@pytest.mark.parametrize("top_k", [10, 11])
def test_as_many_as_there_are_classes_is_no_choice(top_k):
    with pytest.raises(
        UserError, match=rf"^targets\.top_k: {top_k} is not below the 10 classes of the data set"
    ):
        Encoding(10, top_k)
