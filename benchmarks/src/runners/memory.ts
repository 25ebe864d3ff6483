import { readFileSync } from "node:fs";
import type { Memory } from "./runner.js";

/** Often enough for what lasts as long as a prompt; one look takes 30 microseconds. */
const EVERY_MS = 50;

/** Watches a process from outside, so that all runners are watched alike. Linux tells; elsewhere the answer is `null`. */
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

/** Reads `/proc/PID/status`; `null` for a process that has no memory any more. */
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
