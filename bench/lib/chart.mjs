// The rates of a run as bars: Chorus exact against every fp32 peer, Chorus int8 against every int8 peer.
//
// Each panel has its own scale, since texts and precisions differ by more than ten times.

import { CHORUS, peersOf } from './compare.mjs';
import { find } from './statistics.mjs';
import { MARGIN, rectangle, svg, text } from './svg.mjs';
import { TARGETS } from './targets.mjs';

const TEXTS = ['k6_payloads', 'bench_mix'];
const CONNECTIONS = [10, 64];
const PRECISIONS = { fp32: 'exact (fp32)', int8: 'int8' };

/** `head` is above the bars of one number of connections, `foot` below the last ones. */
const PANEL = { width: 460, gap: 40, title: 40, head: 26, foot: 24 };
const ROW = 20;
const BAR = 14;
const NAMES = 156;
const VALUES = 48;

const LIGHT = `
  .own { fill: #0969da; }
  .own-text { font-weight: 600; }
  .peer { fill: #afb8c1; }`;

const DARK = `
    .own { fill: #4493f8; }
    .peer { fill: #57606a; }`;

/** A whole SVG document; panels without figures are left out. */
export function chart(cells) {
  const rows = Object.keys(PRECISIONS).map((precision) =>
    TEXTS.map((texts) => panel(cells, precision, texts)),
  );
  const drawn = rows.filter((panels) => panels.some(({ groups }) => groups.length > 0));
  let y = MARGIN;
  const parts = drawn.flatMap((panels) => {
    const top = y;
    y += Math.max(...panels.map(height));
    return panels.map((each, column) =>
      draw(each, MARGIN + column * (PANEL.width + PANEL.gap), top),
    );
  });
  const width = 2 * MARGIN + TEXTS.length * PANEL.width + PANEL.gap;
  const page = { width, height: y, label: 'Requests per second of Chorus and its peers', light: LIGHT, dark: DARK };
  return svg(page, parts);
}

/** `{title, groups: [{connections, bars: [{name, rps, own}]}]}`, bars from fast to slow. */
function panel(cells, precision, texts) {
  const own = CHORUS[precision];
  const groups = CONNECTIONS.map((connections) => {
    const targets = [own, ...peersOf(cells, precision)];
    const found = targets.map((target) => find(cells, target, texts, connections)).filter(Boolean);
    const bars = found.map(({ target, rps }) => ({
      name: TARGETS[target].label,
      rps,
      own: target === own,
    }));
    return { connections, bars: bars.toSorted((a, b) => b.rps - a.rps) };
  });
  const title = `${PRECISIONS[precision]}, ${texts}`;
  return { title, groups: groups.filter(({ bars }) => bars.length > 0) };
}

function height({ groups }) {
  const bars = groups.reduce((total, group) => total + group.bars.length, 0);
  return PANEL.title + groups.length * PANEL.head + bars * ROW + PANEL.foot;
}

function draw({ title, groups }, x, top) {
  const longest = Math.max(...groups.flatMap(({ bars }) => bars.map(({ rps }) => rps)));
  const room = PANEL.width - NAMES - VALUES;
  const lines = [
    text(x, top + 16, title, 'title'),
    text(x, top + 33, 'requests per second, five models each', 'note'),
  ];
  let y = top + PANEL.title;
  for (const { connections, bars } of groups) {
    y += PANEL.head;
    lines.push(text(x + NAMES, y - 6, `${connections} connections`, 'note'));
    for (const { name, rps, own } of bars) {
      const width = Math.max(1, Math.round((rps / longest) * room));
      lines.push(
        text(x + NAMES - 8, y + BAR - 3, name, own ? 'note end own-text' : 'note end'),
        rectangle(own ? 'own' : 'peer', x + NAMES, y, width, BAR),
        text(
          x + NAMES + width + 6,
          y + BAR - 3,
          rps >= 100 ? rps.toFixed(0) : rps.toPrecision(3),
          own ? 'own-text' : '',
        ),
      );
      y += ROW;
    }
  }
  return lines.join('\n');
}
