/** The advice of errors names the flags of the command. */

import { join } from "node:path";
import { expect, test } from "vitest";
import { fails, SAMPLE, sampleTrain, temporaryFolder, write } from "./command.js";

const folder = temporaryFolder();
let runs = 0;
const training = (rows: readonly object[], ...flags: string[]): string[] => [
  ...["--model", SAMPLE, "--engine", "cpu", "--steps", "1", "--output", join(folder, `run-${runs}`)],
  ...["--data", write(folder, `rows-${runs++}.jsonl`, rows), ...flags],
];

const long = "It was a fine morning, and the sea was calm. ".repeat(4);
const answered = (answer: string) => ({
  question: "Where is it?",
  context: `${long}${answer}`,
  answers: { text: [answer], answer_start: [long.length] },
});

test.each<[string, RegExp, string[]]>([
  ["an unknown key", /If it is not needed for training, pass --ignore-keys id\.$/, training([{ text: "a b", id: 1 }])],
  [
    "keys that a shell would split",
    /If they are not needed for training, pass --ignore-keys 'my id' source\.$/,
    training([{ text: "a b", "my id": 1, source: "x" }]),
  ],
  [
    "two formats",
    /To train on the first only, pass --ignore-keys prompt\.$/,
    training([{ messages: [], prompt: "a" }]),
  ],
  [
    "an unknown key beside a label",
    /If they are not needed for training, pass --ignore-keys id\.$/,
    training([{ text: "a b", label: "good", id: 1 }], "--task", "text-classification"),
  ],
  [
    "labels beyond the length of a row",
    /Raise --max-length, which cuts off all labels of 1\.$/,
    training([{ prompt: long, completion: "Calm." }], "--max-length", "4"),
  ],
  [
    "answers beyond the length of a row",
    /Raise --max-length\.$/,
    training([answered("Bern")], "--task", "question-answering", "--max-length", "8"),
  ],
  [
    "a target that matches nothing",
    /^error: --target: expected targets /,
    training([{ text: long }], "--target", "w9"),
  ],
])("%s", (_, message, args) => fails(1, message, ...args));

test("--debug names flags in the causes too", async () => {
  const bare = join(folder, "bare.jinja");
  write(folder, "bare.jinja", "{{ messages | map(attribute='content') | join }}");
  const chat = {
    messages: [
      { role: "user", content: "Name a fruit." },
      { role: "assistant", content: "Apple." },
    ],
  };
  const { stderr } = await sampleTrain([...training([chat]), "--chat-template", bare, "--debug"]);
  expect(stderr).toMatch(/^error: DataError: .* pass it as --chat-template FILE\.\n {4}at /);
  expect(stderr).toMatch(/\ncaused by: TokenizerError: .* pass it as --chat-template FILE\.\n {4}at /);
});
