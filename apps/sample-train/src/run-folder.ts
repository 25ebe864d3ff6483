/** Folder of a run: its settings, metrics and report, and its result. */

import { appendFileSync, existsSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { copyNamedTemplates, InputError, readInput, tokenizerFiles } from "@mixtape/command-line";
import type { PreTrainedModel } from "@mixtape/mixtape";
import { adapterFiles, adaptersOf } from "@mixtape/peft";
import { makeFolder } from "@mixtape/safetensors";
import { parseMetrics, type TrainingStep, toMetricsLine, toReport } from "@mixtape/training";
import { parseRun, type RunFile } from "./run-file.js";
import { RUN_FILES } from "./run-files.js";
import type { TrainingArguments } from "./training-arguments.js";

/** The file of a tokenizer that replaces all its other chat templates. */
const CHAT_TEMPLATE_FILE = "chat_template.jinja";

/** Folder of a run on disk. */
export class RunFolder {
  readonly path: string;
  readonly #steps: TrainingStep[] = [];

  constructor(path: string) {
    this.path = path;
  }

  /** Folder of the saved state of the run. */
  get checkpoint(): string {
    return join(this.path, "checkpoint");
  }

  /** @throws {InputError} if there is a file instead of the folder */
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

  /** Removes an existing run and its result: only the files that it wrote. */
  remove({ settings: { jobs, task } }: RunFile): void {
    const isFull = jobs.some(({ adapter }) => adapter === null);
    const config = task === "text-generation" ? [] : ["config.json"];
    const adapterFileNames = isFull ? [] : ["adapter_config.json", "adapter_model.safetensors", ...config];
    const folders = jobs.length === 1 ? [this.path] : jobs.map(({ name }) => join(this.path, name));
    for (const folder of folders) for (const name of adapterFileNames) rmSync(join(folder, name), { force: true });
    // Last, so that an interrupted removal can be repeated.
    for (const name of RUN_FILES.toSorted((a, b) => Number(a === "run.json") - Number(b === "run.json")))
      rmSync(join(this.path, name), { recursive: true, force: true });
  }

  /** Whether the folder has a model or an adapter, of any origin. */
  get holdsCheckpoint(): boolean {
    return ["config.json", "adapter_config.json"].some((name) => existsSync(join(this.path, name)));
  }

  /** Reads the settings of an existing run; null if there is none. @throws {InputError} for a damaged one */
  read(): RunFile | null {
    const path = join(this.path, "run.json");
    if (!existsSync(path)) return null;
    return parseRun(readInput(path, { expected: "the settings of a run" }).toString("utf8"), path);
  }

  begin(run: Omit<RunFile, "format">): void {
    // `--resume` must find all of this file or none.
    this.continueWith(run);
  }

  /** Saves the settings and the number of steps of a resumed run. */
  continueWith(run: Omit<RunFile, "format">): void {
    replace(this.path, "run.json", `${JSON.stringify({ format: 1, ...run }, undefined, 1)}\n`);
    replace(this.path, "metrics.jsonl", this.#steps.map(toMetricsLine).join(""));
  }

  /** Reads the steps up to the checkpoint. Later ones will be computed again. */
  resume(): void {
    const saved = join(this.checkpoint, "metrics.jsonl");
    if (!existsSync(saved)) return;
    this.#steps.push(...parseMetrics(readInput(saved, { expected: "the steps of a run" }).toString("utf8"), saved));
  }

  get steps(): readonly TrainingStep[] {
    return this.#steps;
  }

  /** Adds a step. A step that was interrupted during its evaluation comes again, and replaces itself. */
  add(step: TrainingStep): void {
    const isNext = step.step > this.#steps.length;
    this.#steps.splice(step.step - 1, Number.POSITIVE_INFINITY, step);
    if (isNext) appendFileSync(join(this.path, "metrics.jsonl"), toMetricsLine(step));
    else replace(this.path, "metrics.jsonl", this.#steps.map(toMetricsLine).join(""));
  }

  writeReport(): void {
    replace(this.path, "report.html", toReport(this.#steps, "sample-train"));
  }

  /** Saves the result: the model, an adapter, or each adapter in a separate folder. */
  async saveResult(model: PreTrainedModel, args: TrainingArguments): Promise<string[]> {
    const { jobs, model: source, resizeEmbeddings, chatTemplate } = args;
    const folders: string[] = [];
    // A model trained with another template than its tokenizer's is saved with only that one, as in trl.
    const template: Record<string, Uint8Array> =
      chatTemplate === null ? {} : { [CHAT_TEMPLATE_FILE]: new TextEncoder().encode(chatTemplate) };
    const copyNamed = (folder: string): void => {
      if (chatTemplate === null) copyNamedTemplates(source, folder);
    };
    for (const { name, adapter } of jobs) {
      const folder = jobs.length === 1 ? this.path : join(this.path, name);
      const tokenizer = { ...(await tokenizerFiles(source)), ...template };
      if (adapter === null) {
        await model.savePretrained(folder, { files: tokenizer });
        copyNamed(folder);
      } else {
        await makeFolder(folder);
        for (const [file, bytes] of await adapterFiles(adaptersOf(model).get(name))) replace(folder, file, bytes);
        // Classes of its head, which the base model may not have.
        if (args.task !== "text-generation") replace(folder, "config.json", configOf(model));
        // An adapter with new tokens is saved with its tokenizer.
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

/** Writes a file into an existing folder. A process that dies leaves either the old file or the new one. */
function replace(folder: string, name: string, content: string | Uint8Array): void {
  const path = join(folder, name);
  writeFileSync(`${path}.tmp`, content);
  renameSync(`${path}.tmp`, path);
}
