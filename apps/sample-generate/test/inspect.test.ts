import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { golden, json, run, SAMPLE } from "./command.js";

interface Inspection {
  readonly engine: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

interface Status {
  readonly name: string;
  readonly available: boolean;
  readonly detail: string;
}

// Counted by hand: 97 tokens, width 32, 3 layers of 4 heads and 2 kv heads of 8, 4 experts of width 8, 2 for each token.
const EMBEDDING = 97 * 32;
const EXPERTS = 3 * (4 * 3 * 8 * 32);
const NORMS = 3 * 2 * 32 + 32;
const OTHER_MATRICES = EMBEDDING + 3 * (32 * 64 + 32 * 32 + 4 * 32);
const TOTAL = EMBEDDING + EXPERTS + NORMS + OTHER_MATRICES;

test("--json has what was counted, and whether it fits", async () => {
  const folder = golden("mixtral/basic");
  const result = await json<Inspection>("inspect", "--model", folder, "--engine", "wasm");
  expect(result).toMatchObject({
    model: folder,
    modelType: "mixtral",
    architecture: "MixtralForCausalLM",
    layers: { total: 3, moe: 3, sliding: 0 },
    experts: { total: 4, perToken: 2, shared: 0 },
    parameters: { total: TOTAL, active: TOTAL - EXPERTS / 2 },
    dtypes: { F32: { tensors: 60, bytes: 4 * TOTAL } },
    engines: {
      cpu: { weightBytes: 4 * TOTAL, experts: "sparse" },
      wasm: { weightBytes: 4 * (TOTAL + EXPERTS + OTHER_MATRICES), experts: "sparse" },
      webgpu: { weightBytes: 4 * TOTAL, experts: "gathered" },
      tensorflow: { weightBytes: 4 * TOTAL, experts: "sparse" },
    },
    engine: { name: "wasm", memoryLimitBytes: 4095 * 2 ** 20, fits: true },
  });
  expect(result.engine.freeMemoryBytes).toBeGreaterThan(0);
});

test("for people", async () => {
  const { code, stdout, stderr } = await run(["inspect", "--model", SAMPLE]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain(
    "  family      afmoe\n  class       AfmoeForCausalLM\n  parameters  5.22 M (5,223,016)\n  per token   3.01 M (3,011,176, 58 %)\n",
  );
  expect(stdout).toContain("  layers      6, 5 with experts, 4 with a sliding window\n");
  expect(stdout).toContain("  experts     8 in a layer, 2 for each token, 1 shared\n");
  expect(stdout).toMatch(/\nWeights in the files\n {2}embedding {7}BF16 +\d\.\d MiB {2}[\d,]+ weights\n/);
  expect(stdout).toMatch(/\nIt fits \w+ \(.+\): \d+\.\d GiB of memory are free\.\n$/);
});

test("a model that is too large does not fit, and inspect says why", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mixtape-inspect-"));
  try {
    // The weights of a small model under the config of a large one: for what a model needs, the config is asked.
    const weights = readFileSync(join(golden("mixtral/basic"), "model.safetensors"));
    const config = readFileSync(join(golden("mixtral/basic"), "../../../configs/Mixtral-8x7B-v0.1.json"));
    writeFileSync(join(folder, "model.safetensors"), weights);
    writeFileSync(join(folder, "config.json"), config);
    const { code, stdout } = await run(["inspect", "--model", folder, "--engine", "wasm"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /\nIt does not load: the config asks for other tensors\.\n {2}9\d\d tensors missing: model\.layers\.\S+, \S+, \S+, …\n/,
    );
    expect(stdout).toMatch(
      /\n {2}\d+ tensors of another shape: model\.embed_tokens\.weight \[97,32\] for \[32000,4096\], /,
    );
    expect(stdout).toContain("  parameters  46.70 B (46,702,792,704)\n  per token   12.88 B (12,879,925,248, 28 %)\n");
    expect(stdout).toMatch(
      /\nIt does not fit wasm \(.+\): the weights take 34\d\.\d GiB, and it holds 4\.0 GiB \(WebAssembly addresses 4 GiB, .+\)\.\n$/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("flags of the engine: native takes them, another one says that it does not", async () => {
  const flags = ["inspect", "--model", SAMPLE, "--threads", "1", "--precision", "float32"];
  const { stdout, stderr } = await run([...flags, "--engine", "wasm"]);
  expect(stderr).toBe(
    ["threads", "precision"]
      .map((flag) => `note: --${flag} is for the engine native; wasm does not take it\n`)
      .join(""),
  );
  expect(stdout).toContain("\nIt fits wasm (");
  const { available, detail } = (await json<Status[]>("engines")).find(({ name }) => name === "native")!;
  if (!available && !process.env.CI) return console.warn(`Not tested here: native. ${detail}`);
  const native = await run([...flags, "--engine", "native"]);
  expect({ code: native.code, stderr: native.stderr }).toEqual({ code: 0, stderr: "" });
  expect(native.stdout).toMatch(
    /\n {2}native +.+ {2}as in the file \(bfloat16, float16, float32, quantised\), mapped\n/,
  );
  expect(native.stdout).toMatch(/\nIt fits native \(.+, 1 thread, float32 products\): /);
});

test("engines lists what works here", async () => {
  const list = await json<Status[]>("engines");
  expect(list.map(({ name }) => name)).toEqual(["native", "tensorflow", "webgpu", "wasm", "cpu"]);
  expect(list.at(-1)).toMatchObject({ available: true, detail: expect.stringContaining("tfjs-backend-cpu") });
  const { code, stdout } = await run(["engines"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/\nwasm +works +tfjs-backend-wasm .+\ncpu +works +tfjs-backend-cpu .+\n$/);
});
