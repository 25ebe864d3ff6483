// The platforms that the engine is built for, and how.

import { arch, platform } from "node:process";

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
const ARM64 = { "isa/portable.cc": [], "isa/neon.cc": [] };

const LINUX = ["-shared", "-pthread", "-static-libstdc++", "-static-libgcc", "-Wl,--gc-sections"];

export const PLATFORMS = {
  "linux-x64": { flags: COMMON, flagsOf: X64, linkFlags: LINUX, crossCompiler: "x86_64-linux-gnu-g++" },
  "linux-arm64": { flags: COMMON, flagsOf: ARM64, linkFlags: LINUX, crossCompiler: "aarch64-linux-gnu-g++" },
  "darwin-arm64": { flags: COMMON, flagsOf: ARM64, linkFlags: ["-bundle", "-undefined", "dynamic_lookup"] },
  "darwin-x64": { flags: COMMON, flagsOf: X64, linkFlags: ["-bundle", "-undefined", "dynamic_lookup"] },
};
