import { readFileSync } from "node:fs";
import { Command, prepared } from "@mixtape/command-line";
import { classifyCommand } from "./commands/classify.js";
import { enginesCommand } from "./commands/engines.js";
import { forwardCommand } from "./commands/forward.js";
import { generateCommand } from "./commands/generate.js";
import { inspectCommand } from "./commands/inspect.js";
import { mergeCommand } from "./commands/merge.js";
import { quantizeCommand } from "./commands/quantize.js";
import { traceCommand } from "./commands/trace.js";

/**
 * Creates the command line.
 * @param end receives the exit code of the command that ran
 */
export function makeProgram(end: (exitCode: number) => void): Command {
  const program = new Command("sample-generate")
    .description("Mixture-of-Experts language models from a Hugging Face checkpoint on disk.")
    .usage("<command> [options]")
    .version(version())
    .addHelpText(
      "after",
      "\nsample-generate <command> --help has the options of a command, and examples. Without a command: generate.",
    );
  const commands = [
    generateCommand(end),
    classifyCommand(),
    forwardCommand(),
    traceCommand(end),
    inspectCommand(),
    mergeCommand(),
    quantizeCommand(),
    enginesCommand(),
  ];
  for (const command of commands) program.addCommand(prepared(command));
  return prepared(program);
}

function version(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
