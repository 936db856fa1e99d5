"""What a network can be in a study, as jobs and metrics say it, and as a table does. Imports nothing."""

TEACHER, ALONE, DISTILLED = "teacher", "alone", "distilled"
TRIAL = "trial"  # of a sweep: a distilled student that is never shown the test set
WITHOUT_TEACHER = "(none)"  # the teacher's name of a student whose method needs none

BASELINE_ROW, DISTILLED_STUDENT = "student alone", "distilled student"
MEAN = "mean over pairs"  # a row of a method
ROLES = {TEACHER: TEACHER, ALONE: BASELINE_ROW, DISTILLED: DISTILLED_STUDENT}  # of a run: that of its row
# What people read for the role of a row.
LABELS = {TEACHER: "teacher", BASELINE_ROW: "baseline", DISTILLED_STUDENT: DISTILLED_STUDENT}
LABELS |= {MEAN: "average over pairs"}
