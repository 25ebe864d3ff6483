/** All packages are cast from one mould, and what is written in several places is the same everywhere. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { apps, packages, platforms, published, readManifest, root } from "../src/workspace.js";

const text = (...path: string[]) => readFileSync(join(root, ...path), "utf8");
const tsconfig = (...path: string[]) =>
  ts.readConfigFile(join(root, ...path, "tsconfig.json"), ts.sys.readFile).config as {
    references?: { path: string }[];
  };
const ours = (dependencies: Readonly<Record<string, string>> = {}) =>
  Object.keys(dependencies).filter((name) => name.startsWith("@mixtape/"));
const references = (...path: string[]) => (tsconfig(...path).references ?? []).map((one) => one.path).sort();

describe.each(packages)("$manifest.name", ({ folder, path, manifest }) => {
  test("the manifest follows the mould", () => {
    expect(manifest).toMatchObject({
      name: `@mixtape/${folder}`,
      description: expect.stringMatching(/\.$/),
      license: "Apache-2.0",
      type: "module",
      files: ["dist", "src", "!dist/.tsbuildinfo"],
      engines: readManifest(root).engines,
      scripts: {
        build: expect.stringMatching(/\btsgo -b$/),
        typecheck: "tsgo -p tsconfig.test.json",
        // A loaded machine is no failure: limits are for what hangs.
        test: "vitest run",
      },
    });
    expect(manifest).toHaveProperty("sideEffects");
    expect(manifest.exports).toMatchObject({
      ".": { types: "./dist/index.d.ts", default: "./dist/index.js" },
      "./package.json": "./package.json",
    });
  });

  test("TypeScript builds what it depends on first", () => {
    const below = ours(manifest.dependencies).map((name) => name.replace("@mixtape/", "../"));
    expect(references("packages", folder)).toEqual(below.sort());
    expect(references()).toContain(`packages/${folder}`);
  });

  test("the checks are run anew when it changes", () => {
    expect(Object.keys(readManifest(join(root, "tools/packages")).devDependencies ?? {})).toContain(manifest.name);
  });

  test("its own packages are asked for by the version that they have", () => {
    for (const name of ours(manifest.dependencies)) {
      const version = packages.find((other) => other.manifest.name === name)?.manifest.version;
      expect(manifest.dependencies?.[name], name).toBe(`^${version}`);
    }
  });

  test.runIf(published.some((one) => one.folder === folder))("what is published has the licence and is public", () => {
    expect(readFileSync(join(path, "LICENSE"), "utf8")).toBe(text("LICENSE"));
    expect(manifest.publishConfig).toEqual({ access: "public" });
  });
});

describe("the binaries of native", () => {
  const native = packages.find(({ folder }) => folder === "native")!;

  test("each platform's package is an optional dependency, of the version that it has, and nobody's else", () => {
    const expected = Object.fromEntries(platforms.map(({ manifest: { name, version } }) => [name, version]));
    expect(native.manifest.optionalDependencies).toEqual(expected);
    for (const { manifest } of platforms) expect(manifest.version).toBe(native.manifest.version);
    // No registry is asked for them here.
    const local = platforms.map(({ folder, manifest }) => [manifest.name, `file:packages/native/platforms/${folder}`]);
    expect(readManifest(root).optionalDependencies).toEqual(Object.fromEntries(local));
  });

  test.each(platforms)(
    "$manifest.name follows the mould, and installs where it runs alone",
    ({ folder, path, manifest }) => {
      const [os, cpu] = folder.split("-");
      expect(manifest).toEqual({
        name: `@mixtape/native-${folder}`,
        version: native.manifest.version,
        description: expect.stringMatching(/^The binary of @mixtape\/native for .+\.$/),
        license: "Apache-2.0",
        main: "mixtape.node",
        files: ["mixtape.node"],
        os: [os],
        cpu: [cpu],
        ...(os === "linux" && { libc: ["glibc"] }),
        engines: readManifest(root).engines,
        publishConfig: { access: "public" },
      });
      expect(readFileSync(join(path, "LICENSE"), "utf8")).toBe(text("LICENSE"));
      expect(readFileSync(join(path, "README.md"), "utf8")).toMatch(new RegExp(`^# ${manifest.name}\n`));
    },
  );
});

test("changesets name workspaces, and can be turned into versions, private ones included", () => {
  const folder = join(root, ".changeset");
  const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as {
    privatePackages: { version: boolean };
  };
  // Where private packages have no versions, changesets refuse one that names them beside others.
  expect(config.privatePackages.version).toBe(true);
  const names = [...packages, ...apps].map(({ manifest }) => manifest.name);
  const files = readdirSync(folder).filter((file) => file.endsWith(".md") && file !== "README.md");
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) {
    const head = /^---\n([\s\S]*?)\n---\n/.exec(readFileSync(join(folder, file), "utf8"))?.[1] ?? "";
    const bumped = [...head.matchAll(/^"(.+)": (?:patch|minor|major)$/gm)].map(([, name]) => name!);
    expect(bumped.length, file).toBeGreaterThan(0);
    expect(names, file).toEqual(expect.arrayContaining(bumped));
  }
});

test("a command's file is there before the build: npm links no other", () => {
  const files = [...packages, ...apps].flatMap(({ path, manifest }) =>
    Object.values(manifest.bin ?? {}).map((file) => join(path, file)),
  );
  expect(files.filter((file) => file.includes("/dist/") || !existsSync(file))).toEqual([]);
});

test("a dependency has the same range in every package", () => {
  const ranges = new Map<string, Set<string>>();
  for (const { manifest } of [...packages, ...apps, { manifest: readManifest(root) }]) {
    for (const group of [manifest.dependencies, manifest.devDependencies, manifest.peerDependencies]) {
      for (const [name, range] of Object.entries(group ?? {}))
        ranges.set(name, (ranges.get(name) ?? new Set()).add(range));
    }
  }
  const torn = [...ranges].filter(([, all]) => all.size > 1).map(([name, all]) => `${name}: ${[...all].join(", ")}`);
  expect(torn).toEqual([]);
});

describe("package-lock.json", () => {
  const { packages: locked } = JSON.parse(text("package-lock.json")) as {
    packages: Record<
      string,
      { version?: string; link?: boolean; resolved?: string; optionalDependencies?: Record<string, string> }
    >;
  };

  test("names no registry", () => {
    const named = Object.entries(locked).filter(([, { resolved }]) => resolved !== undefined && /^\w+:/.test(resolved));
    expect(named.map(([path]) => path)).toEqual([]);
  });

  test("has the binaries of every platform: without them `npm ci` refuses the file", () => {
    const has = (from: string, name: string): boolean => {
      const nested = `${from === "" ? "" : `${from}/`}node_modules/${name}`;
      if (locked[nested]?.version !== undefined || locked[nested]?.link) return true;
      const up = from.lastIndexOf("/node_modules/");
      return from !== "" && has(up === -1 ? "" : from.slice(0, up), name);
    };
    const missing = Object.entries(locked).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter((name) => !has(path, name)),
    );
    expect(missing).toEqual([]);
  });
});
