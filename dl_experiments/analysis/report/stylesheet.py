"""The report page's stylesheet: plain CSS inside the page, for a screen by day or night and paper.

Colours are variables, each at least 4.5 : 1 on the ground it stands on (WCAG 2.2, 1.4.3).
"""

_LIGHT = """
:root {
  color-scheme: light; --paper: #fff; --ink: #1a1a1a; --soft: #555; --line: #e4e4e4;
  --link: #0060a0; --note: #e69f00; --warn: #8a3a00; --shade: #0003; --dim: none;
  --yes: #00543d; --yes-on: #d6eee6; --no: #8a3a00; --no-on: #fbe0d3; --open: #333;
  --open-on: #ececec; --broken: #a30000; --broken-on: #fdecec;
}
"""
_DARK = """
@media screen and (prefers-color-scheme: dark) { :root {
  color-scheme: dark; --paper: #16181b; --ink: #e4e4e4; --soft: #a9adb2; --line: #363a40;
  --link: #7cb9f2; --warn: #ffb48a; --shade: #fff4; --dim: brightness(.88);
  --yes: #a3e5cf; --yes-on: #0f3d31; --no: #ffc7a6; --no-on: #4d2410; --open: #dcdcdc;
  --open-on: #3a3d42; --broken-on: #3d1414;
} }
"""
_SCREEN = """
body { margin: 0; background: var(--paper); color: var(--ink); }
body { font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 24px 20px 80px; }
h1 { font-size: 1.7rem; margin: 0 0 8px; }
h2 { font-size: 1.35rem; margin: 48px 0 4px; padding-top: 16px; border-top: 2px solid; }
h3 { font-size: 1.05rem; margin: 24px 0 4px; }
p { margin: 6px 0; max-width: 52em; }
a { color: var(--link); }
code { font: 0.85em ui-monospace, monospace; }
li code { overflow-wrap: anywhere; }
.about, figcaption { color: var(--soft); font-size: 0.9rem; }
td .about { font-size: inherit; }
.note { border-left: 3px solid var(--note); padding-left: 10px; overflow-wrap: anywhere; }
.note.broken { border-left: 6px solid var(--broken); background: var(--broken-on); }
.note.broken { padding: 8px 12px; }
.up { font-size: 0.9rem; margin-top: 16px; }
.wide { overflow-x: auto; margin: 8px 0; background:
  linear-gradient(90deg, var(--paper) 14px, #0000) 0 0 / 40px 100% no-repeat local,
  linear-gradient(-90deg, var(--paper) 14px, #0000) 100% 0 / 40px 100% no-repeat local,
  linear-gradient(90deg, var(--shade), #0000) 0 0 / 14px 100% no-repeat scroll,
  linear-gradient(-90deg, var(--shade), #0000) 100% 0 / 14px 100% no-repeat scroll; }
table { border-collapse: collapse; font-size: 0.87rem; }
table { font-variant-numeric: tabular-nums; }
th { text-align: left; border-bottom: 1.5px solid; vertical-align: bottom; }
th, td { padding: 5px 14px 5px 0; }
td { border-bottom: 1px solid var(--line); vertical-align: top; }
.n { text-align: right; }
.of { display: inline-block; text-align: right; }
.nowrap, .numbers td, td code { white-space: nowrap; }
.claims td:nth-child(1) { min-width: 17em; }
.claims td:nth-child(2) { min-width: 13em; color: var(--soft); }
.verdict { display: inline-block; padding: 1px 8px; border-radius: 3px; font-weight: 600; }
.verdict.yes { background: var(--yes-on); color: var(--yes); }
.verdict.no { background: var(--no-on); color: var(--no); }
.verdict.open { background: var(--open-on); color: var(--open); }
.verdict.broken { background: var(--broken); color: #fff; }
.state.failed, .state.diverged { color: var(--warn); font-weight: 600; }
.state.running, .state.interrupted { color: var(--link); font-weight: 600; }
figure { margin: 20px 0; }
figure img { max-width: 100%; height: auto; border: 1px solid var(--line); background: #fff; }
figure img { filter: var(--dim); }
details { margin: 16px 0; }
summary { cursor: pointer; font-weight: 600; }
@media screen and (min-width: 700px) {
  .numbers :is(th, td):first-child { position: sticky; left: 0; background: var(--paper);
    box-shadow: inset -1px 0 var(--line); }
  .numbers :is(th, td):nth-child(2) { padding-left: 10px; }
}
"""
_PHONE = """
@media screen and (max-width: 699px) {
  main { padding: 16px 14px 60px; }
  :is(.claims, .overview), :is(.claims, .overview) tbody { display: block; }
  :is(.claims, .overview) thead { display: none; }
  :is(.claims, .overview) tr { display: flex; flex-flow: row wrap; gap: 2px 10px; padding: 10px 0; }
  :is(.claims, .overview) tr { border-bottom: 1px solid var(--line); }
  :is(.claims, .overview) td { border: 0; padding: 0; min-width: 0; overflow-wrap: anywhere; }
  .claims tr { flex-direction: column; }
  .claims .n { text-align: left; }
  .claims td:last-child { order: -1; }
  .claims td:nth-child(n + 2):not(:last-child)::before {
    content: attr(data-label) ": "; color: var(--soft); }
  .overview td:nth-child(1) { width: 3.6em; }
  .overview td:nth-child(2) { width: calc(100% - 3.6em - 10px); font-size: 0.95rem; }
  .overview td:nth-child(n + 3) { color: var(--soft); }
  .overview td:last-child { width: 100%; color: var(--ink); }
}
"""
_PAPER = """
@page { size: A4; margin: 16mm 14mm; }
@media print {
  :root { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  h1, h2, h3, h2 + p, section > .about { break-after: avoid; }
  h2 { margin-top: 24px; }
  p, li { orphans: 3; widows: 3; }
  tr, figure, .note, .about { break-inside: avoid; }
  figcaption { break-before: avoid; }
  figure { margin: 10px 0; }
  figure img { max-height: 120mm; width: auto !important; }
  .wide { overflow: visible; background: none; }
  .wide, .numbers td, td code { white-space: normal; overflow-wrap: break-word; }
  td code { overflow-wrap: anywhere; }
  table { width: 100%; font-size: 8pt; }
  th, td { padding: 3px 6px 3px 0; }
  .claims { table-layout: fixed; }
  .claims td { min-width: 0 !important; }
  .claims th:nth-child(1) { width: 27%; }
  .claims th:nth-child(2) { width: 21%; }
  .claims th:nth-child(3) { width: 17%; }
  .claims th:nth-child(4) { width: 6%; }
  .of { display: inline; }
  .claims .nowrap { white-space: normal; }
  .numbers { font-size: 6.7pt; }
  .numbers :is(th, td) { padding-right: 4px; }
  .verdict { print-color-adjust: exact; }
  .up { display: none; }
}
"""
CSS = _LIGHT + _DARK + _SCREEN + _PHONE + _PAPER
