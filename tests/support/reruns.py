"""The jobs that a change brings, by rule and wildcards, as `Checkout.pending` returns them."""

from checkout import diagnosed

REPORT = {"build_table": {""}, "draw_plots": {""}, "build_report": {""}}
PAGE = {"build_report": {""}}
PAGES = {"build_diagnoses": {""}, **PAGE}  # the report leads to those of diagnoses
LATENCY = {"measure_latency": {""}}
ALL_DISTILLED = {"vgg16 cnn kd 0", "vgg16 cnn kd 1", "mobilenet cnn kd 0", "mobilenet cnn kd 1"}
BOTH = "vgg16 cnn kd, mobilenet cnn kd"
DIAGNOSES = diagnosed(students=BOTH)
DIAGNOSES_OF_LOGITS = diagnosed("vgg16, mobilenet", "cnn", BOTH, networks=False)
SCRIPTS = "workflow/scripts"
