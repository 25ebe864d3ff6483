import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { SafetensorsError } from "../src/errors.js";
import { readJsonFile } from "../src/json-file.js";
import { temporaryFolder } from "./support.js";

class Fault extends SafetensorsError {
  static override readonly brand = "Fault";
}

test("an object is read from a folder, its address and a map of files", async () => {
  const folder = await temporaryFolder();
  const path = join(folder, "config.json");
  await writeFile(path, '{"a": 1}');
  const url = pathToFileURL(folder);
  expect(await readJsonFile(folder, "config.json", Fault)).toEqual({ where: path, json: { a: 1 } });
  expect(await readJsonFile(`${folder}/`, "config.json", Fault)).toEqual({ where: path, json: { a: 1 } });
  expect(await readJsonFile(url, "config.json", Fault)).toEqual({ where: `${url}/config.json`, json: { a: 1 } });
  const files = new Map([["config.json", new Blob(['{"a": 1}'])]]);
  expect(await readJsonFile(files, "config.json", Fault)).toEqual({ where: "config.json", json: { a: 1 } });
});

test("where there is none, there is nothing", async () => {
  const folder = await temporaryFolder();
  const where = join(folder, "a.json");
  expect(await readJsonFile(folder, "a.json", Fault)).toMatchObject({ where, json: undefined, absent: { where } });
});

test("a pointer of Git LFS, and a web page, are named", async () => {
  const read = (text: string) => readJsonFile(new Map([["config.json", new Blob([text])]]), "config.json", Fault);
  await expect(read("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")).rejects.toThrow(
    "config.json: expected a JSON object in UTF-8, got a Git LFS pointer. Fetch the actual file: git lfs pull.",
  );
  await expect(read("<!DOCTYPE html><html>")).rejects.toThrow("got a web page. Download the file again");
});

describe("what is no object is an error of the caller's kind", () => {
  test.each([
    ["[]", "it is a list"],
    ["null", "it is null"],
    ["{", "JSON"],
    [new Uint8Array([0x7b, 0xff]), "not valid"],
  ])("%s", async (content, got) => {
    const files = new Map([["c.json", new Blob([content])]]);
    const reading = readJsonFile(files, "c.json", Fault);
    await expect(reading).rejects.toThrow(Fault);
    await expect(reading).rejects.toMatchObject({ where: "c.json", expected: "a JSON object in UTF-8" });
    await expect(reading).rejects.toThrow(got);
  });
});
