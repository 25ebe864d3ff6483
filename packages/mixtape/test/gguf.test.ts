/** Models in GGUF compute what transformers computes with their dequantised weights. */

import { onEachEngine } from "@mixtape/testing";
import { tidy } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { generateTokens, loadModel, useEngine } from "../src/index.js";
import { fail, folder, goldens } from "./gguf-goldens.js";

onEachEngine((engine) => {
  beforeAll(async () => {
    if (engine === "native") await useEngine(engine, { precision: "float32", threads: 1 });
  });

  describe.each(goldens)("%s", (file, { ids, logits, greedy }) => {
    test("has the logits and the greedy text of transformers", async () => {
      const model = await loadModel(`${folder}/${file}`, { onWarning: fail });
      const own = tidy(() => model.forward({ inputIds: [ids], logitsToKeep: logits.length }).logits.dataSync());
      const differences = logits.flat().map((value, i) => Math.abs(value - own[i]!));
      expect(own).toHaveLength(differences.length);
      expect(Math.max(...differences)).toBeLessThan(1e-4);
      const written: number[] = [];
      const options = { maxNewTokens: greedy.length, eosTokenId: [] };
      for await (const { id } of generateTokens(model, [ids], options)) written.push(id);
      expect(written).toEqual(greedy);
      model.dispose();
    });
  });
});
