"""What the job that exports a student gets."""

from kd.jobs.base import Job
from kd.jobs.training import TrainJob
from kd.roles import WITHOUT_TEACHER
from kd.settings.export import Export


class ExportJob(Job):
    """Export the student of a teacher: of the runs that differ in the seed alone, the best on validation."""

    study: str
    run: TrainJob  # with the first of the seeds
    chain: tuple[str, ...]  # the networks between teacher and student
    settings: Export
    data_name: str  # what the card calls the data set
    target_accuracy: float = 0.99  # of what is above the rejection threshold
    hub_data: str | None = None  # as the Hugging Face Hub does, where it has it

    @property
    def title(self) -> str:
        """The name of the model: of letters, digits, "-" and "_"."""
        teacher = [] if self.run.teacher == WITHOUT_TEACHER else ["from", self.run.teacher]
        return "-".join([self.study, self.run.name, *teacher, "by", self.run.method_name])
