/** What the page of attempts looks like, in light and in dark. */
export const pageStyle = `
:root { --bg: #fff; --fg: #1b1f24; --soft: #57606a; --line: #d0d7de; --card: #f6f8fa; --good: #1a7f37; --bad: #c62828; --odd: #9a6700; --other: #0b63b5; }
@media (prefers-color-scheme: dark) {
  :root { --bg: #0f1318; --fg: #e6edf3; --soft: #9aa5b1; --line: #333c47; --card: #171d24; --good: #4cc26a; --bad: #ff7b72; --odd: #e0b03c; --other: #6cb6ff; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 62rem; background: var(--bg); color: var(--fg); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2rem 0 .25rem; }
h2 small, small { color: var(--soft); font-weight: normal; font-size: .85rem; }
p { margin: .25rem 0 .75rem; }
a { color: var(--other); }
.by { color: var(--soft); margin: 0; font-size: .9rem; }
.problem { border-left: 4px solid var(--bad); padding-left: .75rem; }
.wide { overflow-x: auto; margin-top: 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; font-weight: normal; overflow-wrap: normal; }
thead th { color: var(--soft); font-size: .85rem; }
tbody th { font-weight: 600; white-space: nowrap; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
td.bar { width: 20%; min-width: 4rem; }
td.bar span { display: block; height: .7rem; margin-top: .4rem; border-radius: 2px; background: var(--tone); }
.good { --tone: var(--good); } .bad { --tone: var(--bad); } .odd { --tone: var(--odd); } .plain { --tone: var(--soft); }
.standing { padding-left: 1.2rem; margin: .5rem 0; }
details { background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--tone); border-radius: 4px; margin: .5rem 0; padding: .5rem .75rem; }
summary { cursor: pointer; }
summary em { color: var(--soft); }
details[open] > summary { margin-bottom: .5rem; }
.ends { display: flex; justify-content: space-between; gap: 1rem; padding-left: 9.2rem; font-weight: 600; font-size: .9rem; }
.ends span:last-child { text-align: right; }
.ladder { list-style: none; margin: .25rem 0 1rem; padding: 0; font-size: .9rem; }
.ladder li { display: grid; grid-template-columns: 3.6rem 5.2rem 1fr; column-gap: .2rem; }
.fr { grid-column: 1; grid-row: 1; text-align: right; color: var(--soft); font-variant-numeric: tabular-nums; }
.dt { grid-column: 2; grid-row: 1; text-align: right; padding-right: .5rem; white-space: nowrap; font-variant-numeric: tabular-nums; }
.ladder div { grid-column: 3; grid-row: 1; border: solid var(--line); border-width: 0 2px; padding: .1rem 0; }
.ladder small { display: block; padding: 0 1rem; }
.ar { display: flex; align-items: center; gap: .4rem; color: var(--other); padding: 0 .15rem; }
.ar b { order: 1; padding: 0 .3rem; } .ar i { order: 2; flex: 1; height: 0; border-top: 2px solid currentColor; position: relative; }
.ar i::after { content: ""; position: absolute; right: 0; top: -6px; border: 5px solid transparent; border-right: 0; border-left: 8px solid currentColor; }
.in b { order: 2; } .in i { order: 1; } .in small { text-align: right; }
.in i::after { right: auto; left: 0; border: 5px solid transparent; border-left: 0; border-right: 8px solid currentColor; }
.icmp .ar { padding-right: 25%; } .icmp .ar b { text-align: right; } .icmp .ar i { min-width: 2rem; } .icmp small { padding-right: 25%; }
.syn .ar { color: var(--good); } .rst .ar, .icmp .ar { color: var(--bad); } .fin .ar { color: var(--odd); }
dl { display: grid; grid-template-columns: 7rem 1fr; gap: .15rem .5rem; margin: 0; font-size: .9rem; }
dt { color: var(--soft); } dd { margin: 0; }
footer { margin-top: 2.5rem; padding-top: .75rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .9rem; }
@media (max-width: 40rem) {
  body { padding: 1rem .75rem 2rem; }
  table { font-size: .85rem; }
  td.bar, th.bar { display: none; }
  .ends { padding-left: 0; flex-wrap: wrap; }
  .ladder li { grid-template-columns: 3.4rem 1fr; }
  .dt { grid-column: 1; grid-row: 1; padding: 1.3rem 0 0; font-size: .75rem; }
  .ladder div { grid-column: 2; }
  dl { grid-template-columns: 5.2rem 1fr; }
}
`;
