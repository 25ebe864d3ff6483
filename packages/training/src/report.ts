import { checkList, expectThat } from "./checks.js";
import { type HeatMap, heatMap } from "./heat-map.js";
import type { TrainingStep } from "./metrics.js";

/** Width and height of a chart, in its own units. */
const WIDTH = 460;
const HEIGHT = 190;
/** Margins around the curve, for the numbers. */
const MARGIN = { left: 72, right: 12, top: 14, bottom: 28 };

/**
 * Creates a self-contained page about a run: curves of its numbers, and for each router a heat map of the loads of its
 * experts over time.
 */
export function toReport(steps: readonly TrainingStep[], title = "Training"): string {
  checkList("toReport", "a list of steps", steps, (step) => typeof step === "object" && step !== null);
  expectThat(typeof title === "string", "toReport: title", "a text", title);
  const names = [...new Set(steps.flatMap(({ metrics }) => Object.keys(metrics)))].filter((name) =>
    // A term that equals the whole loss is drawn once.
    steps.some(({ metrics, loss }) => metrics[name] !== loss),
  );
  const charts = [
    chart("Loss", steps, (step) => step.loss),
    chart("Held-out loss", steps, ({ evaluation }) => evaluation?.loss ?? NaN, { smooth: false }),
    ...names.map((name) => chart(name, steps, ({ metrics }) => metrics[name] ?? NaN)),
    chart("Learning rate", steps, ({ learningRate }) => learningRate, { smooth: false }),
    chart("Length of the gradient", steps, ({ gradNorm }) => gradNorm),
    chart("Tokens per second", steps, ({ tokens, seconds }) => tokens / seconds),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${toHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${toHtml(title)}</h1>
${summary(steps)}
<div class="charts">
${charts.join("\n")}
</div>
${heatMaps(steps)}
</body>
</html>
`;
}

const STYLE = `
:root { color-scheme: light dark; --ink: light-dark(#1c2024, #e6e8ea); --soft: light-dark(#6b7480, #98a2ad);
  --line: light-dark(#dfe3e8, #333a42); --paper: light-dark(#fff, #15181c); --curve: light-dark(#0b63c5, #6db3ff); }
body { margin: 2rem auto; max-width: 84rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2.5rem; } h3 { font-size: .9rem; font-weight: 600; margin: 0; }
p { color: var(--soft); max-width: 60rem; }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2.5rem; } dt { color: var(--soft); font-size: .8rem; } dd { margin: 0; font-variant-numeric: tabular-nums; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); gap: 1.5rem; }
.charts section { border: 1px solid var(--line); border-radius: 8px; padding: .8rem; overflow-wrap: anywhere; }
img { display: block; width: 100%; margin-top: .4rem; image-rendering: pixelated; } .note { font-size: .8rem; margin: .4rem 0 0; }
svg { display: block; width: 100%; height: auto; } text { fill: var(--soft); font-size: 13px; font-variant-numeric: tabular-nums; }
.grid { stroke: var(--line); } .raw { stroke: var(--curve); opacity: .3; fill: none; } .curve { stroke: var(--curve); stroke-width: 2; fill: none; }`;

function summary(steps: readonly TrainingStep[]): string {
  const last = steps.at(-1);
  if (!last) return "<p>No steps yet.</p>";
  const tokens = steps.reduce((sum, step) => sum + step.tokens, 0);
  const seconds = steps.reduce((sum, step) => sum + step.seconds, 0);
  const facts: [string, string][] = [
    ["Steps", `${last.step}`],
    ["First loss", number(steps[0]!.loss)],
    ["Last loss", number(last.loss)],
    ["Lowest loss", number(Math.min(...steps.map(({ loss }) => loss)))],
    ["Tokens", tokens.toLocaleString("en")],
    ["Time", `${seconds.toFixed(1)} s`],
    ["Tokens per second", (tokens / seconds).toFixed(0)],
  ];
  return `<dl>${facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join("")}</dl>`;
}

function chart(
  title: string,
  steps: readonly TrainingStep[],
  pick: (step: TrainingStep) => number,
  { smooth = true } = {},
): string {
  const points = steps.map((step) => [step.step, pick(step)] as const).filter(([, value]) => Number.isFinite(value));
  if (points.length === 0) return "";
  const values = points.map(([, value]) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const [first, last] = [points[0]![0], points.at(-1)![0]];
  const x = (step: number): number =>
    MARGIN.left + ((step - first) / Math.max(1, last - first)) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value: number): number =>
    HEIGHT - MARGIN.bottom - ((value - low) / (high - low || 1)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const line = (curve: readonly (readonly [number, number])[], name: string): string =>
    `<polyline class="${name}" points="${curve.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" ")}"/>`;
  const ticks = [low, (low + high) / 2, high].map(
    (value) =>
      `<line class="grid" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(value)}" y2="${y(value)}"/>` +
      `<text x="${MARGIN.left - 6}" y="${y(value) + 4}" text-anchor="end">${number(value)}</text>`,
  );
  return `<section><h3>${toHtml(title)}</h3>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${toHtml(title)}: from ${number(values[0]!)} to ${number(values.at(-1)!)}">
${ticks.join("")}
<text x="${MARGIN.left}" y="${HEIGHT - 8}">step ${first}</text>
<text x="${WIDTH - MARGIN.right}" y="${HEIGHT - 8}" text-anchor="end">${last}</text>
${smooth ? line(points, "raw") + line(smoothed(points), "curve") : line(points, "curve")}
</svg></section>`;
}

/** Returns an exponential moving average over about a twentieth of the run. */
function smoothed(points: readonly (readonly [number, number])[]): [number, number][] {
  const keep = 1 - 1 / Math.max(1, points.length / 20);
  let [sum, weight] = [0, 0];
  return points.map(([step, value]) => {
    [sum, weight] = [keep * sum + value, keep * weight + 1];
    return [step, sum / weight];
  });
}

function heatMaps(steps: readonly TrainingStep[]): string {
  const routers = [...new Set(steps.flatMap(({ expertLoads }) => expertLoads.map(({ router }) => router)))];
  if (routers.length === 0) return "";
  return `<h2>Load of the experts</h2>
<p>Each row is an expert, each column a step or the mean of some: how many tokens the expert was given, relative to an even
share. White is an even share, blue less, red twice that and more.</p>
<div class="charts">
${routers.map((router) => section(router, heatMap(router, steps))).join("\n")}
</div>`;
}

function section(router: string, { url, experts, worst }: HeatMap): string {
  const at = `at the end the busiest expert has ${worst.toFixed(1)}× an even share`;
  return `<section><h3>${toHtml(router)}</h3>
<img src="${url}" alt="${experts} experts: ${at}" style="height: ${Math.max(96, Math.min(256, experts * 2))}px">
<p class="note">Experts 0 to ${experts - 1}, top to bottom; ${at}.</p></section>`;
}

/** Formats with four significant digits. */
function number(value: number): string {
  return Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3)
    ? value.toExponential(2)
    : `${Number(value.toPrecision(4))}`;
}

function toHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
