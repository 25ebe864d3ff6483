/** Action of `sample-generate engines`. */

import { colorsFor } from "@mixtape/command-line";
import { type EngineStatus, listEngines } from "@mixtape/mixtape";

const colors = colorsFor(process.stdout);

/** Lists the engines that work here. */
export async function engines({ json }: { readonly json?: boolean }): Promise<void> {
  const list = await listEngines();
  process.stdout.write(json ? `${JSON.stringify(list)}\n` : list.map(describe).join(""));
}

function describe({ name, available, detail, howToGet }: EngineStatus): string {
  const mark = available ? colors.green("works  ") : colors.dim("missing");
  const advice = available ? "" : colors.dim(`${" ".repeat(23)}to get it: ${howToGet}\n`);
  return `${name.padEnd(12)}  ${mark}  ${detail}\n${advice}`;
}
