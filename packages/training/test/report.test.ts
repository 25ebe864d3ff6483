import { expect, test } from "vitest";
import { parseMetrics, type TrainingStep, toMetricsLine, toReport } from "../src/index.js";

const steps = (count: number): TrainingStep[] =>
  Array.from({ length: count }, (_, i) => ({
    step: i + 1,
    loss: 5 / (i + 1),
    metrics: { lmLoss: 4 / (i + 1), "a <b>": 1 },
    gradNorm: 2,
    gradNorms: { norms: 1.5 },
    learningRate: 1e-4,
    tokens: 100,
    labels: 90,
    seconds: 0.5,
    expertLoads: [{ router: "model.layers.0.mlp.router", counts: [100 - i, i, 50, 50] }],
  }));

test("metrics are lines of JSON, and are read back; a last line that was cut off is left out", () => {
  const all = steps(3);
  const text = all.map(toMetricsLine).join("");
  expect(text.split("\n")).toHaveLength(4);
  expect(parseMetrics(text)).toEqual(all);
  expect(parseMetrics(text.slice(0, -20))).toEqual(all.slice(0, 2));
  expect(parseMetrics("")).toEqual([]);
});

test("a report has a curve for every number, a heat map for every layer, and nothing from elsewhere", () => {
  const html = toReport(steps(40), "A <run>");
  for (const title of [
    "Loss",
    "lmLoss",
    "a &#60;b&#62;",
    "Learning rate",
    "Length of the gradient",
    "Tokens per second",
  ])
    expect(html).toContain(`<h3>${title}</h3>`);
  expect(html).toContain("<title>A &#60;run&#62;</title>");
  expect(html).toContain("<h3>model.layers.0.mlp.router</h3>");
  expect(html.match(/<rect /g)).toHaveLength(40 * 4);
  expect(html).not.toMatch(/<script|<link|<img|@import|url\(|https?:/);
  expect(html).not.toContain("NaN");
  // Twice an even share is red, none is blue.
  expect(html).toContain("rgb(178,24,43)");
  expect(html).toContain("rgb(33,102,172)");
});

test("a long run has as many columns as fit; an empty one says so", () => {
  expect(toReport(steps(1000)).match(/<rect /g)!.length).toBeLessThanOrEqual(160 * 4);
  expect(toReport([])).toContain("No steps yet.");
  expect(toReport(steps(1))).not.toContain("NaN");
});
