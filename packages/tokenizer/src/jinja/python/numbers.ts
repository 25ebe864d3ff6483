/** Numbers as Python computes and prints them: integers of any size (bigint), floats (number). */

import type { Budget } from "../budget.js";
import { TemplateError, typeError, valueError } from "../template-error.js";
import { asInt, type Value } from "../values.js";
import { strip } from "./text.js";

/** Maximum digits of an integer that Python converts to or from text. */
const MAX_DIGITS = 4300;
const ZERO_DIVISION = "division by zero";

/** `repr` of a float: the shortest digits that read back as it, with an exponent below 1e-4 and from 1e16 on. */
export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  const [mantissa = "", exponentText = ""] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const digits = mantissa.replace(/[-.]/g, "");
  if (exponent < -4 || exponent >= 16) {
    const rest = digits.length > 1 ? `.${digits.slice(1)}` : "";
    return `${sign}${digits[0]}${rest}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

export function intRepr(value: bigint): string {
  if (bitLength(value) > 14300)
    throw valueError(`Exceeds the limit (${MAX_DIGITS} digits) for integer string conversion`);
  const text = value.toString();
  if (text.length - (value < 0n ? 1 : 0) > MAX_DIGITS) {
    throw valueError(`Exceeds the limit (${MAX_DIGITS} digits) for integer string conversion`);
  }
  return text;
}

function bitLength(value: bigint): number {
  const size = value < 0n ? -value : value;
  if (size === 0n) return 0;
  const hex = size.toString(16);
  return (hex.length - 1) * 4 + (32 - Math.clz32(Number.parseInt(hex[0] as string, 16)));
}

/** `float(int)`: rounds to nearest, and refuses values beyond all floats. */
export function toFloat(value: bigint): number {
  const float = Number(value);
  if (!Number.isFinite(float)) throw new TemplateError("OverflowError", "int too large to convert to float");
  return float;
}

/** Returns the number for arithmetic; `undefined` for values that are not numbers. */
export function asNumber(value: Value): bigint | number | undefined {
  return typeof value === "number" ? value : asInt(value);
}

export type Arithmetic = "+" | "-" | "*" | "/" | "//" | "%" | "**";

export function arithmetic(op: Arithmetic, a: bigint | number, b: bigint | number, budget: Budget): bigint | number {
  if (typeof a === "bigint" && typeof b === "bigint") return intArithmetic(op, a, b, budget);
  return floatArithmetic(op, typeof a === "bigint" ? toFloat(a) : a, typeof b === "bigint" ? toFloat(b) : b);
}

function intArithmetic(op: Arithmetic, a: bigint, b: bigint, budget: Budget): bigint | number {
  switch (op) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      if (!isSmall(a) || !isSmall(b)) budget.bits(bitLength(a) + bitLength(b));
      return a * b;
    case "/":
      return divideInts(a, b);
    case "//":
      return floorDivide(a, b);
    case "%":
      return a - floorDivide(a, b) * b;
    case "**":
      if (b < 0n) {
        if (a === 0n) throw new TemplateError("ZeroDivisionError", "0.0 cannot be raised to a negative power");
        budget.bits(bitLength(a) * -Number(b));
        return divideInts(1n, a ** -b);
      }
      if (a !== 0n && a !== 1n && a !== -1n) budget.bits(bitLength(a) * Number(b));
      else return a === -1n && b % 2n === 0n ? 1n : b === 0n ? 1n : a;
      return a ** b;
  }
}

function isSmall(value: bigint): boolean {
  return value < 0x7fffffffn && value > -0x7fffffffn;
}

function floorDivide(a: bigint, b: bigint): bigint {
  if (b === 0n) throw new TemplateError("ZeroDivisionError", "integer division or modulo by zero");
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

/** Returns the float nearest to the quotient. */
function divideInts(a: bigint, b: bigint): number {
  if (b === 0n) throw new TemplateError("ZeroDivisionError", ZERO_DIVISION);
  const exact = 2n ** 53n;
  if (a <= exact && a >= -exact && b <= exact && b >= -exact) return Number(a) / Number(b);
  // A quotient of at least 66 bits, with its last bit set if there is a remainder, is rounded once and correctly.
  const shift = Math.max(0, 66 - (bitLength(a) - bitLength(b)));
  const size = (a < 0n ? -a : a) << BigInt(shift);
  const divisor = b < 0n ? -b : b;
  const quotient = (size / divisor) | (size % divisor === 0n ? 0n : 1n);
  const drop = Math.max(0, bitLength(quotient) - 1000);
  const head = (quotient >> BigInt(drop)) | (drop > 0 ? 1n : 0n);
  const value = Number(head) * 2 ** (drop - shift);
  if (!Number.isFinite(value))
    throw new TemplateError("OverflowError", "integer division result too large for a float");
  return a < 0n !== b < 0n ? -value : value;
}

function floatArithmetic(op: Arithmetic, a: number, b: number): number {
  switch (op) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      if (b === 0) throw new TemplateError("ZeroDivisionError", "float division by zero");
      return a / b;
    case "//":
      return floatDivMod(a, b)[0];
    case "%":
      return floatDivMod(a, b)[1];
    case "**": {
      if (a === 0 && b < 0) throw new TemplateError("ZeroDivisionError", "0.0 cannot be raised to a negative power");
      if (a < 0 && Number.isFinite(a) && Number.isFinite(b) && !Number.isInteger(b)) {
        throw typeError("complex numbers are not supported in templates");
      }
      // IEEE 754, which Python follows: 1 to any power is 1, and so is -1 to an infinite one.
      if (a === 1 || (a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY)) return 1;
      const power = a ** b;
      if (!Number.isFinite(power) && Number.isFinite(a) && Number.isFinite(b)) {
        throw new TemplateError("OverflowError", "(34, 'Numerical result out of range')");
      }
      return power;
    }
  }
}

function floatDivMod(a: number, b: number): [number, number] {
  if (b === 0) throw new TemplateError("ZeroDivisionError", "float floor division by zero");
  let mod = a % b;
  let div = (a - mod) / b;
  if (mod !== 0) {
    if (b < 0 !== mod < 0) {
      mod += b;
      div -= 1;
    }
  } else mod = b < 0 ? -0 : 0;
  if (div === 0) return [a / b < 0 ? -0 : 0, mod];
  const floor = Math.floor(div);
  return [div - floor > 0.5 ? floor + 1 : floor, mod];
}

/** Returns a float as the fraction `numerator / 2 ** shift`, or times `2 ** -shift` if that is negative. */
function fraction(value: number): { numerator: bigint; shift: number } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, Math.abs(value));
  const bits = view.getBigUint64(0);
  const exponent = Number(bits >> 52n);
  const mantissa = bits & 0xfffffffffffffn;
  if (exponent === 0) return { numerator: mantissa, shift: 1074 };
  return { numerator: mantissa | 0x10000000000000n, shift: 1075 - exponent };
}

/** Returns |value| times 10 ** digits, rounded to an integer: half to even, of the exact value, like C's printf. */
function scaled(value: number, digits: number): bigint {
  const { numerator, shift } = fraction(value);
  let top = numerator * (digits > 0 ? 10n ** BigInt(digits) : 1n);
  let bottom = digits < 0 ? 10n ** BigInt(-digits) : 1n;
  if (shift >= 0) bottom <<= BigInt(shift);
  else top <<= BigInt(-shift);
  const quotient = top / bottom;
  const twice = (top % bottom) * 2n;
  const up = twice > bottom || (twice === bottom && quotient % 2n === 1n);
  return up ? quotient + 1n : quotient;
}

/** Returns the digits of a finite |value| with `places` decimals. */
export function toFixed(value: number, places: number): string {
  const digits = scaled(value, places)
    .toString()
    .padStart(places + 1, "0");
  return places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

/** Returns mantissa and exponent of a finite |value|, with `places` decimals. */
export function toExponent(value: number, places: number): { mantissa: string; exponent: number } {
  const point = (digits: string) => (places === 0 ? digits : `${digits[0]}.${digits.slice(1)}`);
  if (value === 0) return { mantissa: point("0".repeat(places + 1)), exponent: 0 };
  let exponent = Number(Math.abs(value).toExponential().split("e")[1]);
  let digits = scaled(value, places - exponent).toString();
  if (digits.length > places + 1) {
    exponent += 1;
    digits = scaled(value, places - exponent).toString();
  }
  return { mantissa: point(digits), exponent };
}

/** Python's `round(float, places)`. */
export function roundFloat(value: number, places: number): number {
  if (!Number.isFinite(value) || places > 323) return value;
  if (places < -308) return value < 0 ? -0 : 0;
  const digits = scaled(value, places).toString();
  const rounded = Number(`${digits}e${-places}`);
  return value < 0 || Object.is(value, -0) ? -rounded : rounded;
}

/** Python's `round(int, places)`: half to even. */
export function roundInt(value: bigint, places: number): bigint {
  if (places >= 0) return value;
  if (-places > MAX_DIGITS) return 0n;
  const unit = 10n ** BigInt(-places);
  const floor = floorDivide(value, unit);
  const twice = (value - floor * unit) * 2n;
  return (twice > unit || (twice === unit && floor % 2n !== 0n) ? floor + 1n : floor) * unit;
}

/** Python's `int(float)`. */
export function truncate(value: number): bigint {
  if (Number.isNaN(value)) throw valueError("cannot convert float NaN to integer");
  if (!Number.isFinite(value)) throw new TemplateError("OverflowError", "cannot convert float infinity to integer");
  return BigInt(Math.trunc(value));
}

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz";
const PREFIXES = new Map([
  ["0b", 2],
  ["0o", 8],
  ["0x", 16],
]);

/** Python's `int(text, base)`; `undefined` if it is not an integer of that base. */
export function parseInteger(text: string, base = 10): bigint | undefined {
  const match = /^([+-]?)(0[box]_?)?([0-9a-z]+(?:_[0-9a-z]+)*)$/i.exec(asciiDigits(text));
  if (match === null) return undefined;
  const sign = match[1] as string;
  let prefix = (match[2] ?? "").toLowerCase();
  let digits = (match[3] as string).toLowerCase();
  const own = PREFIXES.get(prefix.replace("_", ""));
  let radix = base;
  if (own !== undefined && (base === 0 || base === own)) radix = own;
  else {
    digits = prefix + digits;
    prefix = "";
    if (base === 0) {
      if (/^0[0_]*[1-9]/.test(digits)) return undefined;
      radix = 10;
    }
  }
  if (digits.includes("__")) return undefined;
  digits = digits.replaceAll("_", "");
  if ((radix & (radix - 1)) !== 0 && digits.length > MAX_DIGITS) return undefined;
  let value = 0n;
  if (radix === 10 || radix === 16 || radix === 8 || radix === 2) {
    const valid = { 10: /^[0-9]+$/, 16: /^[0-9a-f]+$/, 8: /^[0-7]+$/, 2: /^[01]+$/ }[radix];
    if (!valid.test(digits)) return undefined;
    value = BigInt(`${{ 10: "", 16: "0x", 8: "0o", 2: "0b" }[radix]}${digits}`);
  } else {
    const big = BigInt(radix);
    if (digits.length > MAX_DIGITS) return undefined;
    for (const char of digits) {
      const digit = DIGITS.indexOf(char);
      if (digit >= radix) return undefined;
      value = value * big + BigInt(digit);
    }
  }
  return sign === "-" ? -value : value;
}

/** Python's `float(text)`; `undefined` if it is not a number. */
export function parseFloatText(text: string): number | undefined {
  const plain = asciiDigits(text);
  const named = /^([+-]?)(inf|infinity|nan)$/i.exec(plain);
  if (named !== null) {
    if (/nan/i.test(plain)) return Number.NaN;
    return named[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const digits = "[0-9]+(?:_[0-9]+)*";
  const pattern = new RegExp(`^[+-]?(?:${digits}(?:\\.(?:${digits})?)?|\\.${digits})(?:e[+-]?${digits})?$`, "i");
  return pattern.test(plain) ? Number(plain.replaceAll("_", "")) : undefined;
}

/** Converts decimal digits of other scripts to ASCII and strips white space: the input of `int()` and `float()`. */
function asciiDigits(text: string): string {
  return strip(text).replace(/\p{Nd}/gu, (digit) => String(digitValue(digit)));
}

/** Returns the value of a decimal digit of any script: they come in runs of ten. */
function digitValue(digit: string): number {
  let code = digit.codePointAt(0) as number;
  let value = 0;
  while (/^\p{Nd}$/u.test(String.fromCodePoint(code - 1))) {
    code -= 1;
    value += 1;
  }
  return value % 10;
}
