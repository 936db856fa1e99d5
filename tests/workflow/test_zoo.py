"""Every method there is, in one real study: each beats chance by far and fills its row."""

import pandas as pd
import pytest

from kd.registry import methods

EPOCHS = 16
CHANCE = 10  # per cent: ten digits

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    from checkout import Checkout, copy_code

    checkout = Checkout(tmp_path_factory.mktemp("zoo"))
    copy_code(checkout.folder)
    checkout.configure(
        dataset={"name": "digits", "test_fraction": 0.5, "validation": 0.2},
        recipe={"epochs": EPOCHS, "batch_size": 32, "lr": 0.1},
        teachers={
            "resnet8x4": {"width": 0.125},
            "wide": {"architecture": "cnn", "channels": [16, 32]},
            "both": {"ensemble": ["resnet8x4", "wide"]},
        },
        students={"cnn": {"channels": [8, 16]}},
        pairs=[["resnet8x4", "cnn"], ["both", "cnn"]],
        methods={name: _short(entry) for name, entry in methods().items()},
        seeds=[0],
    )
    checkout.run("results/tiny/table.csv")  # pages are made of any method alike
    rows = pd.read_csv(checkout.folder / "results/tiny/table.csv")
    return rows[rows["role"] == "distilled student"].set_index("method")


def _short(entry):
    """A method of two stages has fewer epochs of the first than it would on CIFAR."""
    return {"init_epochs": 5} if "init_epochs" in entry.options.model_fields else {}


@pytest.mark.parametrize("method", methods())
def test_it_beats_chance_and_fills_its_row(table, method):
    rows = table.loc[[method]]
    assert (rows["test_accuracy"] > 4 * CHANCE).all(), rows["test_accuracy"]
    filled = ["test_accuracy", "gain", "train_loss", "ece", "parameters", "macs", "seconds", "loss_function"]
    assert rows[filled].notna().all(axis=None)
    assert rows["agreement"].isna().all() == (rows["teacher"] == "(none)").all()


def test_every_method_has_the_teachers_that_it_can_have(table):
    """Both kinds of teacher where logits are enough; what needs stages or weights, no ensemble; some, none."""
    for name, entry in methods().items():
        needs = set(entry.constants["NEEDS"]) - {"own_stages"}
        expected = {"resnet8x4", "both"} if needs == {"logits"} else {"resnet8x4"}
        if not needs:
            expected = {"(none)"}
        if "members" in needs:
            expected = {"both"}
        assert set(table.loc[[name], "teacher"]) == expected, name
