const MESSAGE = "this environment has no folders. Use Tokenizer.fromFiles";

/** Stands in for file access where there is none. */
export function listFolder(_folder: string | URL): Promise<string[]> {
  return Promise.reject(new Error(MESSAGE));
}

/** Stands in for file access where there is none. */
export function isFolder(_path: string): Promise<boolean> {
  return Promise.reject(new Error(MESSAGE));
}

/** Stands in for file access where there is none. */
export function folderPath(folder: string | URL): string {
  return String(folder);
}

/** Stands in for file access where there is none. */
export function readText(_folder: string | URL, _name: string, _maxBytes: number): Promise<string> {
  return Promise.reject(new Error(MESSAGE));
}
