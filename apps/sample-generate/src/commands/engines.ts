/** `sample-generate engines` */

import { listEngines } from "@mixtape/mixtape";
import { Command } from "commander";
import pc from "picocolors";
import { debugOption } from "../flags.js";

export function enginesCommand(): Command {
  return new Command("engines")
    .description("Try every engine, and say which work here and how to get the others.")
    .option("--json", "print one JSON list")
    .addOption(debugOption())
    .action(async ({ json }: { readonly json?: boolean }) => {
      const engines = await listEngines();
      process.stdout.write(json ? `${JSON.stringify(engines)}\n` : engines.map(describe).join(""));
    });
}

function describe({ name, available, detail, howToGet }: Awaited<ReturnType<typeof listEngines>>[number]): string {
  const mark = available ? pc.green("works   ") : pc.dim("missing ");
  const advice = available ? "" : `${" ".repeat(21)}${pc.dim(`to get it: ${howToGet}`)}\n`;
  return `${name.padEnd(12)} ${mark}${detail}\n${advice}`;
}
