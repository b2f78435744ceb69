"""The report page's stylesheet; plain CSS inside the page."""

CSS = """
body { margin: 0; background: #fff; color: #1a1a1a; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 24px 20px 80px; }
h1 { font-size: 1.7rem; margin: 0 0 8px; }
h2 { font-size: 1.35rem; margin: 48px 0 4px; padding-top: 16px; border-top: 2px solid #1a1a1a; }
h3 { font-size: 1.05rem; margin: 24px 0 4px; }
p { margin: 6px 0; max-width: 52em; }
a { color: #0060a0; }
code { font: 0.85em ui-monospace, monospace; }
.about, figcaption { color: #555; font-size: 0.9rem; }
.note { border-left: 3px solid #e69f00; padding-left: 10px; }
.nowrap { white-space: nowrap; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.87rem; margin: 8px 0; }
table { font-variant-numeric: tabular-nums; }
th { text-align: left; border-bottom: 1.5px solid #1a1a1a; vertical-align: bottom; }
th { padding: 4px 14px 4px 0; }
td { border-bottom: 1px solid #e4e4e4; padding: 5px 14px 5px 0; vertical-align: top; }
table.claims td:nth-child(1) { min-width: 17em; }
table.claims td:nth-child(2) { color: #555; }
table.numbers td { white-space: nowrap; }
.verdict { display: inline-block; padding: 1px 8px; border-radius: 3px; font-weight: 600; }
.verdict.yes { background: #d6eee6; color: #00543d; }
.verdict.no { background: #fbe0d3; color: #8a3a00; }
.verdict.broken { background: #a30000; color: #fff; }
.note.broken { border-left: 6px solid #a30000; background: #fdecec; padding: 8px 12px; }
.verdict.open { background: #ececec; color: #333; }
.state.failed, .state.diverged { color: #8a3a00; font-weight: 600; }
.state.running, .state.interrupted { color: #0060a0; font-weight: 600; }
figure { margin: 20px 0; }
figure img { max-width: 100%; height: auto; border: 1px solid #e4e4e4; }
details { margin: 16px 0; }
summary { cursor: pointer; font-weight: 600; }
@media print { details { display: none; } h2 { break-before: page; } }
"""
