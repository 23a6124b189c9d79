"""The page's style sheet: light and dark, wide and narrow, on paper too."""

CSS = """
:root { color-scheme: light dark; --back: #ffffff; --raised: #f5f6f8; --ink: #1c2128;
  --soft: #57606a; --line: #d5d9df; --blue: #0063a3; --good: #00785a; --bad: #b34700; }
@media (prefers-color-scheme: dark) { :root { --back: #12161c; --raised: #1c222b; --ink: #e6e9ee;
  --soft: #a3adb9; --line: #343c48; --blue: #6cb6ff; --good: #3ecf9f; --bad: #ff9d5c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem clamp(.8rem, 3vw, 2.5rem) 4rem; max-width: 78rem;
  background: var(--back); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1 { margin: .5rem 0 0; font-size: clamp(1.4rem, 4vw, 2rem); line-height: 1.2;
  overflow-wrap: anywhere; }
h2 { margin: 3rem 0 .5rem; padding-top: .8rem; border-top: 1px solid var(--line);
  font-size: 1.35rem; }
h3 { margin: 2rem 0 .3rem; font-size: 1.1rem; }
h4 { margin: 1rem 0 .3rem; font-size: .95rem; color: var(--soft); font-weight: 600; }
p { margin: .4rem 0; max-width: 48rem; }
a { color: var(--blue); }
:focus-visible { outline: 3px solid var(--blue); outline-offset: 2px; }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; list-style: none; }
.soft, small, caption, figcaption, .none { color: var(--soft); }
.notice { padding: .5rem .8rem; border-left: 4px solid var(--bad); background: var(--raised); }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: .7rem; padding: 0;
  list-style: none; }
@media (max-width: 56rem) { .tiles { grid-template-columns: 1fr 1fr; } }
.tiles li { padding: .7rem .9rem; border: 1px solid var(--line); border-radius: .5rem;
  background: var(--raised); }
.tiles b { display: block; font-size: 1.7rem; line-height: 1.2;
  font-variant-numeric: tabular-nums; }
.tiles small { display: block; }
.wide { overflow-x: auto; margin: .8rem 0; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .2rem 0 .4rem; }
th, td { padding: .3rem .7rem .3rem 0; text-align: right; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { font-weight: 500; } thead th { color: var(--soft); vertical-align: bottom; }
th[scope=row], th:first-child, .facts td { text-align: left; }
th[scope=rowgroup] { padding-top: 1rem; font-weight: 700; text-align: left; }
td small { display: block; white-space: nowrap; font-size: .75rem; }
.wide th[scope=row] { position: sticky; left: 0; min-width: 7rem; background: var(--back); }
.facts td { overflow-wrap: anywhere; } .facts th { padding-right: 1.2rem; white-space: nowrap; }
img { max-width: 100%; }
.drawing { margin: .8rem 0; overflow-x: auto; }
.drawing img { display: block; width: 100%; min-width: 38rem; border-radius: .4rem; }
.drawing figcaption { position: sticky; left: 0; max-width: 48rem; font-size: .88rem; }
.half img { max-width: 46rem; }
@media (prefers-color-scheme: dark) { .chart img { filter: invert(.92) hue-rotate(180deg);
  mix-blend-mode: lighten; } .map img { filter: brightness(.88); } }
.queries { margin: 0; padding: 0; list-style: none; }
.strip { display: flex; gap: .6rem; overflow-x: auto; padding: .3rem 0 .6rem; }
.strip figure { flex: 0 0 8.6rem; margin: 0; display: flex; flex-direction: column; }
.strip figcaption { font-size: .78rem; padding-top: .15rem; }
.ask { margin-right: .9rem !important; }
.card { flex: 1; min-height: 8rem; padding: .4rem; border: 1px solid var(--line);
  border-radius: .4rem; background: var(--raised); overflow: hidden;
  display: flex; flex-direction: column; justify-content: center; gap: .3rem; }
.ask .card { border: 2px solid var(--ink); }
.hit .card { border: 3px solid var(--good); } .hit figcaption { color: var(--good);
  font-weight: 700; }
.wanted .card { border: 2px dashed var(--bad); } .wanted figcaption { color: var(--bad); }
.card p { margin: 0; font-size: .8rem; line-height: 1.3; overflow-wrap: anywhere; }
.card img { display: block; width: 100%; height: 7rem; object-fit: contain; background: #fff;
  border-radius: .25rem; }
.post img { height: 5rem; }
.four { display: grid; grid-template-columns: 1fr 1fr; gap: .2rem; }
.four img { height: 2.9rem; }
.name { font-weight: 600; text-align: center; }
details { margin: .8rem 0; } summary { cursor: pointer; }
pre { overflow-x: auto; padding: .8rem; border-radius: .4rem; background: var(--raised);
  font-size: .8rem; }
@media (max-width: 36rem) { .strip figure { flex-basis: 7.2rem; } .card img { height: 5.6rem; }
  .four img { height: 2.3rem; } .ask { margin-right: .3rem !important; }
  .wide caption { max-width: 90vw; } }
@media print { .wide, .drawing, .strip { overflow: visible; } nav { display: none; } }
"""
