/** What the packages declare is understood by whoever has the libraries of ES2022 and of a page, and checks all of it. */

import { join, sep } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { packages, published } from "../src/workspace.js";

/** Other people's declarations are theirs to mend. */
const isOurs = ({ file }: ts.Diagnostic) =>
  file !== undefined && packages.some(({ path }) => file.fileName.startsWith(join(path, "dist").replaceAll(sep, "/")));

test("declarations need no skipLibCheck, and no newer library than ES2022 and DOM", () => {
  const entries = published.map(({ path }) => join(path, "dist/index.d.ts"));
  const program = ts.createProgram(entries, {
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    types: [],
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
  });
  for (const entry of entries) expect(program.getSourceFile(entry), entry).toBeDefined();
  const faults = ts.getPreEmitDiagnostics(program).filter(isOurs);
  expect(
    faults.map(({ file, messageText }) => `${file!.fileName}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`),
  ).toEqual([]);
}, 60_000);
