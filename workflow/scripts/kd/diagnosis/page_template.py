"""The page of a diagnosis, as a Jinja template; in Python, so that it counts in the job's fingerprint."""

TEMPLATE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{ title }}</title>
<style>
{{ style }}</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p class="about">{{ about }}</p>
{% if not runs %}
<p>There are no test logits of this teacher, so there is nothing to look at.</p>
{% else %}
<div class="scroll" tabindex="0" role="region" aria-label="Numbers of every run">
<table class="numbers">
{% for name, cells in numbers.items() %}
{% if loop.first %}
<thead><tr><th class="name" scope="col">run</th>
{% for heading in cells %}
<th scope="col">{{ heading }}</th>
{% endfor %}
</tr></thead>
<tbody>
{% else %}
<tr><th class="name" scope="row">{{ name }}</th>
{% for cell in cells %}
<td>{{ cell }}</td>
{% endfor %}
</tr>
{% endif %}
{% endfor %}
</tbody>
</table>
</div>
<h2>Classes</h2>
{% if classes.left %}
<p>The lowest and highest by {{ "gain" if classes.gained else "accuracy" }}; {{ classes.left }} classes
between them are left out.</p>
{% endif %}
<div class="scroll" tabindex="0" role="region" aria-label="Accuracy and gain of every class">
<table class="classes">
<thead>
<tr><th class="name" scope="col">class</th><th scope="col" colspan="2">accuracy, %</th>
{% if classes.gained %}
<th scope="col" colspan="2">gain, points</th>
{% for seed in classes.seeds %}
<th scope="col">gain, {{ seed }}</th>
{% endfor %}
{% endif %}
</tr>
</thead>
<tbody>
{% for row in classes.rows %}
<tr><th class="name" scope="row">{{ row.name }}</th>
<td>{{ row.accuracy }}</td><td class="wide">{{ row.bar }}</td>
{% if classes.gained %}
<td>{{ row.gain }}</td><td class="wide">{{ row.gain_bar }}</td>
{% if classes.seeds %}
{% for gain in row.gains %}
<td>{{ gain }}</td>
{% endfor %}
{% endif %}
{% endif %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
{% for run in runs %}
<details{% if loop.first %} open{% endif %}>
<summary><h2>{{ run.name }}: {{ run.right }}</h2></summary>
<div class="halves">
<section>
<h3>Calibration</h3>
{{ run.reliability }}
<p class="keys"><span><i class="key own"></i>how often it is right</span>
<span><i class="key over"></i>surer than right</span>
<span><i class="key under"></i>less sure than right</span></p>
<p>A calibrated network is right as often as it is sure: its bars end on the dashed line. The expected
calibration error is {{ run.ece | number }} %.</p>
</section>
<section>
<h3>Confusion</h3>
{% if run.confusion or run.confusion_picture %}
<p>Rows are the true classes, columns what they are taken for.</p>
{% endif %}
{% if run.confusion %}
<div class="scroll narrow" tabindex="0" role="region" aria-label="Confusion matrix, {{ run.name }}">
<table class="square">
<thead>
<tr><th class="name" scope="col">true</th>
{% for name, _ in run.confusion %}
<th scope="col"><span{% if long_names %} class="long"{% endif %}>{{ name }}</span></th>
{% endfor %}
</tr>
</thead>
<tbody>
{% for name, cells in run.confusion %}
<tr><th class="name" scope="row">{{ name }}</th>
{% for count, shade, right in cells %}
<td{% if count %} style="background: rgb(var(--{{ "hit" if right else "miss" }}) / {{ shade }})"{% else %}\
 class="quiet"{% endif %}>{{ count }}</td>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
{% elif run.confusion_picture %}
<img class="matrix" src="{{ run.confusion_picture }}" alt="Confusion matrix: rows are the true classes,\
 columns what they are taken for">
{% endif %}
{% if run.confused %}
<p>The most frequent mistakes:</p>
<ul class="mistakes">
{% for label, taken, count in run.confused %}
<li>{{ label }} taken for {{ taken }}: {{ count }}</li>
{% endfor %}
</ul>
{% else %}
<p>There is no mistake.</p>
{% endif %}
</section>
</div>
{% if run.worst %}
<h3>The largest losses</h3>
<div class="pictures">
{% for each in run.worst %}
<figure><img class="shown" src="{{ each.picture }}" alt="Test image {{ each.index }}: {{ each.label }}">
<figcaption><strong>{{ each.label }}</strong>, {% if each.predicted is none %}taken for what it is{% else %}\
taken for <strong>{{ each.predicted }}</strong>{% endif %}<br>
loss {{ each.loss | number }}<br>
{{ (100 * each.confidence) | number(1) }} % sure</figcaption></figure>
{% endfor %}
</div>
{% endif %}
<h3>Soft targets</h3>
<p class="keys">{% if taught %}<span><i class="key taught"></i>teacher</span>{% endif %}
<span><i class="key own"></i>{{ "student" if distilled else "this network" }}</span></p>
{% for each in run.soft_targets %}
<div class="soft">
<figure><img class="shown" src="{{ each.picture }}" alt="Test image {{ each.index }}: {{ each.label }}">
<figcaption><strong>{{ each.label }}</strong>, one of \
{% if each.why == "worst" %}the largest losses{% else %}\
those of which {{ "the teacher" if taught else "it" }} is least sure{% endif %}</figcaption></figure>
<div class="charts">
{% for temperature, chart in each.charts %}
<div><p>temperature {{ temperature }}</p>{{ chart }}</div>
{% endfor %}
</div>
</div>
{% endfor %}
{% if run.cka %}
<h3>How alike the stages are (CKA)</h3>
<p>Rows are the teacher's stages, columns the student's.</p>
<div class="scroll narrow" tabindex="0" role="region" aria-label="Similarity of stages, {{ run.name }}">
<table class="square">
<thead>
<tr><th class="name" scope="col">teacher</th>
{% for _ in range(run.cka.student_stages) %}
<th scope="col">stage {{ loop.index }}</th>
{% endfor %}
</tr>
</thead>
<tbody>
{% for row in run.cka["values"] %}
<tr><th class="name" scope="row">stage {{ loop.index }}</th>
{% for value in row %}
<td style="background: rgb(var(--hit) / {{ "%.3f" | format(0.5 * (value or 0)) }})">{{ value | number }}</td>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
{% endif %}
</details>
{% endfor %}
<h2>How to read this page</h2>
<ul>
{% for line in legend %}
<li>{{ line }}</li>
{% endfor %}
</ul>
{% endif %}
</main>
</body>
</html>
"""
