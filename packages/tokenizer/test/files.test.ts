import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { listFolder, readText } from "../src/files/browser.js";

const SRC = new URL("../src/", import.meta.url);

/** All modules that a bundler for browsers meets: `#files` is then `files/browser.ts`. */
function reachable(url: URL, seen = new Map<string, string[]>()): Map<string, string[]> {
  if (seen.has(url.href)) return seen;
  const specifiers = [...readFileSync(url, "utf8").matchAll(/\bfrom "([^"]+)"/g)].map((match) => match[1] as string);
  seen.set(url.href, specifiers);
  for (const specifier of specifiers) {
    if (specifier === "#files") reachable(new URL("files/browser.ts", SRC), seen);
    else if (specifier.startsWith(".")) reachable(new URL(specifier.replace(/\.js$/, ".ts"), url), seen);
  }
  return seen;
}

test("a bundler for browsers meets no node: module", () => {
  const modules = reachable(new URL("index.ts", SRC));
  expect([...modules.keys()].some((href) => href.endsWith("files/browser.ts"))).toBe(true);
  expect([...modules.values()].flat().filter((specifier) => specifier.startsWith("node:"))).toEqual([]);
});

test("package.json gives Node the one and everyone else the other", () => {
  const { imports } = JSON.parse(readFileSync(new URL("../package.json", SRC), "utf8"));
  expect(imports["#files"]).toEqual({ node: "./dist/files/node.js", default: "./dist/files/browser.js" });
});

test("without folders, the way out is named", async () => {
  await expect(listFolder("x")).rejects.toThrow("Use Tokenizer.fromFiles");
  await expect(readText("x", "y", 1)).rejects.toThrow("Use Tokenizer.fromFiles");
});
