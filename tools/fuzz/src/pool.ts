import { type ChildProcess, fork } from "node:child_process";
import type { Outcome } from "./outcome.js";
import type { Job } from "./worker.js";

/** Number of inputs that a worker gets at once. */
const BATCH = 50;
/**
 * A batch that is not done in time runs again, one by one, to find the input that hangs. These are wall-clock times,
 * since a hanging worker cannot be asked; they are long enough that even on the busiest machine no input that
 * terminates counts as a hang.
 */
const BATCH_TIMEOUT_MS = 600_000;
const SINGLE_TIMEOUT_MS = 300_000;

/** Runs jobs in worker processes. `report` receives the outcome of each input. */
export async function runAll(
  jobs: readonly Job[],
  workers: number,
  report: (job: Job, index: number, outcome: Outcome) => void,
): Promise<void> {
  // Rows take turns, so that a run that is stopped early has covered each of them.
  const waiting = jobs
    .flatMap((job) => batches(job).map((batch) => ({ batch, share: batch.from / job.count })))
    .reverse()
    .sort((one, other) => other.share - one.share)
    .map(({ batch }) => batch);
  const work = async (): Promise<void> => {
    let worker = new Worker();
    for (let job = waiting.pop(); job !== undefined; job = waiting.pop()) {
      const outcomes = await worker.run(job, job.count === 1 ? SINGLE_TIMEOUT_MS : BATCH_TIMEOUT_MS);
      if (Array.isArray(outcomes)) for (const [i, outcome] of outcomes.entries()) report(job, job.from + i, outcome);
      else {
        worker = new Worker();
        if (job.count === 1) report(job, job.from, outcomes);
        else for (let i = job.count - 1; i >= 0; i--) waiting.push({ ...job, from: job.from + i, count: 1 });
      }
    }
    worker.end();
  };
  await Promise.all(Array.from({ length: workers }, work));
}

function batches(job: Job): Job[] {
  const { from, count } = job;
  return Array.from({ length: Math.ceil(count / BATCH) }, (_, i) => ({
    ...job,
    from: from + i * BATCH,
    count: Math.min(BATCH, count - i * BATCH),
  }));
}

class Worker {
  readonly #process: ChildProcess = fork(new URL("worker.js", import.meta.url), {
    // Output of packages, such as tfjs's greeting, is not part of the table.
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    execArgv: ["--max-old-space-size=1024", "--no-warnings"],
  });
  #errors = "";

  constructor() {
    this.#process.stderr!.on("data", (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-2000);
    });
  }

  /** Returns the outcome of each input, or the one outcome that ended the process. */
  run(job: Job, timeout: number): Promise<Outcome[] | Outcome> {
    return new Promise((resolve) => {
      const done = (result: Outcome[] | Outcome): void => {
        clearTimeout(timer);
        this.#process.removeAllListeners();
        if (!Array.isArray(result)) this.#process.kill("SIGKILL");
        resolve(result);
      };
      const timer = setTimeout(() => done({ kind: "hang", what: `no end within ${timeout / 1000} s` }), timeout);
      this.#process.once("message", (outcomes: Outcome[]) => done(outcomes));
      this.#process.once("exit", (code, signal) =>
        done({
          kind: "crash",
          what: `${signal ?? `exit ${code}`} ${this.#errors.trim().split("\n").slice(-8).join(" | ")}`,
        }),
      );
      this.#process.send(job);
    });
  }

  end(): void {
    this.#process.kill();
  }
}
