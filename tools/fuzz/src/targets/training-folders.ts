import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { useEngine } from "@mixtape/engine";
import { type ForCausalLM, loadModel } from "@mixtape/mixtape";
import { freeze, type TrainingData, train, trainableParams, unfreeze } from "@mixtape/training";
import { mutateBytes } from "../mutate-bytes.js";
import { mutateJson } from "../mutate-json.js";
import type { Files, Target } from "../target.js";
import { smallModel } from "./adapters.js";

const STEPS = 2;

/** Mutated folders of saved runs, which a run resumes from. A refused one leaves the model unchanged. */
export const trainingFolders: Target = {
  name: "training folders",
  async prepare() {
    await useEngine("cpu");
    const model = await loadModel(smallModel());
    freeze(model);
    unfreeze(model.model.norm);
    const folder = mkdtempSync(join(tmpdir(), "mixtape-fuzz-"));
    process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
    await run(model, folder);
    const files = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))] as const);
    const changing = files.filter(([name]) => !name.endsWith(".html"));
    return {
      make(random): Files {
        const [changed] = random.pick(changing);
        return new Map<string, string | Uint8Array>(
          files.map(([name, bytes]): [string, string | Uint8Array] => {
            if (name !== changed) return [name, bytes];
            if (!name.endsWith("json") && !name.endsWith("jsonl")) return [name, mutateBytes(bytes, random)];
            const lines = bytes
              .toString()
              .trimEnd()
              .split(name.endsWith("jsonl") ? "\n" : "\u0000");
            const at = random.below(lines.length);
            return [name, `${lines.map((line, i) => (i === at ? mutateJson(line, random) : line)).join("\n")}\n`];
          }),
        );
      },
      async read(input) {
        const before = await valuesOf(model);
        for (const [name, content] of input) writeFileSync(join(folder, name), content);
        try {
          await run(model, folder);
        } catch (error) {
          if ((await valuesOf(model)) !== before)
            throw new Error("the refused run changed the model", { cause: error });
          throw error;
        }
      },
    };
  },
};

async function run(model: ForCausalLM, folder: string): Promise<void> {
  const data: TrainingData = { batch: () => ({ inputIds: [[1, 2, 3, 4]], labels: [[1, 2, 3, 4]] }) };
  const checkpoints = { folder, every: STEPS };
  for await (const _ of train(model, data, { maxSteps: STEPS, optimizer: { learningRate: 1e-3 }, checkpoints }));
}

async function valuesOf(model: ForCausalLM): Promise<string> {
  const values = await Promise.all(trainableParams(model).map(([, param]) => param.vector.data()));
  return values.map((value) => [...value].join()).join(";");
}
