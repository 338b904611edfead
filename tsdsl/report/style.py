"""The style sheet and script of a report: light and dark, phone and print. The page is complete without the script."""

from __future__ import annotations

from tsdsl.drawing.theme import DARK, LIGHT, Theme, mixed


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

SCRIPT = (
    f"""
const THEMES = {{
  'on-light': {{ heat: {list(LIGHT.heat)}, mark: '{LIGHT.mark}' }},
  'on-dark': {{ heat: {list(DARK.heat)}, mark: '{DARK.mark}' }},
}};
"""
    + """
const channels = colour => [1, 3, 5].map(at => parseInt(colour.slice(at, at + 2), 16));
const mixed = ([low, high], share) => channels(low).map((c, i) => Math.round(c + (channels(high)[i] - c) * share));
const linear = c => c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4;
const luminance = rgb => 0.2126 * linear(rgb[0]) + 0.7152 * linear(rgb[1]) + 0.0722 * linear(rgb[2]);
const ink = rgb => luminance(rgb) > 0.179 ? '#000000' : '#FFFFFF';
const percent = (share, digits) => (100 * share).toFixed(digits) + '%';
const only = shares => {
  const most = Math.max(...shares);
  return shares.filter(share => share === most).length === 1 ? shares.indexOf(most) : -1;
};
const entropy = shares => Math.abs(shares.reduce((sum, s) => s > 0 ? sum - s * Math.log(s) : sum, 0)).toFixed(2);

function draw(svg, theme, data, index) {
  const shares = data.shares[index].map(own => own.map(share => share / 1000));
  svg.querySelector('.facts text').textContent = data.facts[index];
  svg.setAttribute('aria-label', data.title + '. ' + data.facts[index]);
  const [x, y] = svg.querySelector('.curve polyline').getAttribute('points').split(' ')[index].split(',');
  const line = svg.querySelector('.now polyline');
  line.setAttribute('points', line.getAttribute('points').replace(/[^, ]+,/g, x + ','));
  svg.querySelector('.now circle').setAttribute('cx', x);
  svg.querySelector('.now circle').setAttribute('cy', y);
  for (const decision of svg.querySelectorAll('.decision')) {
    const own = shares[decision.dataset.number], most = only(own);
    decision.querySelector('text').textContent = entropy(own);
    decision.querySelector(':scope > rect')?.remove();
    [...decision.querySelectorAll('g')].forEach((cell, k) => {
      const rect = cell.querySelector('rect'), words = cell.querySelector('text'), fill = mixed(theme.heat, own[k]);
      rect.setAttribute('fill', 'rgb(' + fill + ')');
      words.setAttribute('fill', ink(fill));
      const hint = cell.querySelector('title');
      hint.textContent = hint.textContent.replace(/[^ ]+$/, percent(own[k], 1));
      if (k !== most) return;
      const outline = rect.cloneNode();
      for (const [name, by] of [['x', 0.5], ['y', 0.5], ['width', -1], ['height', -1]])
        outline.setAttribute(name, Number(rect.getAttribute(name)) + by);
      outline.setAttribute('fill', 'none');
      outline.setAttribute('stroke', theme.mark);
      outline.setAttribute('stroke-width', 2);
      decision.append(outline);
    });
  }
}

for (const box of document.querySelectorAll('.alpha')) {
  const data = JSON.parse(box.querySelector('script').textContent);
  const slider = box.querySelector('.slider'), input = slider.querySelector('input');
  const rows = [...box.querySelectorAll('tbody tr')].map(row => ({
    entropy: row.querySelector('.entropy'), choices: [...row.querySelectorAll('li')] }));
  const show = index => {
    const epoch = data.epochs[index];
    for (const place of box.querySelectorAll('.epoch')) place.textContent = epoch;
    box.querySelector('.told').textContent = data.told[index];
    input.setAttribute('aria-valuetext', 'epoch ' + epoch);
    for (const name of Object.keys(THEMES))
      for (const svg of box.querySelectorAll('.' + name + ' svg')) draw(svg, THEMES[name], data, index);
    rows.forEach((row, number) => {
      const shares = data.shares[index][number].map(share => share / 1000), most = only(shares);
      row.choices.forEach((choice, k) => {
        choice.style.setProperty('--p', 100 * shares[k]);
        choice.querySelector('b').textContent = percent(shares[k], 0);
        choice.classList.toggle('most', k === most);
      });
      row.entropy.textContent = entropy(shares);
    });
  };
  input.addEventListener('input', () => show(Number(input.value)));
  input.value = data.epochs.length - 1;
  slider.hidden = false;
}
"""
)
