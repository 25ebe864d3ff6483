/** The folder of a run: what it was told, its metrics and report, and what it has learnt. */

import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "@mixtape/command-line";
import type { CausalLM } from "@mixtape/mixtape";
import { adapterFiles, adaptersOf } from "@mixtape/peft";
import { TOKENIZER_FILES } from "@mixtape/tokenizer";
import { parseMetrics, type TrainingStep, toMetricsLine, toReport } from "@mixtape/training";
import type { Settings } from "./settings.js";

/** What is in `run.json`. */
interface RunFile {
  readonly format: 1;
  readonly settings: Settings;
  /** How many steps the run has in all. */
  readonly steps: number;
  /** Digests of the files of texts, by their paths. */
  readonly data: Readonly<Record<string, string>>;
  /** The loss of the texts that are held out before the first step, by learner. */
  readonly evalBefore: Readonly<Record<string, number>> | null;
}

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

  /** Whether a model or an adapter lies there, of a run or of whoever else. */
  get holdsCheckpoint(): boolean {
    return ["config.json", "adapter_config.json"].some((name) => existsSync(join(this.path, name)));
  }

  /** What a run that is there was told; null where there is none. @throws {InputError} for a damaged one */
  read(): RunFile | null {
    const path = join(this.path, "run.json");
    if (!existsSync(path)) return null;
    try {
      const file = JSON.parse(readFileSync(path, "utf8")) as RunFile;
      if (file.format === 1) return file;
    } catch (cause) {
      throw new InputError({ where: path, expected: "JSON", got: "something else", cause });
    }
    throw new InputError({ where: path, expected: "format 1", got: "another format" });
  }

  begin(run: Omit<RunFile, "format">): void {
    // `--resume` must find all of this file or none.
    replace(this.path, "run.json", `${JSON.stringify({ format: 1, ...run }, undefined, 1)}\n`);
    replace(this.path, "metrics.jsonl", "");
  }

  /** Takes up the steps up to the checkpoint. What was written down after it will be computed again. */
  resume(): number {
    const saved = join(this.checkpoint, "metrics.jsonl");
    if (existsSync(saved)) this.#steps.push(...parseMetrics(readFileSync(saved, "utf8")));
    replace(this.path, "metrics.jsonl", this.#steps.map(toMetricsLine).join(""));
    return this.#steps.length;
  }

  get steps(): readonly TrainingStep[] {
    return this.#steps;
  }

  add(step: TrainingStep): void {
    this.#steps.push(step);
    appendFileSync(join(this.path, "metrics.jsonl"), toMetricsLine(step));
  }

  writeReport(): void {
    replace(this.path, "report.html", toReport(this.#steps, "sample-train"));
  }

  /** Saves what was learnt: the model, an adapter, or each adapter in a folder of its own. */
  async saveLearnt(model: CausalLM, { learners, model: source }: Settings): Promise<string[]> {
    const folders: string[] = [];
    for (const { name, adapter } of learners) {
      const folder = learners.length === 1 ? this.path : join(this.path, name);
      if (adapter === null) await model.savePretrained(folder, { files: tokenizerFiles(source) });
      else for (const [file, bytes] of await adapterFiles(adaptersOf(model).get(name))) replace(folder, file, bytes);
      folders.push(folder);
    }
    return folders;
  }
}

/** Writes a file. A process that dies meanwhile leaves the old one or the new. */
function replace(folder: string, name: string, content: string | Uint8Array): void {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(`${path}.tmp`, content);
  renameSync(`${path}.tmp`, path);
}

function tokenizerFiles(folder: string): Record<string, Uint8Array> {
  const there = TOKENIZER_FILES.filter((name) => existsSync(join(folder, name)));
  return Object.fromEntries(there.map((name) => [name, readFileSync(join(folder, name))]));
}
