"""A page for each method, made of its own file: summary, paper, formula, options, requirements and cost."""

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

from docsite.markdown import options
from docsite.reference import EXPLAINED, meanings, parsed
from docsite.taken import ROOT
from kd import registry
from kd.registry import Entry

MEASURED = ROOT / "bench" / "results" / "amd-epyc-2-cores.json"
NOTATION = """\
*Notation: y is the label. p are the class probabilities of the teacher, q those of the student; an index T
means at temperature T. CE is the cross-entropy, KL the Kullback-Leibler divergence, MSE the mean squared
error. A are feature maps, f the pooled last ones, with s and t for student and teacher. B is the batch size,
C the number of classes. The weights w are options.*
"""
NEEDS = {
    "logits": "the teacher's logits: cached ones are read, unless `targets: live`",
    "stages": "the teacher's feature maps: it runs in every step",
    "network": "the teacher's network: its weights, or its shape",
    "members": "an ensemble, and the logits of each of its members",
    "own_stages": "the student's own feature maps",
}
# What names a paper, ahead of a summary or within a docstring, and its address.
PAPERS = {
    r"arXiv:(\d{4}\.\d{4,5})": r"https://arxiv.org/abs/\1",
    r"(?<!/)doi:(10\.[\w./()-]+\w)": r"https://doi.org/\1",
    r"(?<!/)(openreview\.net/\S+\w)": r"https://\1",
    r"(?<!/)(openaccess\.thecvf\.com/\S+\w)": r"https://\1",
}
LONG = 45  # characters
_PAPER = "|".join(PAPERS)
_CODE = re.compile(r"^Code: (.*?)(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)
_REPOSITORY = re.compile(r"(?<![\w/.])([A-Za-z0-9][\w-]*/[A-Za-z0-9][\w.-]*[\w])(?![\w/])")
TEACHERS = {"stored": "cached teacher logits", "live": "a live teacher", "none": "no teacher"}


def title(entry: Entry) -> str:
    """A method as its page and the menu name it: `AT – Attention transfer`."""
    head = (ast.get_docstring(parsed(entry)) or "").partition(":")[0]
    name, short = re.fullmatch(r"(.*?) \(([^()]*)\)", head).groups()
    return f"{short} – {name}"


def pages() -> dict[str, str]:
    """Every method's page by its name, as Markdown with the links of a file in docs/methods/."""
    costs = _costs()
    return {name: _page(entry, costs.get(name)) for name, entry in registry.methods().items()}


def _page(entry: Entry, cost: Mapping[str, Any] | None) -> str:
    text = ast.get_docstring(parsed(entry)) or ""
    head, _, rest = text.partition("\n\n")
    paper = head.replace("\n", " ").partition(": ")[2]
    code = _CODE.search(rest)
    summary, formula, where = _parts(re.sub(rf"^(?:{_PAPER})\S*\s", "", _CODE.sub("", rest)))
    method = next(node for node in parsed(entry).body if getattr(node, "name", None) == entry.target)
    return "\n".join(
        [
            f"# {title(entry)}\n",
            f"{summary}\n",
            f"**In a config:** `methods: {{{entry.name}: {{}}}}`\n",
            f"**Paper:** {_linked(paper)}{_addresses(text, paper)}\n",
            *([f"**Code:** {_repositories(code[1])}\n"] if code else []),
            f"## Formula\n\n{formula}\n\n{where}\n\n{NOTATION}",
            f"## Implementation\n\n{_linked(EXPLAINED.sub('', ast.get_docstring(method)).strip())}\n",
            f"## Options\n\n{_options(entry)}\n",
            f"## Requirements\n\n{_needs(entry)}\n",
            f"## Cost per step\n\n{_cost(cost)}\n",
            "## Source\n\n"
            f"[kd/methods/{entry.name}.py](../../workflow/scripts/kd/methods/{entry.name}.py), with the loss"
            " as a pure function, its shapes and units, and its differences from the paper.\n",
        ]
    )


def _parts(text: str) -> tuple[str, str, str]:
    """The text of a docstring before its formula, the formula, and the text after it."""
    formula = re.search(r"^\$\$$.*?^\$\$$", text, re.MULTILINE | re.DOTALL)
    if not formula:
        return _linked(text), "", ""
    return _linked(text[: formula.start()].strip()), formula[0], text[formula.end() :].strip()


def _linked(text: str) -> str:
    """Numbers of arXiv, DOIs and addresses of papers as links."""
    for pattern, address in PAPERS.items():
        text = re.sub(pattern, lambda match, to=address: f"[{_short(match[0])}]({match.expand(to)})", text)
    return text


def _short(address: str) -> str:
    """One that is too long for a line of a phone by its host alone."""
    return address if len(address) < LONG else address.partition("/")[0]


def _addresses(text: str, paper: str) -> str:
    """The paper's address, where the docstring names it after its first line."""
    address = re.search(_PAPER, text)
    return f" {_linked(address[0])}" if address and address[0] not in paper else ""


def _repositories(code: str) -> str:
    """What a docstring says of code, with the repositories, `owner/name`, as links."""
    return _REPOSITORY.sub(r"[\1](https://github.com/\1)", code.replace("\n", " "))


def _options(entry: Entry) -> str:
    schema = entry.options.model_json_schema()
    if not schema.get("properties"):
        return "None."
    return options(schema, schema.get("$defs", {}), meanings(entry))


def _needs(entry: Entry) -> str:
    needs = [f"- {NEEDS[need]}" for need in entry.constants["NEEDS"]]
    if not {"logits", "stages", "network", "members"} & set(entry.constants["NEEDS"]):
        needs.append("- no teacher: one run for each student and seed serves all pairs")
    return "\n".join(needs)


def _costs() -> dict[str, dict[str, Any]]:
    return {row["method"]: row for row in json.loads(MEASURED.read_text(encoding="utf-8"))["methods"]}


def _cost(row: Mapping[str, Any] | None) -> str:
    if not row:
        return "Not measured separately."
    ratio = row["ratio"]
    return (
        f"{ratio['median']:.2f} times a step of plain training ({ratio['low']:.2f} to {ratio['high']:.2f} in"
        f" {ratio['repeats']} repetitions), with {TEACHERS[row['teacher']]}:"
        f" resnet8x4 distilled from resnet18, batch {row['batch']}, on two CPU cores"
        " ([how it was measured](../speed.md#cost-of-a-method))."
    )
