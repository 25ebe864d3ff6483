/** What the packages declare: it is told what it is, and whoever has the libraries of ES2022 and of a page can check all of it. */

import { join, sep } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { packages, published } from "../src/workspace.js";

/** Other people's declarations are theirs to mend. */
const isOurs = ({ file }: ts.Diagnostic) =>
  file !== undefined && packages.some(({ path }) => file.fileName.startsWith(join(path, "dist").replaceAll(sep, "/")));

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

test("declarations need no skipLibCheck, and no newer library than ES2022 and DOM", () => {
  const faults = ts.getPreEmitDiagnostics(program).filter(isOurs);
  expect(
    faults.map(({ file, messageText }) => `${file!.fileName}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`),
  ).toEqual([]);
});

test.each(published)("all that $manifest.name exports is told what it is", ({ path }) => {
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(join(path, "dist/index.d.ts"))!;
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(file)!);
  expect(exported.length).toBeGreaterThan(0);
  const undocumented = exported
    .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol))
    .filter((symbol) => symbol.getDocumentationComment(checker).length === 0);
  expect(undocumented.map(({ name }) => name)).toEqual([]);
});
