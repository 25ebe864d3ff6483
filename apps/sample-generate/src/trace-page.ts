import type { RoutingTrace } from "@mixtape/mixtape";
import { type LayerLoad, relativeLoads } from "./expert-loads.js";

/** Contents of a page about a trace. */
export interface TracePage {
  readonly title: string;
  readonly trace: RoutingTrace;
  readonly loads: readonly LayerLoad[];
  /** The text of each token. */
  readonly texts: readonly string[];
}

/** Creates a self-contained HTML page: loads of the experts as a heat map, and the experts of each token. */
export function tracePage({ title, trace, loads, texts }: TracePage): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${html(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${html(title)}</h1>
<h2>Load of the experts</h2>
<p>A row for each layer, a cell for each expert: white for no token, the darkest for twice an even share and more.</p>
<div class="scroll"><table class="map">${loads.map(mapRow).join("\n")}</table></div>
<h2>Experts of each token</h2>
<p>A row for each token, a column for each layer with experts.</p>
<div class="scroll"><table class="tokens"><tr><th></th><th>token</th>${loads.map(({ layer }) => `<th>${layer}</th>`).join("")}</tr>
${texts.map((text, token) => tokenRow(text, token, trace, loads)).join("\n")}
</table></div>
</body>
</html>
`;
}

const STYLE = `
body { margin: 2rem auto; max-width: 84rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; color: #1c2024; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; } p { color: #6b7480; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.map td { width: .8rem; min-width: .3rem; height: 1.2rem; border: 1px solid #eef0f2; } th { font-weight: 400; color: #6b7480; padding: 0 .5rem; text-align: right; }
.tokens td { border-top: 1px solid #dfe3e8; padding: .1rem .5rem; white-space: pre; font-family: ui-monospace, monospace; font-size: .85rem; }
`;

function mapRow({ layer, counts }: LayerLoad): string {
  const cells = relativeLoads(counts).map((load, expert) => {
    const opacity = Math.min(1, load / 2).toFixed(2);
    const about = `layer ${layer}, expert ${expert}: ${counts[expert]} tokens, ${load.toFixed(2)} times an even share`;
    return `<td style="background:rgb(11 99 197 / ${opacity})" title="${about}"></td>`;
  });
  return `<tr><th>layer ${layer}</th>${cells.join("")}</tr>`;
}

function tokenRow(text: string, token: number, trace: RoutingTrace, loads: readonly LayerLoad[]): string {
  const cells = loads.map(({ layer }) => {
    const first = (token * trace.layers + layer) * trace.slots;
    const experts = [...trace.indices.subarray(first, first + trace.slots)].filter((expert) => expert >= 0);
    return `<td>${experts.join(" ") || "–"}</td>`;
  });
  return `<tr><th>${token}</th><td>${html(text)}</td>${cells.join("")}</tr>`;
}

function html(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (letter) => entities[letter]!).replaceAll("\n", "↵");
}
