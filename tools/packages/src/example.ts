import ts from "typescript";

/**
 * An example of a README or of a page of the manual: a fenced `ts` or `js` block that closes with what it prints.
 *
 * The comment lines at its very end are all that it prints, line by line.
 */
export interface Example {
  /** The line of the page on which the code begins, counted from 1. */
  readonly line: number;
  readonly code: string;
  readonly prints: readonly string[];
}

/** A command line of a README or of a page of the manual: `npx sample-train …` in a fenced `sh` block. */
export interface CommandLine {
  /** The line of the page, counted from 1. */
  readonly line: number;
  /** What `npx` runs. */
  readonly command: string;
  readonly args: readonly string[];
}

const SHELL = /^```sh\n(.*?)^```$/gms;
const NPX = /^npx (sample-\S+) (.*)$/;
const WORDS = /"([^"]*)"|(\S+)/g;

const FENCE = /^```(?:ts|js)\n(.*?)^```$/gms;
const COMMENT = /^\/\/ ?/;

/** All fenced `ts` and `js` blocks of a page. Those that close without a comment are fragments: `prints` is empty. */
export function codeBlocks(markdown: string): Example[] {
  return [...markdown.matchAll(FENCE)].map((match) => {
    const code = match[1] ?? "";
    const lines = code.trimEnd().split("\n");
    const closing = lines.slice(lines.findLastIndex((line) => !COMMENT.test(line)) + 1);
    return {
      line: markdown.slice(0, match.index).split("\n").length + 1,
      code,
      prints: closing.map((line) => line.replace(COMMENT, "")),
    };
  });
}

/** The command lines of a page that run a command of this repository. */
export function commandLines(markdown: string): CommandLine[] {
  return [...markdown.matchAll(SHELL)].flatMap((match) => {
    const first = markdown.slice(0, match.index).split("\n").length + 1;
    return (match[1] ?? "").split("\n").flatMap((text, i) => {
      const [, command, rest = ""] = NPX.exec(text) ?? [];
      if (command === undefined) return [];
      return [{ line: first + i, command, args: [...rest.matchAll(WORDS)].map(([, quoted, word]) => quoted ?? word!) }];
    });
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
