/** Character classes of the two syntaxes, in terms of Unicode properties that JavaScript knows. */

import { CharSet } from "./char-set.js";

const lazy = (source: string): (() => CharSet) => {
  let set: CharSet | undefined;
  return () => {
    set ??= CharSet.native(source);
    return set;
  };
};

/** `\d`, `\s` and `\w` of Python's `re` for text (`str.isdecimal`, `str.isspace`, `str.isalnum` and `_`). */
export const PYTHON_CLASSES = {
  d: lazy("\\p{Nd}"),
  s: lazy("[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]"),
  w: lazy("[\\p{L}\\p{N}_]"),
};

/** Those classes under the flag `a`. */
export const PYTHON_ASCII_CLASSES = {
  d: lazy("[0-9]"),
  s: lazy("[\\t-\\r\\x20]"),
  w: lazy("[0-9A-Za-z_]"),
};

/** Word characters. Six numbers of Latin-1 are among them, but no similar ones. */
const WORD = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\xb2\\xb3\\xb9\\xbc-\\xbe]";

/** `\d`, `\s`, `\w` and `\h` of Oniguruma for Unicode text. */
export const ONIGURUMA_CLASSES = {
  d: lazy("\\p{Nd}"),
  s: lazy("\\p{White_Space}"),
  w: lazy(WORD),
  h: lazy("[0-9A-Fa-f]"),
};

/** POSIX brackets of Oniguruma for Unicode text. */
const POSIX: Readonly<Record<string, string>> = {
  alnum: "[\\p{Alphabetic}\\p{Nd}]",
  alpha: "\\p{Alphabetic}",
  ascii: "\\p{ASCII}",
  blank: "[\\p{Zs}\\t]",
  cntrl: "\\p{Cc}",
  digit: "\\p{Nd}",
  graph: "[^\\p{White_Space}\\p{Cc}\\p{Cn}\\p{Cs}]",
  lower: "\\p{Lowercase}",
  print: "[^\\p{Zl}\\p{Zp}\\p{Cc}\\p{Cn}\\p{Cs}]",
  punct: "[\\p{P}\\p{S}]",
  space: "\\p{White_Space}",
  upper: "\\p{Uppercase}",
  word: "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]",
  xdigit: "[0-9A-Fa-f]",
};

const SCRIPTS =
  "Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi Gurmukhi Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nandinagari New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Toto Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square";

const CATEGORIES =
  "C Other Cc Control Cf Format Cn Unassigned Co Private_Use Cs Surrogate L Letter LC Cased_Letter Ll Lowercase_Letter Lm Modifier_Letter Lo Other_Letter Lt Titlecase_Letter Lu Uppercase_Letter M Mark Mc Spacing_Mark Me Enclosing_Mark Mn Nonspacing_Mark N Number Nd Decimal_Number Nl Letter_Number No Other_Number P Punctuation Pc Connector_Punctuation Pd Dash_Punctuation Pe Close_Punctuation Pf Final_Punctuation Pi Initial_Punctuation Po Other_Punctuation Ps Open_Punctuation S Symbol Sc Currency_Symbol Sk Modifier_Symbol Sm Math_Symbol So Other_Symbol Z Separator Zl Line_Separator Zp Paragraph_Separator Zs Space_Separator";

const BINARY =
  "ASCII_Hex_Digit AHex Alphabetic Alpha Any Assigned Bidi_Control Bidi_C Bidi_Mirrored Case_Ignorable CI Cased Changes_When_Casefolded CWCF Changes_When_Casemapped CWCM Changes_When_Lowercased CWL Changes_When_Titlecased CWT Changes_When_Uppercased CWU Dash Default_Ignorable_Code_Point DI Deprecated Dep Diacritic Dia Emoji Emoji_Component Emoji_Modifier Emoji_Modifier_Base Emoji_Presentation Extended_Pictographic Extender Ext Grapheme_Base Gr_Base Grapheme_Extend Gr_Ext Hex_Digit Hex IDS_Binary_Operator IDSB IDS_Trinary_Operator IDST ID_Continue IDC ID_Start IDS Ideographic Ideo Join_Control Join_C Logical_Order_Exception LOE Lowercase Noncharacter_Code_Point NChar Pattern_Syntax Pat_Syn Pattern_White_Space Pat_WS Quotation_Mark QMark Radical Regional_Indicator RI Sentence_Terminal STerm Soft_Dotted SD Terminal_Punctuation Term Unified_Ideograph UIdeo Uppercase Variation_Selector VS XID_Continue XIDC XID_Start XIDS";

/** Normalises a name as Oniguruma compares them: without case, spaces, hyphens and underscores. */
const plain = (name: string): string => name.toLowerCase().replace(/[\s_-]/g, "");

let properties: ReadonlyMap<string, string> | undefined;

/** Returns the class of `\p{name}` in Oniguruma; undefined for a name that it, or this package, does not support. */
export function onigurumaProperty(name: string): CharSet | undefined {
  properties ??= new Map([
    ...SCRIPTS.split(" ").map((script) => [plain(script), `\\p{Script=${script}}`] as const),
    ...BINARY.split(" ").map((binary) => [plain(binary), `\\p{${binary}}`] as const),
    ...CATEGORIES.split(" ").map((category) => [plain(category), `\\p{${category}}`] as const),
    ...Object.entries(POSIX),
    ["punct", "\\p{P}"],
  ]);
  const source = properties.get(plain(name));
  return source === undefined ? undefined : CharSet.native(source);
}

/** Returns the class of `[:name:]` in Oniguruma; undefined for an unknown name. */
export function posixClass(name: string): CharSet | undefined {
  const source = Object.hasOwn(POSIX, name) ? POSIX[name] : undefined;
  return source === undefined ? undefined : CharSet.native(source);
}
