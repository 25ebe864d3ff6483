/** Format specifications: the part after the colon in `"{:>8.2f}".format(x)`. */

import type { Budget } from "../budget.js";
import { TemplateError, typeError, valueError } from "../template-error.js";
import { asText, typeName, type Value } from "../values.js";
import { floatRepr, intRepr, toExponent, toFixed, toFloat } from "./numbers.js";
import { str } from "./repr.js";
import { pointLength, pointSlice } from "./text.js";

interface Spec {
  readonly fill: string;
  readonly align: string;
  readonly sign: string;
  readonly alternate: boolean;
  readonly zero: boolean;
  readonly width: number;
  readonly grouping: string;
  readonly precision: number | undefined;
  readonly type: string;
}

const SPEC = /^(?:([\s\S])?([<>=^]))?([ +-])?(z)?(#)?(0)?(\d+)?([_,])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$/u;

/** `format(value, spec)`. */
export function formatValue(value: Value, specText: string, budget: Budget): string {
  const number = typeof value === "boolean" ? (specText === "" ? undefined : value ? 1n : 0n) : value;
  if (typeof number !== "bigint" && typeof number !== "number") {
    const text = asText(value);
    if (specText === "") return str(value, budget);
    if (text === undefined) {
      throw typeError(`unsupported format string passed to ${typeName(value)}.__format__`);
    }
    return formatText(text, parseSpec(specText, value, budget), budget);
  }
  if (specText === "") return str(value, budget);
  const spec = parseSpec(specText, number, budget);
  if (typeof number === "bigint" && (spec.type === "" || "bcdnoxX".includes(spec.type)))
    return formatInt(number, spec, budget);
  return formatFloat(typeof number === "bigint" ? toFloat(number) : number, spec, budget);
}

function parseSpec(text: string, value: Value, budget: Budget): Spec {
  const match = SPEC.exec(text);
  const unknown = () =>
    valueError(`Invalid format specifier '${text.slice(0, 80)}' for object of type '${typeName(value)}'`);
  if (match === null) throw unknown();
  const [, fill, align, sign, z, alternate, zero, width, grouping, precision, type] = match;
  if (z !== undefined) throw unknown();
  const spec: Spec = {
    fill: fill ?? (zero === undefined ? " " : "0"),
    align: align ?? (zero === undefined ? "" : "="),
    sign: sign ?? "",
    alternate: alternate !== undefined,
    zero: zero !== undefined,
    width: Number(width ?? 0),
    grouping: grouping ?? "",
    precision: precision === undefined ? undefined : Number(precision),
    type: type ?? "",
  };
  budget.text(spec.width);
  budget.text(spec.precision ?? 0);
  return spec;
}

function formatText(text: string, spec: Spec, budget: Budget): string {
  if (spec.type !== "" && spec.type !== "s")
    throw valueError(`Unknown format code '${spec.type}' for object of type 'str'`);
  if (spec.sign !== "") throw valueError("Sign not allowed in string format specifier");
  if (spec.alternate) throw valueError("Alternate form (#) not allowed in string format specifier");
  if (spec.align === "=" && !spec.zero) throw valueError("'=' alignment not allowed in string format specifier");
  if (spec.grouping !== "") throw valueError(`Cannot specify '${spec.grouping}' with 's'.`);
  const shown = spec.precision === undefined ? text : pointSlice(text, 0, Math.min(spec.precision, pointLength(text)));
  return pad("", shown, { ...spec, align: spec.align === "" || spec.align === "=" ? "<" : spec.align }, budget);
}

function formatInt(value: bigint, spec: Spec, budget: Budget): string {
  if (spec.precision !== undefined) throw valueError("Precision not allowed in integer format specifier");
  const size = value < 0n ? -value : value;
  const sign = value < 0n ? "-" : spec.sign === "-" ? "" : spec.sign;
  if (spec.type === "c") {
    if (spec.sign !== "") throw valueError("Sign not allowed with integer format specifier 'c'");
    if (spec.alternate) throw valueError("Alternate form (#) not allowed with integer format specifier 'c'");
    if (value < 0n || value > 0x10ffffn) throw new TemplateError("OverflowError", "%c arg not in range(0x110000)");
    return pad("", String.fromCodePoint(Number(value)), { ...spec, align: spec.align || "<" }, budget);
  }
  if (spec.grouping === "," && "boxXn".includes(spec.type || "d"))
    throw valueError(`Cannot specify ',' with '${spec.type}'.`);
  const { digits, prefix } = intDigits(size, spec.type);
  const groups = spec.type !== "" && "boxX".includes(spec.type) ? 4 : 3;
  const head = sign + (spec.alternate ? prefix : "");
  return padNumber(head, digits, "", groups, spec, budget);
}

/** Returns the digits of a magnitude in the base of a format code, and the prefix of that base. */
export function intDigits(size: bigint, type: string): { digits: string; prefix: string } {
  if (type === "b") return { digits: size.toString(2), prefix: "0b" };
  if (type === "o") return { digits: size.toString(8), prefix: "0o" };
  if (type === "x") return { digits: size.toString(16), prefix: "0x" };
  if (type === "X") return { digits: size.toString(16).toUpperCase(), prefix: "0X" };
  return { digits: intRepr(size), prefix: "" };
}

function formatFloat(value: number, spec: Spec, budget: Budget): string {
  if (spec.type !== "" && !"eEfFgGn%".includes(spec.type)) {
    throw valueError(`Unknown format code '${spec.type}' for object of type 'float'`);
  }
  const negative = value < 0 || Object.is(value, -0);
  const sign = negative ? "-" : spec.sign === "-" ? "" : spec.sign;
  const text = floatDigits(Math.abs(value), spec.type, spec.precision, spec.alternate, budget);
  const [, whole = "", rest = ""] = /^([0-9]*)(.*)$/.exec(text) ?? [];
  return padNumber(sign, whole, rest, 3, spec, budget);
}

/** Formats a non-negative float by a format code of `format` or of `%`. */
export function floatDigits(
  value: number,
  type: string,
  precision: number | undefined,
  alternate: boolean,
  budget: Budget,
): string {
  const upper = type === "E" || type === "F" || type === "G";
  const lower = floatText(value, type.toLowerCase(), precision, alternate, budget);
  return upper ? lower.toUpperCase() : lower;
}

function floatText(
  value: number,
  type: string,
  precision: number | undefined,
  alternate: boolean,
  budget: Budget,
): string {
  const percent = type === "%" ? "%" : "";
  if (!Number.isFinite(value)) return (Number.isNaN(value) ? "nan" : "inf") + percent;
  const places = precision ?? 6;
  budget.text(places + 400);
  if (type === "f") return toFixed(value, places) + (alternate && places === 0 ? "." : "");
  if (type === "%") return `${floatText(value * 100, "f", places, alternate, budget)}%`;
  if (type === "e") {
    const { mantissa, exponent } = toExponent(value, places);
    return `${mantissa}${alternate && places === 0 ? "." : ""}${exponentText(exponent)}`;
  }
  if (type === "" && precision === undefined) return floatRepr(value);
  // "g", and a precision without a code, which keeps one digit after the point.
  const digits = Math.max(1, places);
  const { mantissa, exponent } = toExponent(value, digits - 1);
  const limit = type === "" ? digits - 1 : digits;
  let text: string;
  if (exponent < -4 || exponent >= limit) {
    text = alternate ? mantissa : trimZeros(mantissa);
    return text + exponentText(exponent);
  }
  text = toFixed(value, Math.max(0, digits - 1 - exponent));
  if (!alternate) text = trimZeros(text);
  if ((type === "" || alternate) && !text.includes(".")) text += type === "" ? ".0" : ".";
  return text;
}

function trimZeros(text: string): string {
  if (!text.includes(".")) return text;
  let end = text.length;
  while (text[end - 1] === "0") end -= 1;
  return text.slice(0, text[end - 1] === "." ? end - 1 : end);
}

function exponentText(exponent: number): string {
  return `e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** Groups the digits and pads to the width; zeros between sign and digits are grouped as well. */
function padNumber(head: string, whole: string, rest: string, group: number, spec: Spec, budget: Budget): string {
  let digits = whole;
  if (spec.grouping !== "" && /^[0-9a-fA-F]+$/.test(whole)) {
    const zeros = spec.fill === "0" && spec.align === "=" ? spec.width - head.length - rest.length : 0;
    digits = groupDigits(whole, spec.grouping, group, zeros);
  }
  return pad(head, digits + rest, { ...spec, align: spec.align || ">" }, budget);
}

function groupDigits(digits: string, mark: string, group: number, width: number): string {
  let text = "";
  let count = 0;
  for (let index = digits.length - 1; index >= 0 || text.length < width; index--) {
    if (count > 0 && count % group === 0) {
      text = mark + text;
      // A separator never comes first.
      if (index < 0 && text.length >= width) return `0${text}`;
    }
    text = (digits[index] ?? "0") + text;
    count += 1;
  }
  return text;
}

function pad(head: string, body: string, { fill, align, width }: Spec, budget: Budget): string {
  const missing = width - pointLength(head + body);
  if (missing <= 0) return head + body;
  budget.text(width * fill.length);
  if (align === "<") return head + body + fill.repeat(missing);
  if (align === "=") return head + fill.repeat(missing) + body;
  if (align === "^") return fill.repeat(missing >> 1) + head + body + fill.repeat(missing - (missing >> 1));
  return fill.repeat(missing) + head + body;
}
