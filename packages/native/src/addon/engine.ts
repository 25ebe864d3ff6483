/** Functions of the engine as a whole: its instruction set, its threads, and how fast the machine is. */
export interface EngineFunctions {
  onError(make: (where: string, expected: string, got: string) => Error): void;
  /** The instruction set in use, chosen by the first call; those that run here, the best first. */
  info(): { isa: string; isas: string[]; threads: number; processors: number };
  setThreads(count: number): void;
  /** Reads all bytes on all threads; returns a number that depends on them. */
  readAll(bytes: Uint8Array): number;
  /** Multiplies and adds numbers in registers on all threads; returns how many operations those were. */
  multiplyRounds(precision: number, rounds: number): number;
}
