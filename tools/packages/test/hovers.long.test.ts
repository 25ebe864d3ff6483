/** An editor shows what a field is: types that people write or read have a name, and each of their fields is documented. */

import { join } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { root } from "../src/workspace.js";

/** Types whose fields people write down, or read from what they get. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  config: ["DecoderConfig", "GenerationConfig"],
  mixtral: ["MixtralConfig"],
  "qwen3-moe": ["Qwen3MoeConfig"],
  afmoe: ["AfmoeConfig"],
  decoder: ["LoadOptions", "SaveOptions", "InitOptions"],
  engine: ["Engine", "EngineOptions", "EngineStatus"],
  generation: ["GenerationOptions", "ResolvedOptions", "TextOptions", "GeneratedText", "TextPiece"],
  mixtape: ["LoadModelOptions", "ModelInspection"],
  peft: ["LoraConfig", "LoraConfigInput", "MixtureConfig", "MixtureConfigInput", "ApplyOptions", "LoadAdapterOptions"],
  training: ["AdamWOptions", "ParamGroup", "TrainOptions", "CheckpointOptions"],
};

/** What people write; a hover is asked for at each name behind a §. */
const SAMPLE = `
import { mixtralConfig, type MixtralForCausalLM } from "@mixtape/mixtral";
import { generateText } from "@mixtape/generation";
import { applyAdapter, adapterConfig } from "@mixtape/peft";
import { defineConfig, decoderConfig, int } from "@mixtape/config";
import { AdamW, train } from "@mixtape/training";
declare const model: MixtralForCausalLM;
const §config = mixtralConfig.create({ §numExperts: 4 });
config.§hiddenSize;
model.config.§numExpertsPerTok;
generateText(model, undefined as never, "", { §temperature: 1, §noRepeatNgramSize: 2 });
applyAdapter(model, { method: "lora", §r: 8, §useDora: true });
const §adapter = adapterConfig({ method: "mixlora", §topK: 2 });
train(model, undefined as never, { maxSteps: 1, optimizer: { §learningRate: 1e-3, §weightDecay: 0 } });
const own = defineConfig({
  modelType: "own",
  extends: decoderConfig,
  fields: {
    /** Sharpness of the gate. */
    sharpness: int().default(1),
    /** Softness of the gate. */
    softness: int().nullish(),
  },
});
own.create({ §sharpness: 2 }).§headDim;
own.create().§softness;
`;

const path = join(root, "tools/packages/test/hovers.sample.ts");
const text = SAMPLE.replaceAll("§", "");
const types = Object.entries(TYPES).flatMap(([name, list]) => list.map((type) => [name, type] as const));
const imports = types.map(([name, type], i) => `export type T${i} = import("@mixtape/${name}").${type};`).join("\n");
const listPath = join(root, "tools/packages/test/hovers.types.ts");
const files: Readonly<Record<string, string>> = { [path]: text, [listPath]: imports };

const service = ts.createLanguageService({
  useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
  readDirectory: ts.sys.readDirectory,
  directoryExists: ts.sys.directoryExists,
  getDirectories: ts.sys.getDirectories,
  ...(ts.sys.realpath && { realpath: ts.sys.realpath }),
  getCompilationSettings: () => ({
    strict: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
  }),
  getScriptFileNames: () => Object.keys(files),
  getScriptVersion: () => "1",
  getScriptSnapshot: (file) => {
    const content = files[file] ?? ts.sys.readFile(file);
    return content === undefined ? undefined : ts.ScriptSnapshot.fromString(content);
  },
  getCurrentDirectory: () => root,
  getDefaultLibFileName: (options) => ts.getDefaultLibFilePath(options),
  fileExists: (file) => file in files || ts.sys.fileExists(file),
  readFile: (file) => files[file] ?? ts.sys.readFile(file),
});

/** What an editor shows at the name behind the n-th mark. */
function hover(name: string): { readonly type: string; readonly documentation: string } {
  const at = SAMPLE.indexOf(`§${name}`);
  const position = SAMPLE.slice(0, at).replaceAll("§", "").length;
  const info = service.getQuickInfoAtPosition(path, position);
  return {
    type: ts.displayPartsToString(info?.displayParts),
    documentation: ts.displayPartsToString(info?.documentation),
  };
}

test("the sample is what people write", { timeout: 120_000 }, () => {
  const faults = [...service.getSemanticDiagnostics(path), ...service.getSemanticDiagnostics(listPath)];
  expect(faults.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, " "))).toEqual([]);
});

describe("a hover shows what it is", () => {
  test.each([
    ["hiddenSize", "Width of the residual stream."],
    ["numExperts", "Number of experts per layer."],
    ["numExpertsPerTok", "Number of experts per token."],
    ["temperature", "Divides the logits before sampling, above 0; 0 means greedy. Default 1."],
    ["noRepeatNgramSize", "Size of n-grams that may occur only once, in prompt and text. 0 for no such rule."],
    ["r", "Rank of the updates."],
    ["useDora", "Rescales each row of"],
    ["topK", "Number of experts that a token goes to: MoLA and MixLoRA."],
    ["learningRate", "Learning rate of all parameters"],
    ["weightDecay", "Decoupled weight decay"],
    ["headDim", "Features of a head."],
    ["sharpness", "Sharpness of the gate."],
    ["softness", "Softness of the gate."],
  ])("%s", (name, documentation) => {
    expect(hover(name).documentation).toContain(documentation);
  });

  test("types have names", () => {
    expect(hover("config").type).toBe("const config: MixtralConfig");
    expect(hover("adapter").type).toBe("const adapter: AdapterConfig");
  });
});

test.each(types.map(([name, type], i) => [name, type, i] as const))(
  "every field of %s's %s is documented",
  (_, __, i) => {
    const program = service.getProgram()!;
    const checker = program.getTypeChecker();
    const alias = program.getSourceFile(listPath)!.statements[i] as ts.TypeAliasDeclaration;
    const properties = checker.getTypeAtLocation(alias).getProperties();
    expect(properties.length).toBeGreaterThan(0);
    const silent = properties.filter((property) => property.getDocumentationComment(checker).length === 0);
    expect(silent.map(({ name }) => name)).toEqual([]);
  },
);
