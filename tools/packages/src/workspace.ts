import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's top folder. */
export const root = fileURLToPath(new URL("../../..", import.meta.url));

/** What these checks read of a package.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

/** A folder under `packages/` or `apps/`. */
export interface Package {
  /** The folder's name: `config`. */
  readonly folder: string;
  /** The folder's absolute path. */
  readonly path: string;
  readonly manifest: Manifest;
}

export function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(join(path, "package.json"), "utf8")) as Manifest;
}

function workspacesIn(parent: string): Package[] {
  if (!existsSync(join(root, parent))) return [];
  return readdirSync(join(root, parent))
    .map((folder) => ({ folder, path: join(root, parent, folder) }))
    .filter(({ path }) => existsSync(join(path, "package.json")))
    .map((found) => ({ ...found, manifest: readManifest(found.path) }));
}

/** Every package, in the order of their names. */
export const packages: readonly Package[] = workspacesIn("packages");

/** Every app. */
export const apps: readonly Package[] = workspacesIn("apps");

/** The packages that users can install. */
export const published = packages.filter(({ manifest }) => !manifest.private);

/** The packages that hold the binary of `native` for one platform each. They come with it, where they fit. */
export const platforms: readonly Package[] = workspacesIn("packages/native/platforms");

/**
 * Whether `native` can run, for the examples that need it. In CI it must; elsewhere, without a C++ compiler, it was not built.
 */
export const hasNative =
  Boolean(process.env.CI) ||
  existsSync(join(root, `packages/native/platforms/${process.platform}-${process.arch}/mixtape.node`));

/** Every page of the manual, and the README at the top: paths from the root. */
export function manualPages(): string[] {
  const docs = join(root, "docs");
  const pages = existsSync(docs) ? readdirSync(docs, { recursive: true, encoding: "utf8" }) : [];
  const manual = pages.filter((page) => page.endsWith(".md")).map((page) => join(docs, page));
  return [join(root, "README.md"), ...manual].filter((page) => existsSync(page)).map((page) => relative(root, page));
}

/** The READMEs of the apps: paths from the root. */
export function appPages(): string[] {
  return apps.map(({ path }) => relative(root, join(path, "README.md"))).filter((page) => existsSync(join(root, page)));
}
