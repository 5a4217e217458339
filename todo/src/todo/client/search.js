/** Which texts a search finds: the rules are the API's (`docs/reference/todo-api.md`, Search). */

const MARKS = /\p{M}/gu;
const SEPARATORS = /[^\p{L}\p{N}]+/gu;
const SINGLE = /[\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\u{20000}-\u{3ffff}]/gu;
const STROKES = /[æðøþđħıłœŧßẞ]/g;
/** @type {Record<string, string>} */
const UNSTROKED = {
  æ: "ae", ð: "d", ø: "o", þ: "th", đ: "d", ħ: "h", ı: "i", ł: "l", œ: "oe", ŧ: "t", ß: "ss", ẞ: "ss",
};

/** The words of a text without case, accents and punctuation, with a space between two of them. */
export function foldWords(/** @type {string} */ text) {
  return text
    .normalize("NFKD")
    .replace(MARKS, "")
    .toLowerCase()
    .replace(STROKES, (letter) => UNSTROKED[letter] ?? letter)
    .replace(SINGLE, " $& ")
    .replace(SEPARATORS, " ")
    .trim();
}

/** @typedef {(folded: string) => boolean} Test says whether a text, folded and with a space around, is found */

/** @returns {Test | null} null for a blank query, which filters nothing */
export function search(/** @type {string} */ query) {
  if (!query.trim()) return null;
  /** @type {Test[][]} */
  const choices = [[]];
  for (const [, minus = "", quoted, bare = ""] of query.matchAll(/(-?)(?:"([^"]*)"?|([^\s"]+))/g)) {
    if (quoted === undefined && !minus && bare.toLowerCase() === "or") {
      choices.push([]);
      continue;
    }
    const words = foldWords(quoted ?? bare);
    if (words) choices.at(-1)?.push(test(words, minus === "-", quoted !== undefined));
  }
  const given = choices.filter((tests) => tests.length > 0);
  return (folded) => given.some((tests) => tests.every((found) => found(folded)));
}

/**
 * @param {string} words
 * @param {boolean} isWithout
 * @param {boolean} isQuoted
 * @returns {Test}
 */
function test(words, isWithout, isQuoted) {
  if (isWithout) return (folded) => !folded.includes(` ${words} `);
  if (isQuoted) return (folded) => folded.includes(` ${words} `);
  return (folded) => words.split(" ").every((word) => folded.includes(` ${word}`));
}
