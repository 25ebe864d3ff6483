const MESSAGE = "this environment has no folders. Use Tokenizer.fromFiles";

/** Replaces file access where there is none. */
export function listFolder(_folder: string | URL): Promise<string[]> {
  return Promise.reject(new Error(MESSAGE));
}

/** Replaces file access where there is none. */
export function isFolder(_path: string): Promise<boolean> {
  return Promise.reject(new Error(MESSAGE));
}

/** Replaces file access where there is none. */
export function folderPath(folder: string | URL): string {
  return String(folder);
}

/** Replaces file access where there is none. */
export function readText(_folder: string | URL, _name: string, _maxBytes: number): Promise<string> {
  return Promise.reject(new Error(MESSAGE));
}
