import type { DecoderConfig } from "@mixtape/config";
import { memory } from "@tensorflow/tfjs-core";
import { expect, test, vi } from "vitest";
import { expectAllClose } from "../all-close.js";
import { withoutLeak } from "../leak.js";
import { logitsOf, longLength, positions, SAME, type Subject, sampleText } from "./subject.js";

/** A model frees its memory, and decoding does not accumulate tensors. */
export function leavesNothing<C extends DecoderConfig>({ create }: Subject<C>): void {
  test("after 30 decoded tokens there are as many tensors as after the first, and none once it is disposed", async () => {
    await withoutLeak(async () => {
      const model = await create();
      const cache = model.createCache();
      await logitsOf(model, { inputIds: sampleText(2, 5, model.config), cache });
      const counts = new Set<string>();
      for (let step = 0; step < 30; step++) {
        await logitsOf(model, { inputIds: [[step], [2 * step]], cache, logitsToKeep: 1 });
        counts.add(`${memory().numTensors} tensors in ${memory().numDataBuffers} buffers`);
      }
      expect(counts.size).toBe(1);
      cache.dispose();
      model.dispose();
    });
  });

  test("a forward pass that fails leaves no tensors, and the cache as it was", async () => {
    const model = await create();
    const length = longLength(model.config);
    const inputIds = sampleText(1, length, model.config);
    const cache = model.createCache();
    try {
      const full = await logitsOf(model, { inputIds });
      for (const id of inputIds[0]!.slice(0, -1)) await logitsOf(model, { inputIds: [[id]], cache });
      const spy = vi.spyOn(model.model.layers.at(-1)!.mlp, "forward").mockImplementation(() => {
        throw new Error("the last layer fails");
      });
      expect(() => model.forward({ inputIds: [[1, 2]], cache })).toThrow("the last layer fails");
      await withoutLeak(() => expect(() => model.forward({ inputIds: [[3]], cache })).toThrow("the last layer fails"));
      spy.mockRestore();
      expect(cache.length).toBe(length - 1);
      const last = await logitsOf(model, { inputIds: [[inputIds[0]!.at(-1)!]], cache });
      await expectAllClose(last, positions(full, 0, length - 1, length), SAME);
    } finally {
      cache.dispose();
      model.dispose();
    }
  });
}
