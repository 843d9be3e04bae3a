"""The report's style sheet: screen and print, wide and narrow, light and dark."""

from markupsafe import Markup

STYLE = Markup("""
:root {
  color-scheme: light dark;
  --ground: #fff; --raised: #f5f6f8; --text: #1b1f24; --quiet: #545d68; --rule: #d5d9de;
  --accent: #0b57a4; --good: #10663f; --good-ground: #e6f4ec; --open: #4a5159;
  --open-ground: #eef0f3; --warn: #7a4b00; --warn-ground: #fdf3e0; --bad: #a3211a;
  --c0: #0b62a4; --c1: #c2410c; --c2: #157a52; --c3: #86369b; --c4: #7a5c00; --c5: #0b7285;
  --c6: #b8226b; --c7: #4a5560;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171b; --raised: #1d2126; --text: #e4e7eb; --quiet: #a3acb7; --rule: #383f47;
    --accent: #7db8f5; --good: #7fd6a8; --good-ground: #14301f; --open: #c0c7cf;
    --open-ground: #252a30; --warn: #f0c674; --warn-ground: #33280f; --bad: #ff9d94;
    --c0: #6cb6ff; --c1: #ff9d66; --c2: #5fd3a3; --c3: #d79bee; --c4: #e3c04b; --c5: #5fd0e6;
    --c6: #ff8fc0; --c7: #b6c2d2;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 76rem; background: var(--ground);
  color: var(--text); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans",
  "Liberation Sans", sans-serif; overflow-wrap: anywhere;
}
h1 { font-size: clamp(1.5rem, 4vw, 2.1rem); line-height: 1.2; margin: 0 0 .25rem; }
h2 {
  font-size: 1.4rem; line-height: 1.25; margin: 3rem 0 .75rem; padding-top: .75rem;
  border-top: 2px solid var(--rule);
}
h3 { font-size: 1.12rem; line-height: 1.3; margin: 2rem 0 .5rem; }
h4, figcaption { font-size: .95rem; font-weight: 600; line-height: 1.35; }
h4 { margin: 1.25rem 0 .25rem; }
p { margin: .5rem 0; max-width: 85ch; }
a { color: var(--accent); }
.subtitle, .note, .detail { color: var(--quiet); }
.note { font-size: .92em; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; padding: 0; }
.shown, .not-shown, .warning {
  max-width: none; padding: .6rem .9rem; border-left: 4px solid; border-radius: 0 .3rem .3rem 0;
}
.shown { color: var(--good); background: var(--good-ground); }
.not-shown { color: var(--open); background: var(--open-ground); }
.warning { color: var(--warn); background: var(--warn-ground); }
.lead { font-size: 1.2rem; font-weight: 600; padding: .9rem 1.1rem; }
.scroll { overflow-x: auto; margin: .35rem 0 .25rem; }
figure.table { max-width: none; margin: 1.25rem 0; }
figure.table > .note { margin: .35rem 0; }
.scroll:focus-visible, summary:focus-visible, a:focus-visible {
  outline: 2px solid var(--accent); outline-offset: 2px;
}
table { border-collapse: collapse; font-size: .92em; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .75rem; vertical-align: top; overflow-wrap: normal; }
th:first-child, td:first-child { padding-left: 0; }
thead th {
  text-align: right; vertical-align: bottom; border-bottom: 1px solid var(--quiet);
  min-width: 4.5rem;
}
thead th:first-child, tbody th { text-align: left; }
tbody th { font-weight: 600; min-width: 8rem; max-width: 24rem; overflow-wrap: anywhere; }
td { text-align: right; white-space: nowrap; }
td.words {
  text-align: left; min-width: 7rem; max-width: 40rem; white-space: normal;
  overflow-wrap: anywhere;
}
th.words { text-align: left; }
tbody tr > * { border-bottom: 1px solid var(--rule); }
.detail { display: block; font-size: .87em; font-weight: 400; white-space: nowrap; }
.words > .detail, tbody th > .detail { white-space: normal; }
.charts {
  display: grid; gap: 1.5rem 2rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr));
}
figure { margin: .75rem 0; max-width: 36rem; min-width: 0; }
svg { overflow: visible; }
.chart { display: block; width: 100%; height: auto; margin: .4rem 0; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem .9rem; padding: 0; margin: .25rem 0; }
.legend li { display: flex; align-items: center; gap: .35rem; font-size: .85rem; }
.legend, .choices { list-style: none; }
.swatch { width: 34px; height: 16px; flex: none; }
.tick, .label { font-size: 11px; fill: var(--quiet); }
.label { fill: var(--text); }
.grid { stroke: var(--rule); stroke-width: .75; }
.axis { stroke: var(--quiet); stroke-width: 1; }
.line { fill: none; stroke: var(--c); stroke-width: 2; }
.band { fill: var(--c); fill-opacity: .08; stroke: var(--c); stroke-opacity: .25; }
.error { stroke: var(--c); stroke-width: 1.25; opacity: .6; }
.mark { fill: var(--c); stroke: var(--c); stroke-width: 1.6; }
.mark.hollow { fill: var(--ground); }
.s0 { --c: var(--c0); } .s1 { --c: var(--c1); } .s2 { --c: var(--c2); } .s3 { --c: var(--c3); }
.s4 { --c: var(--c4); } .s5 { --c: var(--c5); } .s6 { --c: var(--c6); } .s7 { --c: var(--c7); }
.span { width: 120px; height: 18px; display: block; margin-left: auto; }
.zero { stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 2 2; }
.interval { stroke: var(--accent); stroke-width: 2.5; }
.estimate { fill: var(--accent); }
details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--accent); }
summary h3, summary h4 { display: inline; margin: 0; color: var(--text); }
details.part { border-top: 1px solid var(--rule); padding-top: .75rem; margin-top: 1.5rem; }
.example {
  background: var(--raised); border: 1px solid var(--rule); border-radius: .4rem;
  padding: .25rem 1rem 1rem; margin: .75rem 0 1.25rem;
}
.choices { padding: 0; margin: .4rem 0; }
.choices li { display: inline-block; margin: 0 .75rem .2rem 0; }
.choices li::before { content: "○ "; color: var(--quiet); }
.choices li.gold::before { content: "● "; color: var(--good); }
.said {
  display: grid; gap: .75rem 1.5rem; margin-top: .75rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr));
}
.said > div { min-width: 0; border-top: 1px solid var(--rule); padding-top: .5rem; }
.said h5 { margin: 0; font-size: .95rem; }
.said p { margin: .2rem 0; }
.right { color: var(--good); font-weight: 600; }
.wrong, .unparsed { color: var(--bad); font-weight: 600; }
blockquote {
  margin: .3rem 0; padding-left: .75rem; border-left: 3px solid var(--rule); white-space: pre-wrap;
}
pre {
  overflow-x: auto; background: var(--raised); border: 1px solid var(--rule); padding: .75rem;
  border-radius: .4rem; font-size: .82rem; line-height: 1.45; overflow-wrap: normal;
}
footer { margin-top: 3rem; color: var(--quiet); font-size: .9rem; }
@media (max-width: 40rem) {
  body { padding: 1rem .9rem 3rem; }
  h2 { margin-top: 2.25rem; }
  .example { padding: .1rem .75rem .75rem; }
  .scroll tbody th, .scroll thead th:first-child {
    position: sticky; left: 0; background: var(--ground); max-width: 9.5rem; min-width: 6rem;
    padding-right: .5rem;
  }
  .lead { font-size: 1.08rem; }
}
@page { margin: 14mm; }
@media print {
  html { font-size: 10pt; }
  :root {
    color-scheme: light; --ground: #fff; --raised: #fff; --text: #000; --quiet: #3d444c;
    --rule: #b8bec6; --accent: #0b57a4; --good: #10663f; --good-ground: #fff; --open: #222;
    --open-ground: #fff; --warn: #5f3a00; --warn-ground: #fff; --bad: #a3211a;
    --c0: #0b62a4; --c1: #c2410c; --c2: #157a52; --c3: #86369b; --c4: #7a5c00; --c5: #0b7285;
    --c6: #b8226b; --c7: #4a5560;
  }
  body { max-width: none; padding: 0; font-size: 1rem; }
  nav { display: none; }
  .scroll { overflow: visible; }
  table { font-size: 8.5pt; }
  .legend li { font-size: 8.5pt; }
  th, td { padding: .25rem .4rem; }
  thead th { min-width: 0; }
  tbody th { min-width: 5rem; }
  .detail { white-space: normal; }
  figure { margin: .5rem 0; }
  details::details-content { content-visibility: visible; display: block; height: auto; }
  summary { list-style: none; color: var(--text); }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 7.5pt; }
  h2, h3, h4, figcaption, summary { break-after: avoid; }
  tr, .charts > figure, .example, .said > div, .shown, .not-shown { break-inside: avoid; }
  .charts { grid-template-columns: 1fr 1fr; }
  .span { width: 90px; }
}
""")
