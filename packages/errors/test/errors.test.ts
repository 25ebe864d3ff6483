import { expect, test } from "vitest";
import { MixtapeError } from "../src/index.js";

class FileError extends MixtapeError {
  static override readonly brand: string = "FileError";
}
class ShardError extends FileError {
  static override readonly brand = "ShardError";
}
/** What a second copy of the package on the same page would define. */
class OtherCopyOfFileError extends MixtapeError {
  static override readonly brand = "FileError";
}

const complaint = { where: "model.safetensors", expected: "8 bytes", got: "3 bytes", fix: "Download the file again" };

test("the message has all parts, and the parts are fields", () => {
  const error = new ShardError(complaint);
  expect(error.message).toBe("model.safetensors: expected 8 bytes, got 3 bytes. Download the file again.");
  expect(error).toMatchObject({ ...complaint, name: "ShardError" });
});

test("instanceof follows the hierarchy", () => {
  expect(new ShardError(complaint)).toBeInstanceOf(FileError);
  expect(new ShardError(complaint)).toBeInstanceOf(MixtapeError);
  expect(new FileError(complaint)).not.toBeInstanceOf(ShardError);
  expect(new Error("plain") instanceof MixtapeError).toBe(false);
  expect((null as unknown) instanceof MixtapeError).toBe(false);
});

test("instanceof survives duplicate installs", () => {
  expect(new OtherCopyOfFileError(complaint)).toBeInstanceOf(FileError);
});

test("the cause is kept, and absent where there is none", () => {
  const cause = new TypeError("underneath");
  expect(new FileError({ ...complaint, cause }).cause).toBe(cause);
  expect("cause" in new FileError(complaint)).toBe(false);
});

test.each([
  [{ fix: "Is it one?" }, "f: expected a, got b. Is it one?"],
  [{ fix: "Do it!" }, "f: expected a, got b. Do it!"],
  [{ got: "2 faults:\n  one\n  two\n", fix: "Mend them" }, "f: expected a, got 2 faults:\n  one\n  two\nMend them."],
  [{ got: "2 faults:\n  one\n  two\n" }, "f: expected a, got 2 faults:\n  one\n  two"],
  [{ got: "Not found." }, "f: expected a, got Not found."],
])("a sentence has one mark at its end: %j", (parts, message) => {
  expect(new MixtapeError({ where: "f", expected: "a", got: "b", ...parts }).message).toBe(message);
});
