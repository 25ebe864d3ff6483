// The platforms that the engine is built for, and how.

import { arch, platform } from "node:process";
import { fileURLToPath } from "node:url";

/** The platform of this process, named as Node names it. */
export const HERE = `${platform}-${arch}`;

const COMMON = [
  "-std=c++17",
  "-O3",
  "-Wall",
  "-Wextra",
  // GCC 12 warns of its own AVX-512 headers (its bug 105593).
  "-Wno-uninitialized",
  "-Wno-maybe-uninitialized",
  "-Wno-unknown-warning-option",
  "-fPIC",
  "-fvisibility=hidden",
  "-ffp-contract=off",
  "-fno-math-errno",
  "-DNAPI_VERSION=8",
  "-DNAPI_CPP_EXCEPTIONS",
];

const AVX2 = ["-mavx2", "-mfma", "-mf16c"];
const AVX512 = [...AVX2, ..."f bw dq vl vnni bf16".split(" ").map((part) => `-mavx512${part}`)];

/** Each instruction set's kernels are compiled for it; all other code for the least of the platform. */
const X64 = { "isa/portable.cc": [], "isa/avx2.cc": AVX2, "isa/avx512.cc": AVX512 };
/** Tiles are asked for as Linux wants it. */
const LINUX_X64 = { ...X64, "isa/amx.cc": [...AVX512, "-mamx-tile", "-mamx-bf16"] };
const ARM64 = { "isa/portable.cc": [], "isa/neon.cc": [] };
/** On a Mac, all processors have dot products, and the compiler takes them by itself. */
const LINUX_ARM64 = { ...ARM64, "isa/neon_dotprod.cc": ["-march=armv8.2-a+dotprod"] };

const LINUX = [
  "-shared",
  "-pthread",
  "-static-libstdc++",
  "-static-libgcc",
  `-Wl,--version-script=${fileURLToPath(new URL("../cpp/exports.map", import.meta.url))}`,
  "-Wl,--gc-sections",
  // Stays loaded when the last Node worker that uses it ends: no thread ever returns into code that is gone.
  "-Wl,-z,nodelete",
];
const MACOS = ["-bundle", "-undefined", "dynamic_lookup"];
/** A Mac compiles for both of its processors. */
const macos = (cpu) => ["-arch", cpu, "-mmacosx-version-min=11.0"];
const WINDOWS = ["-shared", "-static", "-Wl,--gc-sections"];

/**
 * `flagsOf` tells the files of isa/ and what each needs besides `flags`; `crossCompilers` are tried on other platforms;
 * `runner` runs its programs there; `needsImports`: Windows resolves Node's functions through an import library.
 */
export const PLATFORMS = {
  "linux-x64": {
    flags: COMMON,
    flagsOf: LINUX_X64,
    linkFlags: LINUX,
    crossCompilers: ["x86_64-linux-gnu-g++"],
    runner: ["qemu-x86_64", "-L", "/usr/x86_64-linux-gnu"],
  },
  "linux-arm64": {
    flags: COMMON,
    flagsOf: LINUX_ARM64,
    linkFlags: LINUX,
    crossCompilers: ["aarch64-linux-gnu-g++"],
    runner: ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"],
  },
  "darwin-arm64": {
    flags: [...COMMON, ...macos("arm64")],
    flagsOf: ARM64,
    linkFlags: [...MACOS, ...macos("arm64")],
    crossCompilers: platform === "darwin" ? ["c++"] : [],
  },
  "darwin-x64": {
    flags: [...COMMON, ...macos("x86_64")],
    flagsOf: X64,
    linkFlags: [...MACOS, ...macos("x86_64")],
    crossCompilers: platform === "darwin" ? ["c++"] : [],
  },
  "win32-x64": {
    // GCC does not align the stack to 32 bytes on Windows (its bug 54412), so no move may rely on it.
    flags: [...COMMON, "-Wa,-muse-unaligned-vector-move"],
    flagsOf: X64,
    linkFlags: WINDOWS,
    crossCompilers: ["x86_64-w64-mingw32-g++-posix", "x86_64-w64-mingw32-g++"],
    needsImports: "x86_64-w64-mingw32-dlltool",
  },
};
