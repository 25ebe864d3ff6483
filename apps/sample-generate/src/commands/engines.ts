/** `sample-generate engines`: its flags. */

import { Command, debugOption } from "@mixtape/command-line";

export function enginesCommand(): Command {
  return new Command("engines")
    .description("Try every engine, and list which work here and how to get the others.")
    .option("--json", "print one JSON list")
    .addOption(debugOption())
    .action(async (flags: { readonly json?: boolean }) => {
      const { engines } = await import("../actions/engines.js");
      await engines(flags);
    });
}
