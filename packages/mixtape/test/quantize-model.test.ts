/** Models that are quantised while they are loaded, and checkpoints that are written so: both compute the same. */

import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DecoderModel, type LoadWarning } from "@mixtape/decoder";
import { testEngines, withoutLeak } from "@mixtape/testing";
import { Tokenizer } from "@mixtape/tokenizer";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type LoadModelOptions, loadModel, quantizeModel, useEngine } from "../src/index.js";
import { SAMPLE } from "./files.js";

const GGUF = fileURLToPath(new URL("__fixtures__/gguf", import.meta.url));
/** Models whose rows are multiples of 32. */
const MODELS = [
  SAMPLE,
  ...["llama.F32", "qwen2moe.F16", "qwen3moe.F32", "afmoe.BF16"].map((name) => `${GGUF}/${name}.gguf`),
];
/** Columns of the widest matrix of the sample model from layer 1 on, and bytes to calibrate one, by their square. */
const [HIDDEN, WORK_BYTES] = [192, 20];
const IDS = [3, 14, 15, 9, 26, 5, 35, 8, 9, 7, 9, 32];

const folder = mkdtempSync(join(tmpdir(), "mixtape-quantize-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe.each([...new Set(["cpu", ...testEngines()] as const)])("on %s", (engine) => {
  beforeAll(async () => {
    await useEngine(engine, engine === "native" ? { precision: "float32" } : {});
  });

  test.each(MODELS)("%s: as saved, and near the original", async (model) => {
    const output = join(folder, basename(model, ".gguf"));
    if (!existsSync(output)) await quantizeModel(model, output, { quantize: { embeddings: "int8" } });
    await withoutLeak(async () => {
      const [original, loaded, saved] = [
        await logitsOf(model),
        await logitsOf(model, { quantize: "int4" }),
        await logitsOf(output),
      ];
      expect(saved).toEqual(loaded);
      const byte = await logitsOf(model, { quantize: "int8" });
      expect(distance(byte, original)).toBeGreaterThan(0);
      expect(distance(byte, original)).toBeLessThan(distance(loaded, original) / 4);
      expect(distance(loaded, original)).toBeLessThan(0.25);
    });
  });
});

test.each(MODELS)("%s in fp8: as saved, and nearer to the original than in int4", async (model) => {
  await useEngine("cpu");
  const output = join(folder, `${basename(model, ".gguf")}-fp8`);
  const { formats } = await quantizeModel(model, output, { quantize: "fp8" });
  expect(Object.keys(formats).sort()).toEqual(["fp8, a scale per row", "none"]);
  const quantize = { weights: "fp8", embeddings: "none" } as const;
  const [original, loaded, saved, less] = [
    await logitsOf(model),
    await logitsOf(model, { quantize }),
    await logitsOf(output),
    await logitsOf(model, { quantize: "int4" }),
  ];
  expect(saved).toEqual(loaded);
  expect(distance(loaded, original)).toBeGreaterThan(0);
  expect(distance(loaded, original)).toBeLessThan(distance(less, original));
});

