"""How the pages of a study look: light, dark, on a phone and in print."""

STYLE = """\
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c1e21; --quiet: #5a6169; --line: #d9dde2; --band: #eef1f5; --rows: #f8f9fb;
  --better: #0b6b3a; --worse: #a3261b; --link: #0b57a4; --edge: #767d86;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #15181c; --ink: #e6e8eb; --quiet: #a3abb5; --line: #343a42; --band: #242a31; --rows: #1b1f24;
    --better: #6fd49b; --worse: #ff9a8d; --link: #8cc0ff; --edge: #7f8893;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1rem; max-width: 84rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
a { color: var(--link); }
ul { padding-left: 1.2rem; }
li { margin: .25rem 0; overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; padding: .5rem; border-radius: .4rem; background: #ffffff; }
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
  :root { color-scheme: light; }
  html { font-size: 9pt; } /* sizes in rem are smaller with it */
  body { padding: 0; max-width: none; }
  h2 { margin-top: 1.2rem; }
  h2, h3, h2 + p, h3 + p, summary { break-after: avoid; }
  .scroll { overflow: visible; border: 0; }
  table { font-size: 8pt; }
  th, td { padding: .15rem .35rem; }
  th.name { position: static; min-width: 6rem; }
  th.name small { font-size: .85em; }
  thead th { min-width: 0; }
  tr, li, figure { break-inside: avoid; }
}
"""
