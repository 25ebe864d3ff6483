import { readFileSync } from "node:fs";
import type { Memory } from "./runner.js";

/** Short enough for a prompt; one reading takes 30 microseconds. */
const EVERY_MS = 50;

/**
 * Monitors a process from outside, so that all runners are measured alike. Works on Linux; elsewhere the result is
 * `null`.
 */
export function watchMemory(pid: number): { stop(): Memory | null } {
  let most: Memory | null = null;
  const look = (): void => {
    const now = memoryOf(pid);
    if (now) most = most ? larger(most, now) : now;
  };
  const timer = setInterval(look, EVERY_MS);
  return {
    stop: () => {
      clearInterval(timer);
      return most;
    },
  };
}

function memoryOf(pid: number): Memory | null {
  try {
    return parseStatus(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    // Not Linux, or the process has ended.
    return null;
  }
}

/** Parses `/proc/PID/status`; `null` for a process without memory. */
export function parseStatus(status: string): Memory | null {
  const bytes = (field: string): number => Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, "m").exec(status)?.[1]) * 1024;
  const memory = {
    residentBytes: bytes("VmHWM"),
    mappedBytes: bytes("RssFile"),
    anonymousBytes: bytes("RssAnon"),
  };
  return Object.values(memory).some(Number.isNaN) ? null : memory;
}

function larger(a: Memory, b: Memory): Memory {
  return {
    residentBytes: Math.max(a.residentBytes, b.residentBytes),
    mappedBytes: Math.max(a.mappedBytes, b.mappedBytes),
    anonymousBytes: Math.max(a.anonymousBytes, b.anonymousBytes),
  };
}