describe("calibrated", () => {
  const engine = testEngines().includes("native") ? "native" : "cpu";
  const text = Array.from({ length: 4 }, (_, row) =>
    Array.from({ length: 64 }, (_, i) => (i * i * 7 + i * 13 + 31 * row) % 97),
  );

  beforeAll(async () => {
    await useEngine(engine, engine === "native" ? { precision: "float32" } : {});
  });

  test.each(MODELS)("%s: nearer to the original on the text, and nothing left on the engine", async (model) => {
    const [plain, calibrated] = ["plain", "calibrated"].map((kind) =>
      join(folder, `${basename(model, ".gguf")}-${kind}`),
    );
    await quantizeModel(model, plain!);
    await withoutLeak(async () => {
      const { uncalibrated, formats } = await quantizeModel(model, calibrated!, { calibration: [text] });
      expect(formats["int4, groups of 32"]?.matrices).toBeGreaterThan(uncalibrated.length);
    });
    const original = await logitsOf(model, {}, text);
    const errors = [plain!, calibrated!].map(async (path) => squaredError(await logitsOf(path, {}, text), original));
    const [before, after] = await Promise.all(errors);
    expect(after! / before!).toBeLessThan(0.95);
  });

  test("matrices that met too few tokens are named", async () => {
    const output = join(folder, "rare");
    const { uncalibrated } = await quantizeModel(SAMPLE, output, { calibration: [[[1, 2, 3]]] });
    expect(uncalibrated.length).toBeGreaterThan(0);
    expect(uncalibrated.some((name) => name.includes("experts"))).toBe(true);
  });

  test("a signal stops it between two matrices, and nothing is left", async () => {
    const output = join(folder, "stopped");
    const stop = new AbortController();
    const running = quantizeModel(SAMPLE, output, { calibration: [text], signal: stop.signal });
    setTimeout(() => stop.abort(new Error("stopped")), 0);
    await withoutLeak(() => expect(running).rejects.toThrow("stopped"));
    expect(existsSync(join(output, "config.json"))).toBe(false);
  });

  test("memory for a few sums at a time gives the same files, in more passes; for less than one, it is refused", async () => {
    const forward = vi.spyOn(DecoderModel.prototype, "forward");
    const free = vi.spyOn(process, "availableMemory");
    const quantized = async (name: string, ignore: readonly string[]) => {
      forward.mockClear();
      await quantizeModel(SAMPLE, join(folder, name), { calibration: [text], quantize: { ignore } });
      return { files: filesIn(join(folder, name)), runs: forward.mock.calls.length };
    };
    try {
      const whole = await quantized("whole", ["layers.0"]);
      free.mockReturnValue(WORK_BYTES * HIDDEN ** 2);
      const divided = await quantized("divided", ["layers.0"]);
      expect(divided.files).toEqual(whole.files);
      expect(divided.runs).toBeGreaterThan(2 * whole.runs);
      await expect(quantized("no", [])).rejects.toThrow(
        /^model\.layers\.0\.mlp\.down_proj\.weight: expected 0\.00 GiB of free memory to calibrate its 512 columns, got .* without calibration\.$/,
      );
      free.mockReturnValue(WORK_BYTES * HIDDEN ** 2 - 1);
      await expect(quantized("no", ["layers.0"])).rejects.toThrow(`to calibrate its ${HIDDEN} columns`);
      expect(existsSync(join(folder, "no"))).toBe(false);
    } finally {
      free.mockRestore();
      forward.mockRestore();
    }
  });

  test("the tokenizer is read with the caller's options, and warns as the checkpoint does", async () => {
    const server = createServer((request, response) => {
      const file = join(SAMPLE, basename(request.url!));
      const isKnown = request.headers.authorization === "Bearer x";
      if (isKnown && existsSync(file)) response.end(readFileSync(file));
      else response.writeHead(isKnown ? 404 : 401).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const read = Tokenizer.fromFiles.bind(Tokenizer);
    const reading = vi.spyOn(Tokenizer, "fromFiles").mockImplementation((files, options) => {
      options?.onWarning?.("odd");
      return read(files, options);
    });
    const warnings: LoadWarning[] = [];
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model`;
      const quantizing = quantizeModel(url, join(folder, "no"), {
        calibration: "Too short.",
        fetchOptions: { headers: { authorization: "Bearer x" } },
        onWarning: (warning) => warnings.push(warning),
      });
      await expect(quantizing).rejects.toThrow("expected at least 512 tokens");
      expect(warnings).toContainEqual({ kind: "tokenizer", message: "odd", names: [] });
    } finally {
      reading.mockRestore();
      server.closeAllConnections();
      server.close();
    }
  });

  test("what is refused", async () => {
    const refused = (options: Parameters<typeof quantizeModel>[2]) =>
      quantizeModel(SAMPLE, join(folder, "no"), options);
    await expect(refused({ calibration: "Too short." })).rejects.toThrow(
      "quantizeModel: calibration: expected at least 512 tokens",
    );
    await expect(refused({ calibration: "a", calibrationTokens: 100 })).rejects.toThrow(
      "quantizeModel: calibrationTokens",
    );
    expect(existsSync(join(folder, "no"))).toBe(false);
  });
});

function filesIn(path: string): Record<string, string> {
  const hashed = (name: string) =>
    createHash("sha256")
      .update(readFileSync(join(path, name)))
      .digest("hex");
  return Object.fromEntries(readdirSync(path).map((name) => [name, hashed(name)]));
}

function squaredError(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0);
}

async function logitsOf(
  model: string,
  options: Pick<LoadModelOptions, "quantize"> = {},
  inputIds = [IDS],
): Promise<number[]> {
  const loaded = await loadModel(model, options);
  const output = loaded.forward({ inputIds });
  const values = [...(await output.logits.data())];
  output.logits.dispose();
  loaded.dispose();
  return values;
}

/** Median over the tokens of the difference of logits, relative to them: a single token may be sent to other experts. */
function distance(a: readonly number[], b: readonly number[]): number {
  const width = a.length / IDS.length;
  const rows = IDS.map((_, row) => {
    const [from, to] = [row * width, (row + 1) * width];
    const sum = b.slice(from, to).reduce((all, value) => all + value * value, 0);
    return Math.sqrt(a.slice(from, to).reduce((all, value, i) => all + (value - b[from + i]!) ** 2, 0) / sum);
  });
  return rows.sort((x, y) => x - y)[IDS.length / 2]!;
}
