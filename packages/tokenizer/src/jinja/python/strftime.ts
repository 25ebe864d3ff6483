/** Python's `datetime.strftime` in the C locale, for a local time without a zone. */

import type { Budget } from "../budget.js";

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

export function strftime(format: string, date: Date, budget: Budget): string {
  budget.text(format.length * 16);
  return format.replace(/%([-_0^#]?)([a-zA-Z%])/g, (whole, flag: string, code: string) => {
    const field = fieldOf(code, date, budget);
    if (field === undefined) return whole;
    if (typeof field === "string") return flag === "^" ? field.toUpperCase() : field;
    const [value, width, fill] = field;
    if (flag === "-") return String(value);
    return String(value).padStart(width, flag === "_" ? " " : flag === "0" ? "0" : fill);
  });
}

/** Returns a field's text, or its number with width and padding. */
function fieldOf(code: string, date: Date, budget: Budget): string | readonly [number, number, string] | undefined {
  const number = (value: number, width = 2, fill = "0") => [value, width, fill] as const;
  const again = (format: string) => strftime(format, date, budget);
  const day = DAYS[date.getDay()] as string;
  const month = MONTHS[date.getMonth()] as string;
  switch (code) {
    case "a":
      return day.slice(0, 3);
    case "A":
      return day;
    case "b":
    case "h":
      return month.slice(0, 3);
    case "B":
      return month;
    case "c":
      return again("%a %b %e %H:%M:%S %Y");
    case "C":
      return number(Math.floor(date.getFullYear() / 100));
    case "d":
      return number(date.getDate());
    case "D":
    case "x":
      return again("%m/%d/%y");
    case "e":
      return number(date.getDate(), 2, " ");
    case "f":
      return number(date.getMilliseconds() * 1000, 6);
    case "F":
      return again("%Y-%m-%d");
    case "g":
      return number(isoWeek(date).year % 100);
    case "G":
      return number(isoWeek(date).year, 4);
    case "H":
      return number(date.getHours());
    case "I":
      return number(date.getHours() % 12 || 12);
    case "j":
      return number(dayOfYear(date) + 1, 3);
    case "k":
      return number(date.getHours(), 2, " ");
    case "l":
      return number(date.getHours() % 12 || 12, 2, " ");
    case "m":
      return number(date.getMonth() + 1);
    case "M":
      return number(date.getMinutes());
    case "n":
      return "\n";
    case "p":
      return date.getHours() < 12 ? "AM" : "PM";
    case "P":
      return date.getHours() < 12 ? "am" : "pm";
    case "r":
      return again("%I:%M:%S %p");
    case "R":
      return again("%H:%M");
    case "s":
      return String(Math.floor(date.getTime() / 1000));
    case "S":
      return number(date.getSeconds());
    case "t":
      return "\t";
    case "T":
    case "X":
      return again("%H:%M:%S");
    case "u":
      return number(date.getDay() || 7, 1);
    case "U":
      return number(Math.floor((dayOfYear(date) + 7 - date.getDay()) / 7));
    case "V":
      return number(isoWeek(date).week);
    case "w":
      return number(date.getDay(), 1);
    case "W":
      return number(Math.floor((dayOfYear(date) + 7 - ((date.getDay() + 6) % 7)) / 7));
    case "y":
      return number(date.getFullYear() % 100);
    case "Y":
      return String(date.getFullYear());
    case "z":
    case "Z":
      return "";
    case "%":
      return "%";
    default:
      return undefined;
  }
}

function dayOfYear(date: Date): number {
  return Math.round(
    (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(date.getFullYear(), 0, 1)) / 86_400_000,
  );
}

/** Returns the week of ISO 8601 and its year: that of its Thursday. */
function isoWeek(date: Date): { year: number; week: number } {
  const thursday = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 4 - (date.getDay() || 7));
  return { year: thursday.getFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 };
}
