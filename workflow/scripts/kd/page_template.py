"""The HTML page of a study's table, as a Jinja template.

It stands in Python and not in a file of its own so that a change to it changes the fingerprint of the job
that writes the page, which is then written anew.
"""

TEMPLATE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Knowledge distillation: {{ study }}</title>
<style>
{{ style }}</style>
</head>
<body>
<h1>Knowledge distillation: {{ study }}</h1>
{% if headlines %}
<ul class="headline">
{% for line in headlines %}
<li>{{ line }}</li>
{% endfor %}
</ul>
{% endif %}
<div class="scroll" tabindex="0" role="region" aria-label="All results">
<table>
<thead>
<tr><th class="name" scope="col">network</th>
{% for heading in groups[0][1][0][1] %}
<th scope="col">{{ heading }}</th>
{% endfor %}
</tr>
</thead>
{% for heading, rows in groups %}
<tbody>
<tr class="group"><th class="name" scope="rowgroup">{{ heading }}</th>
<td colspan="{{ rows[0][1] | length }}"></td></tr>
{% for names, cells in rows %}
<tr><th class="name" scope="row">{{ names.network }}
{% if names.method != dash %}
<small>{{ names.method }}{% if names.teacher != dash %} from {{ names.teacher }}{% endif %}</small>
{% endif %}
</th>
{% for cell in cells.values() %}
{% if "▲" in cell %}
<td class="better">{{ cell }}</td>
{% elif "▼" in cell %}
<td class="worse">{{ cell }}</td>
{% elif cell == dash %}
<td class="quiet">{{ cell }}</td>
{% else %}
<td>{{ cell }}</td>
{% endif %}
{% endfor %}
</tr>
{% endfor %}
</tbody>
{% endfor %}
</table>
</div>
<h2>How to read this table</h2>
<ul>
{% for line in legend %}
<li>{{ line }}</li>
{% endfor %}
</ul>
{% if ranked %}
<h2>Methods, ranked</h2>
<p>{{ verdict }}</p>
<div class="scroll" tabindex="0" role="region" aria-label="Methods, ranked">
<table>
<thead>
<tr>
{% for heading in ranked[0] %}
<th{% if loop.index == 2 %} class="name"{% endif %} scope="col">{{ heading }}</th>
{% endfor %}
</tr>
</thead>
<tbody>
{% for row in ranked %}
<tr>
{% for heading, cell in row.items() %}
{% if heading == "method" %}
<th class="name" scope="row">{{ cell }}</th>
{% else %}
<td>{{ cell }}</td>
{% endif %}
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
{% endif %}
{% if classic.columns | length %}
<h2>Teachers</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Teachers">
<table>
<thead>
<tr><th class="name" scope="col"></th>
{% for teacher in classic.columns %}
<th scope="col">{{ teacher }}</th>
{% endfor %}
</tr>
</thead>
<tbody>
{% for name, cells in classic.iterrows() %}
<tr><th class="name" scope="row">{{ name }}</th>
{% for cell in cells %}
<td>{{ cell }}</td>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
{% endif %}
{% if data %}
<h2>Data</h2>
<ul>
{% for line in data %}
<li>{{ line }}</li>
{% endfor %}
</ul>
{% endif %}
{% if samples %}
<p><img src="{{ samples }}" alt="Some training images of each class"></p>
{% endif %}
<h2>Provenance</h2>
<ul>
{% for name, value in provenance.items() %}
<li>{{ name }}: {{ value }}</li>
{% endfor %}
</ul>
</body>
</html>
"""
