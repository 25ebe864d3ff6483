/** Keys and values in int8: against torch's rounding and attention, and against themselves as they move from store to store. */

import { fileURLToPath } from "node:url";
import { openSafetensors, toFloat32 } from "@mixtape/safetensors";
import {
  dispose,
  grad,
  memory,
  mul,
  setBackend,
  slice,
  sum,
  type Tensor,
  type Tensor4D,
  tensor,
  tensor4d,
  tidy,
} from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import {
  AttentionMask,
  attention,
  canKeepInt8,
  createKeyValueStore,
  Int8KeyValueStore,
  type KeyValueState,
  type KeyValueStore,
  OpsError,
  registerEngine,
  storeToAppendTo,
  TensorKeyValueStore,
} from "../../src/index.js";
import { expectClose } from "../support/close.js";
import { ENGINES, useBackend } from "../support/engines.js";
import { normal, type Values } from "../support/values.js";

type Golden = Readonly<Record<string, Values>>;

/** torch's, by name. */
async function readGoldens(): Promise<[string, Golden][]> {
  const path = fileURLToPath(new URL("../../../testing/__fixtures__/kv-cache.safetensors", import.meta.url));
  await using file = await openSafetensors(path);
  const goldens = new Map<string, Record<string, Values>>();
  for (const name of file.names) {
    const [kind, one, part] = name.split("/") as [string, string, string];
    if (kind !== "attention") continue;
    const view = file.tensor(name);
    const values: Values = { shape: view.shape, dtype: "float32", values: toFloat32(await view.read(), view.dtype) };
    goldens.set(one, { ...goldens.get(one), [part]: values });
  }
  return [...goldens];
}

const GOLDENS = await readGoldens();

const tensorOf = ({ shape, values }: Values): Tensor4D =>
  tensor4d(values as Float32Array, shape as [number, number, number, number]);

/** Numbers of some size each. */
function random(seed: number, shape: readonly number[]): Tensor4D {
  return tensorOf(normal(seed, shape, { scale: 1 + (seed % 7) }));
}

const bytesOf = (x: Tensor): Buffer => Buffer.from(x.dataSync().slice().buffer);

function expectSame(one: KeyValueState, other: KeyValueState): void {
  expect(Object.keys(one)).toEqual(Object.keys(other));
  for (const [name, x] of Object.entries(one)) {
    expect([name, x.dtype, x.shape]).toEqual([name, other[name]!.dtype, other[name]!.shape]);
    expect(bytesOf(x).equals(bytesOf(other[name]!)), name).toBe(true);
  }
}

const shown = (store: KeyValueStore): KeyValueState => ({ ...store.view() });

test("every case of the reference is compared", () => {
  expect(GOLDENS.map(([name]) => name).sort()).toEqual([
    "latent",
    "long",
    "padded",
    "padded-step",
    "prompt",
    "step",
    "window",
    "window-step",
  ]);
});

