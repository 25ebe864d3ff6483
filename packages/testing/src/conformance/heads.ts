import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DecoderConfig } from "@mixtape/config";
import type {
  ForQuestionAnswering,
  ForSequenceClassification,
  ForTokenClassification,
  LoadWarning,
  ModelClass,
  PreTrainedModel,
  SequenceClassifierInputs,
  TokenClassifierInputs,
} from "@mixtape/decoder";
import { dispose, type Scalar, type Tensor } from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { expectAllClose, type Values } from "../all-close.js";
import { onEachEngine } from "../engines.js";
import { fixture } from "../fixtures.js";
import { goldenNames } from "../golden.js";
import { type HeadGolden, readHeadGolden } from "../head-golden.js";
import { withoutLeak } from "../leak.js";
import { distance, gradientsOfLoss } from "./loss-gradients.js";

/** The classes of a family, by head. */
export interface HeadClasses<C extends DecoderConfig> {
  readonly ForSequenceClassification: ModelClass<ForSequenceClassification<C>, C>;
  readonly ForTokenClassification: ModelClass<ForTokenClassification<C>, C>;
  readonly ForQuestionAnswering: ModelClass<ForQuestionAnswering<C>, C>;
}

/** A model that runs inputs of any head. */
type AnyHead = PreTrainedModel & { forward(inputs: object): Readonly<Record<string, Tensor | Tensor[] | undefined>> };

const VALUES = { atol: 1e-4 };
const LOSSES = { atol: 1e-5 };

/** Tolerance of a gradient, relative to its norm. */
const GRADIENTS = 1e-4;

/** A gradient below this is zero but for rounding. */
const NOTHING = 1e-6;

/** Names on disk of parameters that only affect the selection of experts, and have no gradient. */
const MOVES_THE_CHOICE = /(expert_bias|e_score_correction_bias)$/;

/**
 * Declares the tests of a family's heads, on each engine: logits, losses, hidden states and gradients of every
 * parameter match the reference, saving and loading are lossless, and nothing leaks.
 * @param options.goldens a folder in `__fixtures__/heads`
 */
