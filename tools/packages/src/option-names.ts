/** Options that errors name as in code although the command lines have flags for them: CONTRIBUTING.md has the rule. */

import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import ts from "typescript";
import { type Package, root } from "./workspace.js";

/** A sentence that names an option. */
export interface NamedOption {
  readonly option: string;
  readonly sentence: string;
}

/** Returns the sources of a package, by their paths in the repository. */
export function sourcesOf({ path }: Package): Map<string, string> {
  const folder = join(path, "src");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  return new Map(
    files.map((file) => [relative(root, join(folder, file)), readFileSync(join(folder, file), "utf8")] as const),
  );
}

/** Returns the names in code of the options that the flags of a source set: `topK` for `--top-k`. */
export function flaggedOptions(text: string): string[] {
  if (!/["']-.*--/.test(text) && !text.includes('"--')) return [];
  const source = parse(text);
  return [...nodesOf(source)].flatMap((node) => {
    if (ts.isPropertyAssignment(node) && node.name.getText(source) === "flag") return optionOf(node.initializer);
    if (!ts.isNewExpression(node) && !ts.isCallExpression(node)) return [];
    const [flag, second] = node.arguments ?? [];
    switch (/\w+$/.exec(node.expression.getText(source))?.[0]) {
      case "option":
      case "Option":
        return optionOf(flag);
      case "RenamedFlag":
        return [...optionOf(flag), ...(second && ts.isStringLiteral(second) ? [second.text] : [])];
      default:
        return [];
    }
  });
}

/** Finds sentences that name one of the options. One that is an ordinary word, such as `seed`, is not looked for. */
export function sentencesWith(options: ReadonlySet<string>, text: string): NamedOption[] {
  const named = (part: string) => (part.match(CAMEL_CASE) ?? []).filter((word) => options.has(word));
  if (named(text).length === 0) return [];
  const source = parse(text);
  return [...nodesOf(source)].flatMap((node) => {
    if (!ts.isStringLiteral(node) && !ts.isTemplateExpression(node) && !ts.isNoSubstitutionTemplateLiteral(node))
      return [];
    const sentence = node.getText(source);
    // Templates are filled in with code, and an object is shown to callers in code.
    const words = /\w /.test(sentence) ? named(sentence.replace(/\$?\{[^}]*\}/g, "")) : [];
    return words.map((option) => ({ option, sentence }));
  });
}

/** Names in code, but for keys of a file such as `settings.topK`. */
const CAMEL_CASE = /(?<![\w.])[a-z]+[A-Z]\w*/g;

function optionOf(flag: ts.Expression | undefined): string[] {
  const name = flag && ts.isStringLiteral(flag) ? /--([a-z][a-z-]*)/.exec(flag.text)?.[1] : undefined;
  return name === undefined ? [] : [name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())];
}

function parse(text: string): ts.SourceFile {
  return ts.createSourceFile("source.ts", text, ts.ScriptTarget.Latest);
}

function* nodesOf(source: ts.SourceFile): Generator<ts.Node> {
  const left: ts.Node[] = [source];
  for (let node = left.pop(); node; node = left.pop()) {
    yield node;
    ts.forEachChild(node, (child) => {
      left.push(child);
    });
  }
}