describe.each(ENGINES)("on %s", (engine) => {
  beforeAll(() => useBackend(engine));

  test.each(GOLDENS)("%s: codes, scales and attention are torch's", (_, golden) => {
    const [queries, window, padding] = golden.shape!.values as unknown as [number, number, number];
    const [rows, , keys] = golden.k!.shape as [number, number, number];
    const shared = golden.v ? undefined : golden.y!.shape[2]! / golden.q!.shape[1]!;
    const store = createKeyValueStore({ kvCacheDtype: "int8", ...(shared !== undefined && { sharedWidth: shared }) });
    expect(store).toBeInstanceOf(Int8KeyValueStore);
    const values = new Uint8Array(rows * keys).fill(1, padding);
    const mask = new AttentionMask({
      queries,
      keys,
      window: window || null,
      keyPadding: padding > 0 ? { rows, values } : null,
    });
    tidy(() => {
      store.append({ keys: tensorOf(golden.k!), ...(golden.v && { values: tensorOf(golden.v) }) });
      const state = store.exportState();
      for (const [name, part] of [
        ["keys", "k"],
        ["values", "v"],
      ] as const) {
        if (!golden[`${part}_codes`]) continue;
        expect([...state[name]!.dataSync()]).toEqual([...golden[`${part}_codes`]!.values].map((code) => code + 0));
        expect([...state[`${name.slice(0, -1)}Scales`]!.dataSync()]).toEqual([...golden[`${part}_scales`]!.values]);
      }
      const view = store.view();
      const q = tensorOf(golden.q!);
      const y = attention(q, view.keys, view.values, mask, q.shape[3] ** -0.5);
      expectClose(y.dataSync(), golden.y!.values, { absolute: 1e-5, relative: 0 });
    });
    store.dispose();
    mask.dispose();
  });

  test.each([
    ["keys and values", undefined],
    ["latents", 3],
  ])("%s: moved, cut and reordered, the codes stay the same", (_, sharedWidth) => {
    const options = { kvCacheDtype: "int8", ...(sharedWidth !== undefined && { sharedWidth }) } as const;
    const before = memory().numTensors;
    const [whole, pieces, copy] = [1, 2, 3].map(() => createKeyValueStore(options)) as [
      KeyValueStore,
      KeyValueStore,
      KeyValueStore,
    ];
    tidy(() => {
      const [keys, values] = [random(1, [2, 3, 700, 5]), random(2, [2, 3, 700, 4])];
      const add = (store: KeyValueStore, from: number, to: number) => {
        const cut = (x: Tensor4D) => slice(x, [0, 0, from, 0], [-1, -1, to - from, -1]);
        store.append({ keys: cut(keys), ...(sharedWidth === undefined && { values: cut(values) }) });
      };
      add(whole, 0, 700);
      for (let from = 0; from < 700; from += 70) add(pieces, from, from + 70);
      expectSame(shown(pieces), shown(whole));
      copy.importState(whole.exportState());
      expectSame(copy.exportState(), whole.exportState());
      for (const store of [whole, pieces, copy]) {
        store.evict(290);
        store.truncate(400);
        store.reorder([1, 0, 1]);
      }
      expect([copy.rows, copy.length]).toEqual([3, 400]);
      expectSame(copy.exportState(), pieces.exportState());
      expectSame(shown(copy), shown(whole));
      const numbers = new TensorKeyValueStore(options);
      numbers.importState(copy.exportState());
      expectSame(shown(numbers), shown(copy));
      // Decoded numbers have the same codes; a scale may be another by its last bit.
      const again = createKeyValueStore(options);
      again.importState(numbers.exportState());
      const [own, first] = [again.exportState(), copy.exportState()];
      expect(bytesOf(own.keys!).equals(bytesOf(first.keys!))).toBe(true);
      expectClose(own.keyScales!.dataSync(), first.keyScales!.dataSync(), { absolute: 0, relative: 1e-6 });
      for (const store of [numbers, again]) store.dispose();
    });
    for (const store of [whole, pieces, copy]) store.dispose();
    expect([whole.length, copy.rows]).toEqual([0, 0]);
    expect(memory().numTensors).toBe(before);
  });

  test("rows that cannot be rounded: zeros, tiny ones, infinities and NaN", () => {
    const store = createKeyValueStore({ kvCacheDtype: "int8" });
    tidy(() => {
      const rows = [
        [0, 0],
        [1e-38, -1e-39],
        [Infinity, 1],
        [1, Number.NaN],
        [3e38, -1e38],
      ];
      const keys = tensor4d(rows.flat(), [1, 1, rows.length, 2]);
      store.append({ keys, values: keys });
      expect([...store.view().keys.dataSync()].slice(0, 8)).toEqual([
        0,
        0,
        0,
        0,
        ...new Array<number>(4).fill(Number.NaN),
      ]);
      expectClose([...store.view().values.dataSync()].slice(8), [3e38, -1e38], { absolute: 0, relative: 0.01 });
    });
    store.dispose();
  });

  test("what does not fit is refused", () => {
    const store = createKeyValueStore({ kvCacheDtype: "int8" });
    tidy(() => {
      const keys = random(3, [1, 2, 3, 4]);
      store.append({ keys, values: keys });
      expect(() => store.append({ keys: random(3, [1, 2, 3, 5]), values: keys })).toThrow(OpsError);
      const state = store.exportState();
      const wrong: [KeyValueState, string][] = [
        [
          { ...state, keyScales: mul(keys, 1) },
          "keys: expected int32 codes [B, G, S, D] and float32 scales [B, G, S, 1], got int32 [1,2,3,4] and float32 [1,2,3,4]",
        ],
        [{ ...state, values: keys }, "values: expected int32 codes"],
        [{ keys: state.keys!, keyScales: state.keyScales! }, "expected keys [B, G, L, D] and values"],
        [
          { ...state, keys: tensor([128, ...new Array<number>(23).fill(0)], [1, 2, 3, 4], "int32") },
          "expected codes from -128 to 127, got 128",
        ],
      ];
      for (const [one, message] of wrong) {
        expect(() => store.importState(one)).toThrow(OpsError);
        expect(() => store.importState(one)).toThrow(message);
        expect(store.length).toBe(0);
      }
    });
    store.dispose();
  });
});

describe("int8 is refused", () => {
  beforeAll(() => useBackend("cpu"));

  test("while a gradient is recorded, also to append to a store", () => {
    const store = createKeyValueStore({ kvCacheDtype: "int8" });
    const record = (f: () => void) => () =>
      tidy(() =>
        grad((x: Tensor) => {
          f();
          return sum(x);
        })(tensor([1])),
      );
    const message = /kvCacheDtype: expected auto while a gradient is recorded, got int8/;
    expect(record(() => createKeyValueStore({ kvCacheDtype: "int8" }))).toThrow(message);
    expect(record(() => storeToAppendTo(store, { kvCacheDtype: "int8" }))).toThrow(message);
    expect(storeToAppendTo(store, { kvCacheDtype: "int8" })).toBe(store);
  });

  test("on an engine that cannot read back at once, by its name", () => {
    registerEngine("cpu", { readsBack: false });
    try {
      expect(() => createKeyValueStore({ kvCacheDtype: "int8" })).toThrow(OpsError);
      expect(() => createKeyValueStore({ kvCacheDtype: "int8" })).toThrow(
        "kvCacheDtype on the engine cpu: expected auto, got int8. It cannot read back tensors at once",
      );
      expect(createKeyValueStore({ kvCacheDtype: "auto" })).toBeInstanceOf(TensorKeyValueStore);
      expect(canKeepInt8()).toBe(false);
    } finally {
      registerEngine("cpu", { readsBack: true });
    }
  });
});

test("a position of a head takes its width and 4 bytes", async () => {
  await setBackend("cpu");
  const store = createKeyValueStore({ kvCacheDtype: "int8" }) as Int8KeyValueStore;
  const [keys, values] = [random(1, [1, 2, 2048, 128]), random(2, [1, 2, 2048, 128])];
  store.append({ keys, values });
  const perPosition = store.bytes / (2 * 2 * 2048);
  expect(perPosition).toBeGreaterThanOrEqual(132);
  // Room to grow by an eighth.
  expect(perPosition).toBeLessThanOrEqual((132 * 9) / 8);
  dispose([keys, values]);
  store.dispose();
  expect(store.bytes).toBe(0);
});
