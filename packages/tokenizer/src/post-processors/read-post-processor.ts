import { type PartKinds, type ReadPart, readPart } from "../read-parts.js";
import { joined, type PostProcessor, readTokenAndId, specialTokens } from "./post-processor.js";
import { readTemplate } from "./template.js";
import { trimOffsets } from "./trim-offsets.js";

const POST_PROCESSORS: PartKinds<PostProcessor> = {
  listKey: "processors",
  sequence: (parts) => (encodings, options) => parts.reduce((done, part) => part(done, options), encodings),
  kinds: new Map<string, ReadPart<PostProcessor>>([
    ["BertProcessing", (fields) => between(readTokenAndId(fields, "cls"), readTokenAndId(fields, "sep"), false)],
    ["ByteLevel", (fields) => trimming(fields.boolean("trim_offsets"), fields.boolean("add_prefix_space"))],
    [
      "RobertaProcessing",
      (fields) => {
        const trim = trimming(fields.boolean("trim_offsets"), fields.boolean("add_prefix_space"));
        const add = between(readTokenAndId(fields, "cls"), readTokenAndId(fields, "sep"), true);
        return (encodings, options) => add(trim(encodings, options), options);
      },
    ],
    ["TemplateProcessing", readTemplate],
  ]),
};

/** Reads `post_processor`; undefined if there is none. */
export function readPostProcessor(value: unknown, where: string): PostProcessor | undefined {
  return readPart(value, where, POST_PROCESSORS);
}

type TokenAndId = readonly [token: string, id: number];

/** Puts the first text between `cls` and `sep`, and `sep` after any other; with `twice`, before it too. */
export function between([clsText, cls]: TokenAndId, [sepText, sep]: TokenAndId, twice: boolean): PostProcessor {
  return (encodings, { addSpecialTokens }) => {
    if (!addSpecialTokens) return encodings;
    return encodings.map((encoding, i) => {
      const tracked = encoding.offsets !== undefined;
      const end = specialTokens([sep], [sepText], tracked);
      const start = i === 0 ? specialTokens([cls], [clsText], tracked) : end;
      return joined(i === 0 || twice ? [start, encoding, end] : [encoding, end]);
    });
  };
}

function trimming(trims: boolean, addPrefixSpace: boolean): PostProcessor {
  if (!trims) return (encodings) => encodings;
  return (encodings, { text }) => encodings.map((encoding) => trimOffsets(encoding, text, addPrefixSpace));
}