export function headConformance<C extends DecoderConfig>(
  classes: HeadClasses<C>,
  { goldens, atLeast = 8 }: { readonly goldens: string; readonly atLeast?: number },
): void {
  const folder = join(fixture("heads"), goldens);
  const names = goldenNames(folder);

  test("there are golden files of heads", () => {
    expect(names.length).toBeGreaterThanOrEqual(atLeast);
  });

  onEachEngine(() => {
    describe.each(names)("%s", (name) => {
      let golden: HeadGolden;
      const load = async (warnings: LoadWarning[] = [], from = golden.folder): Promise<AnyHead> => {
        const Model = classes[golden.case.head] as unknown as ModelClass<PreTrainedModel>;
        const onWarning = (warning: LoadWarning): number => warnings.push(warning);
        return (await Model.fromPretrained(from, { onWarning })) as AnyHead;
      };
      beforeAll(async () => {
        golden = await readHeadGolden(join(folder, name));
      });

      test("logits, loss and hidden states, at padding too", async () => {
        const warnings: LoadWarning[] = [];
        await withoutLeak(async () => {
          const model = await load(warnings);
          const { problemType } = model.config;
          expect([null, golden.case.problemType]).toContain(problemType);
          const output = model.forward({ ...golden.inputs, outputHiddenStates: true });
          const actual = flatten(output);
          expect([...actual.keys()].sort()).toEqual([...golden.outputs.keys()].sort());
          for (const [key, tensor] of actual)
            await expectAllClose(tensor, golden.outputs.get(key)!, key === "loss" ? LOSSES : VALUES, key);
          if (golden.case.problemType) expect(model.config.problemType).toBe(golden.case.problemType);
          dispose([...actual.values()]);
          model.dispose();
        });
        expect(warnings).toEqual([]);
      });

      test("gradients of every parameter", async () => {
        await withoutLeak(async () => {
          const model = await load();
          const { gradients } = await gradientsOfLoss(model, () => model.forward(golden.inputs).loss as Scalar);
          const compared = [...gradients.keys()].filter((key) => !MOVES_THE_CHOICE.test(key));
          expect(compared.sort()).toEqual([...golden.gradients.keys()].sort());
          for (const key of compared) {
            const { values } = golden.gradients.get(key)!;
            // Adding a constant to all start logits changes nothing: the gradient of that bias is rounding error.
            if (values.every((value) => Math.abs(value) < NOTHING))
              await expectAllClose(gradients.get(key)!, values, { atol: NOTHING }, key);
            else expect(distance(gradients.get(key)!, values), key).toBeLessThan(GRADIENTS);
          }
          model.dispose();
        });
      });

      test("without labels there is no loss, and cutting padding away changes no logits", async () => {
        const model = await load();
        const { inputIds, attentionMask } = golden.inputs;
        const full = flatten(model.forward({ inputIds, attentionMask }));
        expect(full.has("loss")).toBe(false);
        for (const [row, ids] of inputIds.entries()) {
          const mask = attentionMask?.[row] ?? ids.map(() => 1);
          const tokens = [...ids.keys()].filter((at) => mask[at] === 1);
          const [first, last] = [tokens[0]!, tokens.at(-1)! + 1];
          const positionIds = [
            ids
              .slice(0, last)
              .map((_, at) => at)
              .slice(first),
          ];
          const alone = flatten(model.forward({ inputIds: [ids.slice(first, last)], positionIds }));
          for (const [key, tensor] of alone) {
            const whole = await valuesOf(full.get(key)!);
            const part = whole.shape.length === tensor.shape.length && golden.case.head === "ForSequenceClassification";
            const expected = part ? rowsOf(whole, row) : rowsOf(whole, row, first, last);
            await expectAllClose(tensor, expected, VALUES, `${key} of row ${row}`);
          }
          dispose([...alone.values()]);
        }
        dispose([...full.values()]);
        model.dispose();
      });

      test("saves and loads", async () => {
        const saved = await mkdtemp(join(tmpdir(), "mixtape-head-"));
        try {
          const model = await load();
          const before = flatten(model.forward(golden.inputs));
          await model.savePretrained(saved);
          expect(await readdir(saved)).toContain("config.json");
          const again = await load([], saved);
          expect(again.config.architectures).toEqual([model.architecture]);
          expect(again.config.id2label).toEqual(model.config.id2label);
          expect(again.config.problemType).toBe(model.config.problemType);
          const after = flatten(again.forward(golden.inputs));
          for (const [key, tensor] of after) await expectAllClose(tensor, before.get(key)!, { atol: 0 }, key);
          dispose([...before.values(), ...after.values()]);
          model.dispose();
          again.dispose();
        } finally {
          await rm(saved, { recursive: true });
        }
      });
    });

    test("a head that a checkpoint lacks is initialized, the same each time, and said so", async () => {
      const golden = await readHeadGolden(join(folder, "tokens"));
      const warnings: LoadWarning[] = [];
      const onWarning = (warning: LoadWarning): number => warnings.push(warning);
      await withoutLeak(async () => {
        const load = () => classes.ForQuestionAnswering.fromPretrained(golden.folder, { onWarning });
        const [one, two] = [await load(), await load()];
        const run = (model: ForQuestionAnswering<C>) => flatten(model.forward({ inputIds: [[4, 5, 6]] }));
        const [first, second] = [run(one), run(two)];
        for (const [key, tensor] of first) await expectAllClose(tensor, second.get(key)!, { atol: 0 }, key);
        dispose([...first.values(), ...second.values()]);
        one.dispose();
        two.dispose();
      });
      const about = warnings.filter(({ kind }) => kind === "newly-initialized");
      expect(about).toHaveLength(2);
      expect(about[0]).toMatchObject({ names: ["qa_outputs.weight", "qa_outputs.bias"] });
      expect(warnings.filter(({ kind }) => kind === "unused-tensors")[0]).toMatchObject({
        names: ["score.bias", "score.weight"],
      });
    });

    test("labels that do not fit are refused by name", async () => {
      const golden = await readHeadGolden(join(folder, "sequence-single-label"));
      const model = await classes.ForSequenceClassification.fromPretrained(golden.folder);
      const { inputIds } = golden.inputs;
      const refused = (labels: SequenceClassifierInputs["labels"], message: RegExp) =>
        withoutLeak(() => expect(() => model.forward({ inputIds, labels })).toThrow(message));
      await refused([0, 1], /labels: expected 3 numbers, one for each row, got 2/);
      await refused([0, 1, 3], /labels\[2\]: expected a class from 0 to 2, or -100, got 3/);
      await refused([0, 1, 0.5], /labels\[2\]: expected a whole number, got 0.5/);
      await refused([-100, -100, -100], /labels: expected at least one that is not -100/);
      await refused([[0, 1, 0], [1], [0, 0, 1]], /labels\[1\]: expected a list of 3, like the others, got a list of 1/);
      await refused([0, 1, Number.NaN], /labels: number 2: expected a finite number, got NaN/);
      model.dispose();
      const tokens = await classes.ForTokenClassification.fromPretrained(join(folder, "tokens"));
      const rejected = (labels: TokenClassifierInputs["labels"], message: RegExp) =>
        withoutLeak(() => expect(() => tokens.forward({ inputIds: [[4, 5]], labels })).toThrow(message));
      await rejected([[0]], /labels: expected 1 × 2, got 1 × 1/);
      await rejected([[0, 5]], /labels\[0\]\[1\]: expected a class from 0 to 4, or -100, got 5/);
      tokens.dispose();
      const questions = await classes.ForQuestionAnswering.fromPretrained(join(folder, "questions"));
      const asked = (inputs: object, message: RegExp) =>
        withoutLeak(() => expect(() => questions.forward({ inputIds: [[4, 5]], ...inputs })).toThrow(message));
      await asked(
        { startPositions: [0] },
        /expected startPositions and endPositions, or neither, got only startPositions/,
      );
      await asked({ startPositions: [2], endPositions: [1] }, /startPositions: expected at least one that is not 2/);
      await asked({ startPositions: [0, 1], endPositions: [1, 1] }, /startPositions: expected 1 numbers/);
      questions.dispose();
      const unpadded = await classes.ForSequenceClassification.fromPretrained(
        join(folder, "sequence-no-padding-token"),
      );
      await withoutLeak(() =>
        expect(() => unpadded.forward({ inputIds: [[4], [5]] })).toThrow(
          /one row, as the config has no padding token, got 2 rows/,
        ),
      );
      unpadded.dispose();
    });
  });
}

/** Returns the outputs of a forward pass, under the names of golden files. */
function flatten(output: Readonly<Record<string, Tensor | Tensor[] | undefined | object>>): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const [field, value] of Object.entries(output)) {
    const name = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (Array.isArray(value)) for (const [i, item] of (value as Tensor[]).entries()) tensors.set(`${name}.${i}`, item);
    else if (value) tensors.set(name, value as Tensor);
  }
  return tensors;
}

async function valuesOf(tensor: Tensor): Promise<Values> {
  return { shape: tensor.shape, values: (await tensor.data()) as Float32Array };
}

/** Returns one row of a batch, positions `[from, to)` of it. */
function rowsOf({ shape, values }: Values, row: number, from = 0, to?: number): Values {
  const size = values.length / shape[0]!;
  const own = values.subarray(row * size, (row + 1) * size);
  if (to === undefined) return { shape: [1, ...shape.slice(1)], values: own };
  const width = size / shape[1]!;
  return { shape: [1, to - from, ...shape.slice(2)], values: own.subarray(from * width, to * width) };
}
