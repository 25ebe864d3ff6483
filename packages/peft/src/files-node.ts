import { mkdir, open, rename } from "node:fs/promises";

// What this package needs of a file system. In browsers, files-browser.ts stands in for this module.

export { join as joinPath } from "node:path";

export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
}

/** Writes a file that takes its place at once, when the disk has it. */
export async function writeText(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, "w");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
