"""The style sheet and the script of a report: light and dark, phone and print; the page is whole without the script."""

from __future__ import annotations

from tsdsl.render.theme import DARK, LIGHT, Theme, mixed


def _variables(theme: Theme) -> str:
    lines = "".join(f"--s{index}:{colour};" for index, colour in enumerate(theme.lines))
    return (
        f"--ground:{theme.background};--ink:{theme.text};--muted:{theme.muted};--rule:{theme.grid};"
        f"--band:{theme.band};--edge:{theme.edge};--mark:{theme.mark};{lines}"
        f"--heat:{mixed(theme.background, theme.line(0), 0.28)};"
    )


STYLE = (
    f"""
:root {{ color-scheme: light dark; {_variables(LIGHT)} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}
"""
    + """
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; color: var(--ink);
  background: var(--ground); max-width: 84rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .4rem 0; }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid var(--rule); padding-bottom: .2rem; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
p { max-width: 46rem; margin: .5rem 0; }
a { color: var(--s0); }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: .6rem 0; padding: 0; }
nav a { display: inline-block; padding: .3rem 0; }
table { border-collapse: collapse; font-size: .92rem; }
caption, figcaption { text-align: left; color: var(--muted); font-size: .92rem; padding-bottom: .3rem; }
th, td { padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--rule); text-align: left; vertical-align: top; }
th[scope=col] { border-bottom: 2px solid var(--edge); }
th, td { overflow-wrap: normal; }
th[scope=row] { font-weight: 600; min-width: 8.5rem; max-width: 22rem; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; }
td.number.long { white-space: normal; min-width: 11rem; overflow-wrap: anywhere; }
.wide { overflow: auto; margin: .8rem 0; max-height: 80vh; }
.wide:focus-visible { outline: 2px solid var(--s0); }
.drawing { border: 1px solid var(--rule); border-radius: 6px; padding: .6rem; background: var(--ground); }
.drawing.paper { background: #fff; }
.drawing svg { max-width: none; width: auto; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(18.5rem, 100%), 1fr)); gap: 1rem; }
figure { margin: 0; min-width: 0; }
svg { display: block; }
figure > svg { width: 100%; max-width: 30rem; height: auto; }
svg.chart text { fill: var(--ink); }
svg.chart .grid { stroke: var(--rule); }
.s0 { stroke: var(--s0); } .s1 { stroke: var(--s1); } .s2 { stroke: var(--s2); } .s3 { stroke: var(--s3); }
details { margin: .4rem 0; } summary { cursor: pointer; color: var(--muted); padding: .3rem 0; }
code, pre { font: .86rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: var(--band); }
pre { padding: .7rem; border-radius: 6px; white-space: pre-wrap; }
code { padding: .1rem .25rem; border-radius: 3px; }
.made { color: var(--muted); font-size: .92rem; }
.bar { display: block; height: .9rem; min-width: 2px; width: calc(var(--v) * 1%); background: var(--s0);
  border-radius: 2px; print-color-adjust: exact; }
td.bars { width: 60%; min-width: 7rem; }
.slider { display: flex; flex-wrap: wrap; align-items: center; gap: .3rem 1rem; margin: .6rem 0; }
.slider[hidden] { display: none; }
.slider input { flex: 1 1 14rem; min-width: 0; max-width: 30rem; height: 2rem; accent-color: var(--s0); }
ul.choices { display: flex; flex-wrap: wrap; gap: .25rem; list-style: none; margin: 0; padding: 0; }
ul.choices li { border: 1px solid var(--rule); border-radius: 4px; padding: .05rem .4rem; min-width: 4.2rem;
  background: linear-gradient(to right, var(--heat) calc(var(--p) * 1%), transparent 0); print-color-adjust: exact; }
ul.choices li.most { border-color: var(--mark); box-shadow: inset 0 0 0 1px var(--mark); }
ul.choices b { float: right; margin-left: .6rem; font-variant-numeric: tabular-nums; font-weight: 400;
  color: var(--muted); }
footer { margin-top: 3rem; color: var(--muted); font-size: .92rem; border-top: 1px solid var(--rule); }
.on-dark { display: none; }
@media screen and (prefers-color-scheme: dark) { .on-dark { display: block; } .on-light { display: none; } }
@media print {
  body { max-width: none; padding: 0; font-size: 11pt; } nav, .slider { display: none; }
  .wide { overflow: visible; max-height: none; } .drawing svg { max-width: 100%; height: auto; }
  h2, h3 { break-after: avoid; } figure, tr, pre { break-inside: avoid; }
}
"""
)

SCRIPT = """
for (const box of document.querySelectorAll('.alpha')) {
  const data = JSON.parse(box.querySelector('script').textContent);
  const slider = box.querySelector('.slider'), input = slider.querySelector('input');
  const rows = [...box.querySelectorAll('tbody tr')].map(row => ({
    entropy: row.querySelector('.entropy'), choices: [...row.querySelectorAll('li')] }));
  const show = index => {
    const epoch = data.epochs[index];
    for (const place of box.querySelectorAll('.epoch')) place.textContent = epoch;
    box.querySelector('.facts').textContent = data.facts[index];
    input.setAttribute('aria-valuetext', 'epoch ' + epoch);
    rows.forEach((row, number) => {
      const shares = data.shares[index][number], most = Math.max(...shares);
      let entropy = 0;
      row.choices.forEach((choice, k) => {
        const share = shares[k] / 1000;
        if (share > 0) entropy -= share * Math.log(share);
        choice.style.setProperty('--p', 100 * share);
        choice.querySelector('b').textContent = Math.round(100 * share) + '%';
        choice.classList.toggle('most', shares[k] === most && shares.filter(s => s === most).length === 1);
      });
      row.entropy.textContent = Math.abs(entropy).toFixed(2);
    });
  };
  input.addEventListener('input', () => show(Number(input.value)));
  input.value = data.epochs.length - 1;
  slider.hidden = false;
}
"""
