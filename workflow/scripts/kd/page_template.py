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
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c1e21; --quiet: #5a6169; --line: #d9dde2; --band: #eef1f5; --rows: #f8f9fb;
  --better: #0b6b3a; --worse: #a3261b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181c; --ink: #e6e8eb; --quiet: #a3abb5; --line: #343a42; --band: #242a31; --rows: #1b1f24;
    --better: #6fd49b; --worse: #ff9a8d;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1rem; max-width: 84rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
ul { padding-left: 1.2rem; }
li { margin: .25rem 0; overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; padding: .5rem; border-radius: .4rem; background: #ffffff; }
.headline { padding: 0; list-style: none; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; }
.scroll:focus-visible { outline: 2px solid var(--quiet); outline-offset: 2px; }
table { border-collapse: separate; border-spacing: 0; width: 100%; font-size: .9rem; }
th, td { padding: .35rem .6rem; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td { border-top: 1px solid var(--line); }
thead th {
  background: var(--band); vertical-align: bottom; font-weight: 600; white-space: normal; min-width: 4.5rem;
}
th.name {
  position: sticky; left: 0; z-index: 1; text-align: left; font-weight: 600; min-width: 11rem;
  white-space: normal; overflow-wrap: anywhere; background: var(--paper);
  border-top: 1px solid var(--line); border-right: 1px solid var(--line);
}
thead th.name { background: var(--band); border-top: 0; }
th.name small { display: block; color: var(--quiet); font-weight: 400; font-size: .8rem; }
tr.group th { border-top: 1px solid var(--line); background: var(--band); }
tr.group td { background: var(--band); }
tbody tr:nth-child(odd) td, tbody tr:nth-child(odd) th.name { background: var(--rows); }
tbody tr.group td, tbody tr.group th.name { background: var(--band); }
.better, .worse { font-weight: 700; }
.better { color: var(--better); }
.worse { color: var(--worse); }
.quiet { color: var(--quiet); }
@media (max-width: 40rem) {
  body { padding: .75rem; }
  table { font-size: .82rem; }
  th, td { padding: .3rem .35rem; }
  th.name { min-width: 7.2rem; }
  th.name small { font-size: .75rem; }
}
@media print {
  @page { size: landscape; margin: 1cm; }
  body { padding: 0; max-width: none; font-size: 9pt; }
  .scroll { overflow: visible; border: 0; }
  table { font-size: 6pt; }
  th, td { padding: .15rem .25rem; }
  th.name { position: static; min-width: 6rem; }
  th.name small { font-size: 5.5pt; }
  thead th { min-width: 0; }
  tr { break-inside: avoid; }
}
</style>
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
