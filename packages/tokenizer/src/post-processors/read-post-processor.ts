import { type PartKinds, type ReadPart, readPart } from "../read-parts.js";
import { joined, type PostProcessor, readTokenAndId, specialTokens } from "./post-processor.js";
import { readTemplate } from "./template.js";
import { trimOffsets } from "./trim-offsets.js";

const POST_PROCESSORS: PartKinds<PostProcessor> = {
  listKey: "processors",
  sequence: (parts) => (encodings, options) => parts.reduce((done, part) => part(done, options), encodings),
  kinds: new Map<string, ReadPart<PostProcessor>>([
    ["BertProcessing", (fields) => between(readTokenAndId(fields, "cls"), readTokenAndId(fields, "sep"))],
    ["ByteLevel", (fields) => trimming(fields.boolean("trim_offsets"), fields.boolean("add_prefix_space"))],
    [
      "RobertaProcessing",
      (fields) => {
        const trim = trimming(fields.boolean("trim_offsets"), fields.boolean("add_prefix_space"));
        const add = between(readTokenAndId(fields, "cls"), readTokenAndId(fields, "sep"));
        return (encodings, options) => add(trim(encodings, options), options);
      },
    ],
    ["TemplateProcessing", readTemplate],
  ]),
};

/** Reads `post_processor`; undefined where there is none. */
export function readPostProcessor(value: unknown, where: string): PostProcessor | undefined {
  return readPart(value, where, POST_PROCESSORS);
}

type TokenAndId = readonly [token: string, id: number];

/** The first text between `cls` and `sep`, any other between two `sep`. */
function between([clsText, cls]: TokenAndId, [sepText, sep]: TokenAndId): PostProcessor {
  return (encodings, { addSpecialTokens }) => {
    if (!addSpecialTokens) return encodings;
    return encodings.flatMap((encoding, i) => {
      const tracked = encoding.offsets !== undefined;
      const first = i === 0 ? specialTokens([cls], [clsText], tracked) : specialTokens([sep], [sepText], tracked);
      return [joined([first, encoding, specialTokens([sep], [sepText], tracked)])];
    });
  };
}

function trimming(trims: boolean, addPrefixSpace: boolean): PostProcessor {
  if (!trims) return (encodings) => encodings;
  return (encodings, { text }) => encodings.map((encoding) => trimOffsets(encoding, text, addPrefixSpace));
}
