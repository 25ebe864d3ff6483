import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { promisify } from "node:util";

/** Speed of direct reads of a mebibyte, in bytes per second: one at a time, and 16 at a time. */
export interface DiskSpeed {
  readonly one: number;
  readonly sixteen: number;
}

const MIB = 2 ** 20;
const dd = (...args: string[]) => promisify(execFile)("dd", [...args, "status=none"]);

/** Makes the system forget what it has cached of a file (Linux). */
export async function dropCache(path: string): Promise<void> {
  await promisify(execFile)("sync", [path]);
  await dd(`if=${path}`, "iflag=nocache", "count=0");
}

/** Measures how fast the disk reads different places of a file, past the page cache (Linux). */
export async function measureDisk(path: string, bytes = 2 ** 30): Promise<DiskSpeed> {
  const { size } = await stat(path);
  const speed = async (readers: number): Promise<number> => {
    const count = Math.floor(bytes / MIB / readers);
    const begin = performance.now();
    await Promise.all(
      Array.from({ length: readers }, (_, i) => {
        const skip = Math.floor(((i + 0.5) * (size - bytes)) / readers / MIB);
        return dd(`if=${path}`, "of=/dev/null", "iflag=direct", "bs=1M", `count=${count}`, `skip=${skip}`);
      }),
    );
    return (count * readers * MIB * 1000) / (performance.now() - begin);
  };
  return { one: await speed(1), sixteen: await speed(16) };
}
