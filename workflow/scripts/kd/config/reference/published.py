"""The section `published:` of a config: accuracies that others have published, to stand beside ours."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    TypeAdapter,
    ValidationInfo,
)

from kd.config.problems import Problems
from kd.config.reference.files import read
from kd.config.study.methods import Method
from kd.config.study.networks import NO_TEACHER
from kd.config.study.published import Published
from kd.errors import UserError, did_you_mean
from kd.roles import BASELINE_ROW, DISTILLED_STUDENT, TEACHER
from kd.settings.types import Name, Number, Text


def _in_per_cent(value: float) -> float:
    if not 0 <= value <= 100:
        raise ValueError("should be 0 to 100, in per cent")
    return value


Accuracy = Annotated[Number, AfterValidator(_in_per_cent)]
Accuracies = dict[Name, Accuracy]  # by a network's name


def _kind(value: Any) -> str:
    return "[table]" if isinstance(value, Mapping) else "[number]"


_ByStudent = Annotated[
    Annotated[Accuracies, Tag("[table]")] | Annotated[Accuracy, Tag("[number]")], Discriminator(_kind)
]


class Table(BaseModel):
    """Accuracies of one source, in per cent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Text = Field(description="who published them, and where")
    teachers: Accuracies = Field({}, description="teacher: accuracy")
    baselines: Accuracies = Field({}, description="student: its accuracy without a teacher")
    methods: dict[Name, dict[Name, _ByStudent]] = Field(
        {}, description="method: {teacher: {student: accuracy}}; without a teacher: {student: accuracy}"
    )

    def cells(self) -> Iterator[tuple[tuple[str, ...], Published]]:
        """Each accuracy, and the keys that lead to it."""
        for key, role in {"teachers": TEACHER, "baselines": BASELINE_ROW}.items():
            for name, accuracy in getattr(self, key).items():
                yield (key, name), Published(role, name, "", "", accuracy, self.source)
        for method, taught in self.methods.items():
            for name, inside in taught.items():
                pairs = [(name, student) for student in inside] if isinstance(inside, Mapping) else [(name,)]
                for pair in pairs:
                    teacher, student = (NO_TEACHER, *pair)[-2:]
                    accuracy = inside[student] if isinstance(inside, Mapping) else inside
                    cell = Published(DISTILLED_STUDENT, student, teacher, method, accuracy, self.source)
                    yield ("methods", method, *pair), cell


def _read(section: Any, info: ValidationInfo) -> tuple[Published, ...]:
    """All accuracies. Names in a file may be of other studies, those in the config are of this one."""
    listed = isinstance(section, list | tuple)
    seen: dict[tuple[str, ...], Published] = {}
    with Problems() as problems:
        for index, item in enumerate(section if listed else [section]):
            place = (index,) if listed else ()
            named = isinstance(item, str)
            tables = _of_file(problems, item, place) if named else [problems.check(Table, item, place)]
            for keys, cell in chain.from_iterable(table.cells() for table in filter(None, tables)):
                where = place if named else (*place, *keys)
                if cell.row in seen:
                    both = f"{seen[cell.row].source}; {cell.source}"
                    problems.add(where, f"{'.'.join(keys)} is there twice ({both}); leave one out")
                elif not named:
                    _check_names(problems, keys, place, info)
                seen.setdefault(cell.row, cell)
    return tuple(seen.values())


def _of_file(problems: Problems, name: str, place: tuple) -> Iterable[Table]:
    try:
        content = read("published", name)
    except UserError as error:
        problems.add(place, str(error))
        return ()
    return problems.attempt(TypeAdapter(list[Table]).validate_python, content, place, Table) or ()


def _check_names(problems: Problems, keys: tuple[str, ...], place: tuple, info: ValidationInfo) -> None:
    """Report the first of the keys to an accuracy that is no name of the study."""
    written = info.context.written
    allowed = {side: list(written[side]) for side in ("teachers", "students")}
    allowed["methods"] = [*written["methods"], *written["sweep"]]
    for end, section in enumerate(_SECTIONS[keys[0], len(keys)], start=2):
        name, names = keys[end - 1], allowed[section]
        if name not in names:
            hint = f"{did_you_mean(name, names)}; allowed: {', '.join(names)}"
            problems.add((*place, *keys[:end]), f"{name!r} is not in {section}{hint}")
            return
    if keys[0] == "methods" and (text := _other_form(keys[1], len(keys) == 4, info)):
        problems.add((*place, *keys[:2]), text)


# The sections whose names the keys to an accuracy are, by the first of the keys and their number.
_SECTIONS = {
    ("teachers", 2): ("teachers",),
    ("baselines", 2): ("students",),
    ("methods", 3): ("methods", "students"),
    ("methods", 4): ("methods", "teachers", "students"),
}


def _other_form(name: str, taught: bool, info: ValidationInfo) -> str:
    """What is wrong where a teacher is named for a method that has none, or is missing."""
    swept = {name: method for name, (_, method) in info.context.valid["sweep"].items()}
    method: Method | None = (info.context.valid["methods"] | swept).get(name)
    if method is None or bool(method.of_teacher) == taught:
        return ""
    form = "{student: accuracy}" if taught else "{teacher: {student: accuracy}}"
    return f"has {'no' if taught else 'a'} teacher; write {name}: {form}"


PublishedSection = Annotated[
    tuple[Published, ...], PlainValidator(_read, json_schema_input_type=list[Name | Table] | Name | Table)
]
