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

test("a report has a curve for every number, a heat map for every router, and nothing from elsewhere", () => {
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
  expect(html).not.toMatch(/<script|<link|@import|url\(|https?:/);
  expect(html.match(/<img src="(?!data:)/)).toBeNull();
  expect(html).not.toContain("NaN");

  const [map] = mapsIn(html);
  expect(map).toMatchObject({ width: 40, height: 4 });
  // Of the first step: twice an even share, none, and even shares.
  expect([0, 1, 2, 3].map((expert) => map!.pixel(0, expert))).toEqual([
    [178, 24, 43],
    [33, 102, 172],
    [255, 255, 255],
    [255, 255, 255],
  ]);
  // Of the last one, 61, 39, 50 and 50 of 200: a bit more, a bit less.
  expect(map!.pixel(39, 0)).toEqual([238, 204, 208]);
  expect(map!.pixel(39, 1)).toEqual([206, 221, 237]);
  expect(html).toContain("the busiest expert has 1.2× an even share");
});

test("a long run has as many columns as fit; an empty one says so; what is the whole loss is drawn once", () => {
  const [map] = mapsIn(toReport(steps(1000)));
  expect(map!.width).toBeLessThanOrEqual(160);
  expect(map!.width).toBeGreaterThan(100);
  expect(toReport([])).toContain("No steps yet.");
  expect(toReport(steps(2).map((step) => ({ ...step, metrics: { lmLoss: step.loss } })))).not.toContain("lmLoss");
  expect(toReport(steps(1))).not.toContain("NaN");
});

interface Bitmap {
  readonly width: number;
  readonly height: number;
  /** `[red, green, blue]` */
  pixel(x: number, y: number): number[];
}

/** The bitmaps of a page: 8 bits per pixel, the first row on top. */
function mapsIn(html: string): Bitmap[] {
  return [...html.matchAll(/data:image\/bmp;base64,([^"]+)/g)].map(([, base64]) => {
    const file = Buffer.from(base64!, "base64");
    expect(file.toString("latin1", 0, 2)).toBe("BM");
    expect(file.readUInt32LE(2)).toBe(file.length);
    const [width, height, bits, pixels] = [file.readInt32LE(18), -file.readInt32LE(22), file.readUInt16LE(28)].concat(
      file.readUInt32LE(10),
    ) as [number, number, number, number];
    expect(bits).toBe(8);
    const rowBytes = Math.ceil(width / 4) * 4;
    expect(file.length).toBe(pixels + rowBytes * height);
    const pixel = (x: number, y: number): number[] => {
      const color = 54 + 4 * file[pixels + y * rowBytes + x]!;
      return [...file.subarray(color, color + 3)].reverse();
    };
    return { width, height, pixel };
  });
}
