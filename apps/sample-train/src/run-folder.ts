/** The folder of a run: what it was told, its metrics and report, and what it has learnt. */

import { appendFileSync, existsSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { copyNamedTemplates, InputError, readInput, tokenizerFiles } from "@mixtape/command-line";
import type { PreTrainedModel } from "@mixtape/mixtape";
import { adapterFiles, adaptersOf } from "@mixtape/peft";
import { makeFolder } from "@mixtape/safetensors";
import { parseMetrics, type TrainingStep, toMetricsLine, toReport } from "@mixtape/training";
import { parseRun, type RunFile } from "./run-file.js";
import { RUN_FILES } from "./run-files.js";
import type { Settings } from "./settings.js";

/** The file of a tokenizer that takes the place of all its other chat templates. */
const CHAT_TEMPLATE_FILE = "chat_template.jinja";

/** A run's folder on disk. */
export class RunFolder {
  readonly path: string;
  readonly #steps: TrainingStep[] = [];

  constructor(path: string) {
    this.path = path;
  }

  /** Where the state of the run is saved. */
  get checkpoint(): string {
    return join(this.path, "checkpoint");
  }

  /** @throws {InputError} where a file lies in the place of the folder */
  check(): void {
    for (let path = this.path; ; path = dirname(path)) {
      if (existsSync(path)) {
        if (statSync(path).isDirectory()) return;
        throw new InputError({
          where: path,
          expected: "a folder for the run",
          got: "a file",
          fix: "Name a folder in --output",
        });
      }
      if (dirname(path) === path) return;
    }
  }

  /** Removes the run that is there, and what it has learnt: the files that it wrote, and no others. */
  remove({ settings: { learners, task } }: RunFile): void {
    const isFull = learners.some(({ adapter }) => adapter === null);
    const config = task === "text-generation" ? [] : ["config.json"];
    const learnt = isFull ? [] : ["adapter_config.json", "adapter_model.safetensors", ...config];
    const folders = learners.length === 1 ? [this.path] : learners.map(({ name }) => join(this.path, name));
    for (const folder of folders) for (const name of learnt) rmSync(join(folder, name), { force: true });
    // Last, so that a removal that was cut off can be tried again.
    for (const name of RUN_FILES.toSorted((a, b) => Number(a === "run.json") - Number(b === "run.json")))
      rmSync(join(this.path, name), { recursive: true, force: true });
  }

  /** Whether a model or an adapter lies there, of a run or of whoever else. */
  get holdsCheckpoint(): boolean {
    return ["config.json", "adapter_config.json"].some((name) => existsSync(join(this.path, name)));
  }

  /** What a run that is there was told; null where there is none. @throws {InputError} for a damaged one */
  read(): RunFile | null {
    const path = join(this.path, "run.json");
    if (!existsSync(path)) return null;
    return parseRun(readInput(path, { expected: "the settings of a run" }).toString("utf8"), path);
  }

  begin(run: Omit<RunFile, "format">): void {
    // `--resume` must find all of this file or none.
    this.continueWith(run);
  }

  /** Writes down the settings that a run goes on with, and the steps that it has. */
  continueWith(run: Omit<RunFile, "format">): void {
    replace(this.path, "run.json", `${JSON.stringify({ format: 1, ...run }, undefined, 1)}\n`);
    replace(this.path, "metrics.jsonl", this.#steps.map(toMetricsLine).join(""));
  }

  /** Takes up the steps up to the checkpoint. What was written down after it will be computed again. */
  resume(): void {
    const saved = join(this.checkpoint, "metrics.jsonl");
    if (!existsSync(saved)) return;
    this.#steps.push(...parseMetrics(readInput(saved, { expected: "the steps of a run" }).toString("utf8"), saved));
  }

  get steps(): readonly TrainingStep[] {
    return this.#steps;
  }

  /** Takes up a step. One that was interrupted during its evaluation comes again, and takes its own place. */
  add(step: TrainingStep): void {
    const isNext = step.step > this.#steps.length;
    this.#steps.splice(step.step - 1, Number.POSITIVE_INFINITY, step);
    if (isNext) appendFileSync(join(this.path, "metrics.jsonl"), toMetricsLine(step));
    else replace(this.path, "metrics.jsonl", this.#steps.map(toMetricsLine).join(""));
  }

  writeReport(): void {
    replace(this.path, "report.html", toReport(this.#steps, "sample-train"));
  }

  /** Saves what was learnt: the model, an adapter, or each adapter in a folder of its own. */
  async saveLearnt(model: PreTrainedModel, settings: Settings): Promise<string[]> {
    const { learners, model: source, resizeEmbeddings, chatTemplate } = settings;
    const folders: string[] = [];
    // A model that learnt by another template than its tokenizer's is saved with that one alone, as trl does.
    const template: Record<string, Uint8Array> =
      chatTemplate === null ? {} : { [CHAT_TEMPLATE_FILE]: new TextEncoder().encode(chatTemplate) };
    const copyNamed = (folder: string): void => {
      if (chatTemplate === null) copyNamedTemplates(source, folder);
    };
    for (const { name, adapter } of learners) {
      const folder = learners.length === 1 ? this.path : join(this.path, name);
      const tokenizer = { ...tokenizerFiles(source), ...template };
      if (adapter === null) {
        await model.savePretrained(folder, { files: tokenizer });
        copyNamed(folder);
      } else {
        await makeFolder(folder);
        for (const [file, bytes] of await adapterFiles(adaptersOf(model).get(name))) replace(folder, file, bytes);
        // The classes of its head, which the base model may not know.
        if (settings.task !== "text-generation") replace(folder, "config.json", configOf(model));
        // An adapter with tokens of its own goes with the tokenizer that has them.
        if (resizeEmbeddings) {
          for (const [file, bytes] of Object.entries(tokenizer)) replace(folder, file, bytes);
          copyNamed(folder);
        }
      }
      folders.push(folder);
    }
    return folders;
  }
}

function configOf(model: PreTrainedModel): string {
  return model.family.config.stringify({ ...model.config, architectures: [model.architecture] });
}

/** Writes a file into a folder that is there. A process that dies meanwhile leaves the old one or the new. */
function replace(folder: string, name: string, content: string | Uint8Array): void {
  const path = join(folder, name);
  writeFileSync(`${path}.tmp`, content);
  renameSync(`${path}.tmp`, path);
}
