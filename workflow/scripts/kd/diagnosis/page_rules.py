"""What the pages of diagnoses add to the style of all pages."""

RULES = """\
:root {
  --own: #2463b4; --taught: #b85c00; --hit: 36 99 180; --miss: 190 50 35; --edge: #8a929c;
}
@media (prefers-color-scheme: dark) {
  :root { --own: #6fa8ee; --taught: #f0a04b; --hit: 90 150 230; --miss: 235 100 85; --edge: #7c8692; }
}
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
p { margin: .5rem 0; max-width: 60rem; }
.about { color: var(--quiet); margin-top: 0; overflow-wrap: anywhere; }
details { border: 1px solid var(--line); border-radius: .4rem; margin: 1rem 0; padding: 0 .9rem .6rem; }
summary { cursor: pointer; padding: .6rem 0; margin: 0; }
summary h2 { display: inline; margin: 0; }
summary:focus-visible { outline: 2px solid var(--quiet); outline-offset: 2px; }
.halves, .pictures, .charts { display: grid; gap: 1rem; }
.halves { gap: 1rem 2.5rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
.halves > * { min-width: 0; }
svg text { fill: var(--ink); font-size: 11px; }
svg .end { text-anchor: end; } svg .middle { text-anchor: middle; }
svg .true { font-weight: 700; text-decoration: underline; }
svg .own { fill: var(--own); }
svg .grid { stroke: var(--line); } svg .axis { stroke: var(--edge); }
svg .ideal { stroke: var(--edge); stroke-dasharray: 4 3; }
.student { fill: var(--own); } .teacher { fill: var(--taught); }
.right { fill: var(--own); } .count { fill: var(--edge); }
.over { fill: var(--worse); fill-opacity: .45; stroke: var(--worse); }
.under { fill: var(--better); fill-opacity: .45; stroke: var(--better); stroke-dasharray: 2 2; }
.gained { fill: var(--better); } .lost { fill: var(--worse); }
.reliability { display: block; width: 100%; max-width: 26rem; }
.bars { display: block; width: 100%; max-width: 19rem; }
.bar { display: block; width: 100%; min-width: 4rem; height: .8rem; }
.key { display: inline-block; width: .8em; height: .8em; margin-right: .35em; border-radius: .15em; }
.key.own { background: var(--own); } .key.taught { background: var(--taught); }
.key.over { background: var(--worse); } .key.under { background: var(--better); }
.keys span { margin-right: 1.2rem; white-space: nowrap; }
table.square { width: auto; }
table.square th, table.square td { min-width: 2.4rem; padding: .3rem .45rem; text-align: center; }
table.square th.name, table.classes th.name { min-width: 3.2rem; overflow-wrap: break-word; }
table.numbers th.name { min-width: 0; white-space: nowrap; }
table.numbers th, table.numbers td { padding: .35rem .42rem; min-width: 0; }
.scroll.narrow { width: fit-content; max-width: 100%; }
table.square thead th { font-weight: 600; }
table.square .long { writing-mode: vertical-rl; text-align: left; max-height: 9rem; white-space: nowrap; }
td.wide { min-width: 6rem; }
.mistakes { columns: 13rem; }
.pictures { grid-template-columns: repeat(auto-fill, minmax(8.2rem, 1fr)); }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .82rem; line-height: 1.35; overflow-wrap: anywhere; }
img.shown {
  display: block; width: 6.5rem; max-height: 9rem; object-fit: contain; padding: 0; border-radius: .2rem;
  border: 1px solid var(--line); image-rendering: pixelated; margin-bottom: .3rem;
}
img.matrix { width: 30rem; padding: .25rem; image-rendering: pixelated; border: 1px solid var(--line); }
.soft { display: grid; grid-template-columns: 7.5rem 1fr; gap: 1rem; margin: 0 0 1.3rem; }
.charts { grid-template-columns: repeat(auto-fit, minmax(min(100%, 13rem), 1fr)); }
.charts p { margin: 0 0 .2rem; font-size: .85rem; color: var(--quiet); }
@media (max-width: 40rem) {
  .soft { grid-template-columns: 1fr; gap: .5rem; }
  .pictures { grid-template-columns: repeat(auto-fill, minmax(5.9rem, 1fr)); }
  img.shown { width: 5.6rem; }
  table.square th.name { min-width: 2.4rem; }
  table.square th, table.square td { min-width: 1.6rem; padding: .25rem .2rem; }
  td.wide { min-width: 4rem; }
  details { padding: 0 .6rem .6rem; }
}
@media print {
  * { print-color-adjust: exact; }
  details::details-content { content-visibility: visible; block-size: auto; }
  details { border: 0; padding: 0; }
  figure, .soft, .halves { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  table.square, table.classes, table.numbers { font-size: 8pt; }
}
"""
