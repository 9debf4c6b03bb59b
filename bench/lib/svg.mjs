// What the pictures of the benches have in common: SVGs that read on a light and on a dark page.

/** Around everything that is drawn. */
export const MARGIN = 16;

const LIGHT_TEXT = `text { font: 12px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 14px; }
  .note { fill: #57606a; }
  .end { text-anchor: end; }`;
const DARK_TEXT = `text { fill: #e6edf3; }
    .note { fill: #9198a1; }`;

/** A whole document of `parts`; `light` and `dark` are the rules of its own classes. */
export function svg({ width, height, label, light, dark }, parts) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}">`,
    `<style>\n  ${LIGHT_TEXT}${light}\n  @media (prefers-color-scheme: dark) {\n    ${DARK_TEXT}${dark}\n  }\n</style>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

export function rectangle(kind, x, y, width, height) {
  return `<rect class="${kind}" x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${height}"/>`;
}

/** Of the classes `title`, `note` and `end`, which ends at `x`, or of the picture's own. */
export function text(x, y, content, kind) {
  return `<text class="${kind}" x="${x}" y="${y}">${content}</text>`;
}
