// Requests as bars over time, coloured by where their time went: one panel per number of connections.

import { median } from './statistics.mjs';
import { MARGIN, rectangle, svg, text } from './svg.mjs';

/** The parts of a request's time in their order, with what they are called. */
export const PARTS = {
  http: 'HTTP and bridge',
  tokenization: 'tokenization',
  queue: 'queue',
  inference: 'models',
};

const WIDTH = 920;
const NAMES = 96;
const ROW = 13;
const BAR = 10;
const HEAD = 44;
const FOOT = 34;
const LEGEND = 52;
/** Rows per panel, at most: one connection each, or one request after another of a single connection. */
const ROWS = 16;
/** A panel shows so many times the median time of a request. */
const SPAN = 3.5;

const LIGHT = `
  .http { fill: #cf222e; }
  .tokenization { fill: #8250df; }
  .queue { fill: #d0d7de; }
  .inference { fill: #0969da; }
  .axis { stroke: #8c959f; stroke-width: 1; }`;

const DARK = `
    .http { fill: #ff7b72; }
    .tokenization { fill: #bc8cff; }
    .queue { fill: #3d444d; }
    .inference { fill: #4493f8; }`;

/** A whole SVG document; `panels` are `{connections, requests}`, each request as `bench/trace.mjs` gives it. */
export function timeline(panels, title) {
  const lines = [text(MARGIN, 28, `One request's time: ${title}`, 'title'), ...legend()];
  let top = LEGEND;
  for (const panel of panels) {
    const { drawn, height } = draw(panel, top);
    lines.push(...drawn);
    top += height;
  }
  const page = { width: WIDTH, height: top, label: 'Where the time of a request goes', light: LIGHT, dark: DARK };
  return svg(page, lines);
}

function legend() {
  let x = MARGIN;
  return Object.entries(PARTS).flatMap(([part, name]) => {
    const entry = [rectangle(part, x, 38, 10, 10), text(x + 16, 47, name, 'note')];
    x += 28 + name.length * 7;
    return entry;
  });
}

function draw({ connections, requests }, top) {
  const span = SPAN * median(requests.map(({ start, end }) => end - start));
  // From the middle of the run, where the loop is in its stride.
  const from = requests[requests.length >> 1].start;
  const visible = requests.filter(({ start, end }) => end > from && start < from + span);
  const rows = [...new Set(visible.map(({ connection }) => connection))]
    .sort((a, b) => a - b)
    .slice(0, ROWS);
  const scale = (WIDTH - NAMES - 2 * MARGIN) / span;
  const left = MARGIN + NAMES;
  const at = (time) => left + Math.min(Math.max(time - from, 0), span) * scale;
  const shares = Object.entries(PARTS).map(
    ([part, name]) => `${name} ${milliseconds(median(requests.map(({ parts }) => parts[part])))}`,
  );
  const plural = connections === 1 ? '' : 's';
  const drawn = [
    text(MARGIN, top + 20, `${connections} connection${plural}`, 'title'),
    text(MARGIN, top + 36, `medians of ${requests.length} requests: ${shares.join(', ')}`, 'note'),
  ];
  for (const request of visible) {
    const row = rows.indexOf(request.connection);
    if (row < 0) continue;
    const y = top + HEAD + row * ROW;
    let time = request.start;
    for (const part of Object.keys(PARTS)) {
      const [x, end] = [at(time), at(time + request.parts[part])];
      if (end > x) drawn.push(rectangle(part, x, y, end - x, BAR));
      time += request.parts[part];
    }
  }
  const bottom = top + HEAD + rows.length * ROW + 4;
  const shown = rows.length < connections ? `${rows.length} of them` : '';
  drawn.push(
    text(left - 8, top + HEAD + BAR, shown, 'note end'),
    `<line class="axis" x1="${left}" y1="${bottom}" x2="${WIDTH - MARGIN}" y2="${bottom}"/>`,
    text(left, bottom + 14, '0', 'note'),
    text(WIDTH - MARGIN, bottom + 14, milliseconds(span), 'note end'),
  );
  return { drawn, height: bottom + FOOT - top };
}

function milliseconds(time) {
  return `${time >= 100 ? time.toFixed(0) : time.toPrecision(2)} ms`;
}
