import { readFileSync } from "node:fs";
import { Command } from "commander";
import { colors, colorsFor } from "./colors.js";
import { enginesCommand } from "./commands/engines.js";
import { forwardCommand } from "./commands/forward.js";
import { generateCommand } from "./commands/generate.js";
import { inspectCommand } from "./commands/inspect.js";
import { SEE_HELP, UsageError } from "./failure.js";

/**
 * The command line.
 * @param end is told the exit code of the command that ran
 */
export function makeProgram(end: (exitCode: number) => void): Command {
  const program = new Command("sample-generate")
    .description("Mixture-of-Experts language models from a Hugging Face checkpoint on disk.")
    .usage("<command> [options]")
    .version(version())
    .helpCommand(false)
    .showHelpAfterError(false)
    .addHelpText("after", "\nsample-generate <command> --help has the options of a command, and examples.");
  for (const command of [generateCommand(end), forwardCommand(), inspectCommand(), enginesCommand()])
    program.addCommand(command);
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .allowExcessArguments()
      .hook("preAction", (_, { args: [word] }) => {
        if (word !== undefined) throw new UsageError(`expected flags, got "${word}". A text with spaces needs quotes`);
      })
      .configureOutput({
        outputError: (message, write) => write(`${colors.red("error:")} ${sentence(message)} ${SEE_HELP}\n`),
      })
      .configureHelp({ styleTitle: colorsFor(process.stdout).bold });
  }
  return program;
}

function version(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

/** Commander's message on one line, closed by a full stop. */
function sentence(message: string): string {
  const text = message
    .replace(/^error: /, "")
    .trim()
    .replace(/\s*\n\s*/g, " ");
  return /[.?!)]$/.test(text) ? text : `${text}.`;
}
