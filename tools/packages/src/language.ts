import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./workspace.js";

/** A sentence that CONTRIBUTING.md's rules of language do not allow. */
export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly got: string;
  readonly fix: string;
}

/** Openings of a doc comment that hide its subject. "Whether" stays: it is how the field opens the comment of a boolean. */
const OPENING = /^(What|How|Where|Which|Why|(By|Under|In|With|Of|From|To|On|At|For) (what|which|whom))\b/;
const OPENING_FIX = "begin with a verb, or the noun that a reader knows";

/** Phrases that no comment, page, help text or error uses. */
const PHRASES: readonly (readonly [pattern: RegExp, fix: string])[] = [
  [/\btold\b/i, "say set, given or documented"],
  [/\bwhere absent\b/i, "say Default: …"],
  [/\bway (back|there)\b/i, "say backward pass, forward pass"],
  [/\bgradients? by\b/i, "say gradient with respect to"],
  [/\b(lies|lie|lay)\b/i, "say is, is stored or is in"],
  [/\bturned\b/i, "say transposed, converted or switched"],
  [/\bthat there (is|are|was|were)\b/i, "name the thing itself"],
  [/\bnothing here\b/i, "say no-op by default"],
];

/** Private names of earlier versions, which nobody knows from PyTorch, Hugging Face or TensorFlow.js. */
const NAMES: readonly (readonly [pattern: RegExp, fix: string])[] = [
  [/\bAround\w*|\baround[A-Z]\w*/g, "wrapForward"],
  [/\b(sideOutput|collectSideOutputs)\b/g, "captured intermediates"],
  [/\b(with)?Randomness\b/g, "Rng, withRng"],
  [/\b(RepeatedStep|StepRecorder)\b/g, "CapturedGraph, GraphCapture"],
  [/\b(Tensor|Native)?Slots\b/g, "KeyValueStore, positions"],
  [/\b(Learner|(Causal)?Trainee)\b/g, "FineTuningJob, TrainingTask"],
  [/\b(\w+_)?[tT]urned(_\w+|[A-Z]\w*)?\b/g, "transposed, rotated"],
  [/\b(takeAlong|take_along)\b/g, "takeAlongAxis"],
  [
    /\bby_(x|q|keys|values|gate|up|down|weights?|scale|bias)\b|\bby(X|Q|Keys|Values|Gate|Up|Down|Weights?|Scale|Bias)\b/g,
    "gradX",
  ],
  [/\b(timesMatrix|gradientByRows|gradientByMatrix|backToRows|backToMatrix)\b/g, "matmul, gradInput, gradWeight"],
  [/\bgroupedOuter\b/g, "groupedGradWeight"],
  [/\bExpertChoice\b/g, "RoutingSpec"],
  [/\b(sitesOf|peftRefuses|batchesOf|heldBy)\b/g, "matchTargetModules, isPeftCompatible, dataLoader, keyLength"],
];

/** The files that people read: sources, pages, help texts; not tests, and not what tools made. */
export function filesToRead(): string[] {
  const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard"], { cwd: root, encoding: "utf8" });
  return listed.split("\n").filter((file) => {
    if (/(^|\/)(CHANGELOG\.md|__fixtures__\/.*)$/.test(file) || file.startsWith("tools/packages/")) return false;
    return file.endsWith(".md") || (/\/(src|cpp)\//.test(file) && /\.(ts|h|cc|py)$/.test(file));
  });
}

/** Checks one file of the tree. */
export function checkFile(file: string): Finding[] {
  return checkText(file, readFileSync(join(root, file), "utf8"));
}

/** Checks a page, or the comments and texts of a source. */
export function checkText(file: string, text: string): Finding[] {
  return file.endsWith(".md")
    ? phrasesIn(file, withoutCode(text))
    : [...openingsIn(file, text), ...phrasesIn(file, proseOf(text)), ...namesIn(file, text)];
}

function openingsIn(file: string, text: string): Finding[] {
  return [...text.matchAll(/\/\*\*\s*(?:\*\s*)?([^\n]*)/g)].flatMap(({ index, 1: opening = "" }) => {
    const got = OPENING.exec(opening)?.[0];
    return got ? [{ file, line: lineAt(text, index), got: opening.trim(), fix: OPENING_FIX }] : [];
  });
}

function namesIn(file: string, text: string): Finding[] {
  const code = codeOf(text);
  return NAMES.flatMap(([pattern, fix]) =>
    [...code.matchAll(pattern)].map(({ index, 0: got }) => ({
      file,
      line: lineAt(text, index),
      got,
      fix: `use ${fix}`,
    })),
  );
}

/** @param text with everything that is no prose blanked, so that lines stay where they are */
function phrasesIn(file: string, text: string): Finding[] {
  return PHRASES.flatMap(([pattern, fix]) =>
    [...text.matchAll(new RegExp(pattern, "gi"))].map(({ index }) => {
      const line = lineAt(text, index);
      return { file, line, got: text.split("\n")[line - 1]!.trim(), fix };
    }),
  );
}

/** Blanks fenced and inline code. */
function withoutCode(text: string): string {
  return text.replace(/```[\s\S]*?```|`[^`\n]*`/g, blank);
}

/** Comments and strings of a source. */
const PROSE = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|#[^\n]*|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g;

/** Blanks comments and strings of a source. */
function codeOf(text: string): string {
  return text.replace(PROSE, blank);
}

/** Keeps comments and strings of a source. Python's and C++'s look alike enough. */
function proseOf(text: string): string {
  let rest = "";
  let end = 0;
  for (const { index, 0: found } of text.matchAll(PROSE)) {
    rest += blank(text.slice(end, index)) + withoutCode(found);
    end = index + found.length;
  }
  return rest + blank(text.slice(end));
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
