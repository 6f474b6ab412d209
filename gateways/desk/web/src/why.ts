/** Why an agent was asked, in sentences of the reader's language. Pure: every word follows from the explanation's figures. */

import type { Centre, Explained, Finding } from "./frames";
import { clockOf, fill, nameOf, wordsOf, type Language, type Words } from "./words";

/** The words of one figure, by its measure; a measure of a later release says nothing. */
const MEASURES: Record<string, (amount: number, words: Words) => string> = {
  idle: (ms, words) => fill(words.foundIdle, { time: clockOf(ms) }),
  serving: (ms, words) => fill(words.foundServing, { time: clockOf(ms) }),
  capacity: (percent, words) => fill(words.foundCapacity, { percent: Math.round(percent) }),
  asked: (ms, words) => (ms < 0 ? words.foundNeverAsked : fill(words.foundAsked, { time: clockOf(ms) })),
  handled: (amount, words) => (amount === 0 ? words.foundNoneHandled : ""),
  talked: (amount, words) => (amount === 0 ? words.foundNoTalk : ""),
  level: (level, words) => fill(words.foundLevel, { level }),
  position: (position, words) => fill(words.foundPosition, { position }),
  levels: (sum, words) => fill(words.foundLevels, { sum }),
  score: (score, words) => fill(words.foundScore, { score: Math.round(score * 1000) / 1000 }),
  kinds: (kinds, words) => fill(words.foundKinds, { kinds }),
};

const CHOICES: Record<string, keyof Words> = {
  longest_idle: "chooseLongestIdle",
  least_loaded: "chooseLeastLoaded",
  round_robin: "chooseRoundRobin",
  fewest_interactions: "chooseFewest",
  least_talk_time: "chooseLeastTalk",
  top_down: "chooseTopDown",
  tiers: "chooseTiers",
  random: "chooseRandom",
  weighted: "chooseWeighted",
  most_proficient: "chooseProficient",
};

export function whyLines(why: Explained, me: string, centre: Centre, language: Language): string[] {
  const words = wordsOf(language);
  if (!why.decided_at) return [words.whyNotKept + words.whyEnd];
  const lines = [needed(why, me, centre, language), chosen(why, words)];
  if (why.ring > 1) lines.push(fill(words.whyRing, { ring: why.ring, rings: why.rings }));
  else if (why.rings > 1) lines.push(fill(words.whyFirstRing, { rings: why.rings }));
  if (why.runner_up) lines.push(second(why, centre, words));
  return lines.map((line) => line + words.whyEnd);
}

function needed(why: Explained, me: string, centre: Centre, language: Language): string {
  const words = wordsOf(language);
  const { skills, where, agent, queues } = why.needs;
  if (agent && agent === me) return { dedicated: words.whyDedicated, last: words.whyLast }[why.because] ?? words.whyMeant;
  const asked = Object.entries(skills).map(([skill, level]) => `${named(centre.skills, skill, language)} ${level}`);
  if (where) asked.push(where);
  const lent = queues.map((id) => named(centre.queues, id, language));
  const needs = asked.length ? fill(words.whyNeeds, { needs: asked.join(words.comma) }) : words.whyAnybody;
  return lent.length ? `${needs}${words.whyAnd}${fill(words.whyLent, { queues: lent.join(words.comma) })}` : needs;
}

function named(choices: { id: string; names: Record<string, string> }[], id: string, language: Language): string {
  return nameOf(choices.find((one) => one.id === id)?.names, language, id);
}

function chosen(why: Explained, words: Words): string {
  if (why.together) return words.whyTogether;
  if (why.candidates < 2) return words.whyOnly;
  const rule = CHOICES[why.choice];
  const choice = rule ? words[rule] : words.chooseScore;
  return fill(words.whyChosen, { count: why.candidates, choice }) + found(why.findings, words);
}

function second(why: Explained, centre: Centre, words: Words): string {
  const name = centre.agents.find((one) => one.id === why.runner_up)?.name ?? why.runner_up;
  const outer = why.runner_up_ring > why.ring;
  return fill(outer ? words.whySecondOuter : words.whySecond, { name, ring: why.runner_up_ring }) + (outer ? "" : found(why.runner_up_findings, words));
}

/** What an agent had to show, in brackets; nothing where there is nothing to say. */
function found(findings: Finding[], words: Words): string {
  const parts = findings.map(({ measure, amount }) => MEASURES[measure]?.(amount, words) ?? "").filter(Boolean);
  return parts.length ? fill(words.whyFound, { found: parts.join(words.comma) }) : "";
}
