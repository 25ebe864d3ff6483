import { Tokenizer } from "@mixtape/tokenizer";
import { readDataset } from "@mixtape/training";
import { mutateBytes } from "../mutate-bytes.js";
import { mutateJson } from "../mutate-json.js";
import type { Random } from "../random.js";
import { asBytes, type Files, type Target, textOf } from "../target.js";

const QWEN = "packages/tokenizer/test/__fixtures__/qwen";

const ROWS = [
  { text: "The sky is blue." },
  { prompt: "The sky is", completion: " blue." },
  { prompt: [{ role: "user", content: "Hi" }], completion: [{ role: "assistant", content: "Hello" }] },
  {
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello" },
    ],
  },
  {
    messages: [
      { role: "user", content: "Weather?" },
      { role: "assistant", content: null, tool_calls: [{ type: "function", function: { name: "f", arguments: {} } }] },
      { role: "tool", content: "sun", tool_call_id: "1" },
      { role: "assistant", content: "Sun." },
    ],
    tools: [{ type: "function", function: { name: "f", parameters: { type: "object", properties: {} } } }],
    chat_template_kwargs: { enable_thinking: false },
  },
].map((row) => JSON.stringify(row));

/** Files of training texts: mutated rows, truncated lines, lists instead of lines. */
export const chatData: Target = {
  name: "training data",
  async prepare() {
    const tokenizer = await Tokenizer.fromFiles(
      new Map(
        ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"].map((name) => [
          name,
          textOf(`${QWEN}/${name}`),
        ]),
      ),
    );
    return {
      make(random): Files {
        const rows = Array.from({ length: 1 + random.below(4) }, () => row(random));
        if (random.chance(0.2)) return new Map([["data.json", `[${rows.join(",")}]`]]);
        const lines = `${rows.join(random.pick(["\n", "\n", "\n", "\r\n", "\n\n", "\r"]))}\n`;
        const name = random.pick(["data.jsonl", "data.jsonl", "data.ndjson", "data.txt", "data.csv"]);
        return new Map([[name, random.chance(0.1) ? mutateBytes(new TextEncoder().encode(lines), random) : lines]]);
      },
      async read(files) {
        const [[name, bytes]] = [...asBytes(files)] as [[string, Uint8Array]];
        async function* chunks(): AsyncGenerator<Uint8Array> {
          for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
        }
        const { examples } = await readDataset(chunks(), tokenizer, { name });
        for (const { inputIds, labels } of examples)
          if (labels && labels.length !== inputIds.length) throw new Error("labels of another length");
      },
    };
  },
};

function row(random: Random): string {
  const text = random.pick(ROWS);
  return random.chance(0.3) ? text : mutateJson(text, random);
}
