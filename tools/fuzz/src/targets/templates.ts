import { gunzipSync } from "node:zlib";
import { Tokenizer } from "@mixtape/tokenizer";
import { mutateTemplate, typedTemplate } from "../grammar-chat-template.js";
import { template } from "../grammar-template.js";
import type { Files, Target } from "../target.js";
import { bytesOf } from "../target.js";

const TEMPLATES = "packages/tokenizer/test/__fixtures__/chat-templates/templates.json.gz";

const TOOLS = [
  {
    type: "function",
    function: {
      name: "weather",
      description: "Tells the weather",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];

const CHATS = [
  [
    { role: "system", content: "Be brief." },
    { role: "user", content: "  Hi\n{{ x }} <|im_end|>" },
    { role: "assistant", content: "Hello\u0000" },
    { role: "user", content: "Bye" },
  ],
  [{ role: "user", content: "a" }],
  [
    { role: "user", content: "Is it raining?" },
    {
      role: "assistant",
      content: "",
      tool_calls: [{ id: "call12345", type: "function", function: { name: "weather", arguments: { city: "Bonn" } } }],
    },
    { role: "tool", name: "weather", tool_call_id: "call12345", content: '{"rain": true}' },
    { role: "assistant", content: "It is." },
  ],
];

/** Index of the chat with tool calls. */
const WITH_TOOLS = 2;

/** Chat templates: mutated real ones, and generated ones. Each renders a chat, with or without tools. */
export const templates: Target = {
  name: "templates",
  async prepare() {
    const real = (JSON.parse(gunzipSync(bytesOf(TEMPLATES)).toString()) as { template: string }[]).map(
      (one) => one.template,
    );
    return {
      make(random): Files {
        const kind = random.next();
        const made =
          kind < 0.35
            ? mutateTemplate(random.pick(real), random)
            : kind < 0.65
              ? typedTemplate(random)
              : template(random);
        return new Map([
          ["chat_template.jinja", made],
          ["chat", String(random.below(CHATS.length))],
        ]);
      },
      async read(files) {
        // Templates need no vocabulary.
        const tokenizer = {
          model: { type: "BPE", vocab: { a: 0, "<s>": 1, "</s>": 2 }, merges: [] },
          added_tokens: [],
        };
        const chat_template = files.get("chat_template.jinja") as string;
        const made = Tokenizer.fromJSON(tokenizer, { chat_template, bos_token: "<s>", eos_token: "</s>" });
        const chat = Number(files.get("chat"));
        made.applyChatTemplate(CHATS[chat]!, {
          addGenerationPrompt: true,
          ...(chat === WITH_TOOLS && { tools: TOOLS }),
        });
        made.renderChat(CHATS[chat]!);
      },
    };
  },
};
