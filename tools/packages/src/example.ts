import ts from "typescript";

/**
 * An example of a README or of a page of the manual: a fenced `ts` or `js` block that says what it prints.
 *
 * Every line that it prints stands in a comment `// → like this`, in order, behind the statement or on the lines below it.
 */
export interface Example {
  /** The line of the page on which the code begins, counted from 1. */
  readonly line: number;
  readonly code: string;
  /** All that the example prints, line by line. */
  readonly prints: readonly string[];
}

const FENCE = /^```(?:ts|js)\n(.*?)^```$/gms;
const PRINTS = /\/\/ → ?(.*)$/gm;

/** All fenced `ts` and `js` blocks of a page, those that print nothing included. */
export function codeBlocks(markdown: string): Example[] {
  return [...markdown.matchAll(FENCE)].map((match) => {
    const code = match[1] ?? "";
    return {
      line: markdown.slice(0, match.index).split("\n").length + 1,
      code,
      prints: [...code.matchAll(PRINTS)].map(([, text]) => text ?? ""),
    };
  });
}

/** The packages that an example imports: `@mixtape/config/node` counts as `@mixtape/config`; Node's own modules do not count. */
export function importedPackages(code: string): string[] {
  const names = ts
    .preProcessFile(code)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((specifier) => !specifier.startsWith("node:"))
    .map((specifier) => specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/"));
  return [...new Set(names)];
}

/** The same example with `require` for `import`, for a CommonJS file. */
export function toCommonJs(code: string): string {
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true },
  });
  // An example may await at its top level; CommonJS may not.
  return `(async () => {\n${outputText}\n})();\n`;
}

/** The packages that a README tells its reader to install, from its first `npm install` line. */
export function installLine(markdown: string): string[] {
  const line = /^npm install (.+)$/m.exec(markdown)?.[1] ?? "";
  return line.split(/\s+/).filter((word) => word !== "");
}
