import { expect, it } from "vitest";
import { clockOf, fill, localeOf, nameOf, wordsOf } from "./words";

it("has every wording in both languages, with the same values to fill in", () => {
  const [en, zh] = [wordsOf("en"), wordsOf("zh")];
  const values = (words: Record<string, string>) =>
    Object.entries(words).map(([key, text]) => [key, [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort()]);
  expect(values(zh)).toEqual(values(en));
});

it("writes durations as a clock", () => {
  expect([-5, 0, 7_999, 65_000, 3_723_000].map(clockOf)).toEqual(["0:00", "0:00", "0:07", "1:05", "1:02:03"]);
});

it("names things in the reader's language, else in English, else by id", () => {
  expect(nameOf({ en: "Cards", zh: "银行卡" }, "zh", "cards")).toBe("银行卡");
  expect(nameOf({ en: "Cards" }, "zh", "cards")).toBe("Cards");
  expect(nameOf({}, "zh", "cards")).toBe("cards");
  expect(fill("{count} of {all}", { count: 1 })).toBe("1 of {all}");
  expect([localeOf("en", "en-GB"), localeOf("zh", "en-GB")]).toEqual(["en-GB", "zh"]);
});
