/** What every component can ask for: the desk, the language and its words, and the cluster's clock. */

import { createContext, use, useEffect, useState, useSyncExternalStore } from "react";
import type { Desk } from "../store/desk";
import type { DeskState } from "../store/state";
import { fill, localeOf, nameOf, wordsOf, type Language, type Words } from "../words";

export interface Speech {
  language: Language;
  /** For dates and times. */
  locale: string;
  words: Words;
  fill: typeof fill;
  /** A configured name in the reader's language. */
  named(names: Record<string, string> | undefined, id: string): string;
  switchLanguage(): void;
}

export const DeskContext = createContext<Desk | null>(null);
export const SpeechContext = createContext<Speech | null>(null);

export function speechOf(language: Language, switchLanguage: () => void): Speech {
  const locale = localeOf(language, navigator.language);
  return { language, locale, words: wordsOf(language), fill, named: (names, id) => nameOf(names, language, id), switchLanguage };
}

export function useDesk(): Desk {
  const desk = use(DeskContext);
  if (!desk) throw new Error("a component that needs the desk stands outside of it");
  return desk;
}

export function useDeskState(): DeskState {
  const desk = useDesk();
  return useSyncExternalStore(desk.subscribe, desk.snapshot);
}

export function useSpeech(): Speech {
  const speech = use(SpeechContext);
  if (!speech) throw new Error("a component that speaks stands outside of the language");
  return speech;
}

/** The cluster's clock, read again every `everyMs`. This machine's own clock may be wrong by any amount. */
export function useClusterNow(everyMs: number): number {
  const { skewMs } = useDeskState();
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return Math.max(now, 0) + (skewMs ?? 0);
}
