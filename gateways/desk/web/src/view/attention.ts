/** Calls the agent back to the page: a chime and a flashing title while an offer rings, and for new messages. */

import { useEffect, useRef } from "react";
import { offersOf, servedBy, unreadOf, type DeskState } from "../store/state";
import { useSpeech } from "./context";

const RING_EVERY_MS = 2_500;
const FLASH_EVERY_MS = 1_000;

let audio: AudioContext | null = null;

/** Two soft notes; silent where the browser does not allow sound before the first click. */
function chime(frequencies: number[]): void {
  try {
    audio ??= new AudioContext();
    if (audio.state === "suspended") void audio.resume();
    frequencies.forEach((frequency, index) => {
      if (!audio) return;
      const [tone, gain] = [audio.createOscillator(), audio.createGain()];
      const start = audio.currentTime + index * 0.18;
      tone.frequency.value = frequency;
      gain.gain.setValueAtTime(0.0001, start);
      gain.gain.exponentialRampToValueAtTime(0.12, start + 0.02);
      gain.gain.exponentialRampToValueAtTime(0.0001, start + 0.3);
      tone.connect(gain).connect(audio.destination);
      tone.start(start);
      tone.stop(start + 0.32);
    });
  } catch {
    // A machine without sound still has the title and the card.
  }
}

export function useAttention(state: DeskState): void {
  const { words, fill } = useSpeech();
  const ringing = offersOf(state);
  const unread = servedBy(state).reduce((sum, one) => sum + unreadOf(state.chats[one.interaction]), 0);
  const first = ringing[0];
  const title = first ? fill(words.offerFrom, { name: first.customer.name || words.visitor }) : words.desk;
  const heard = useRef(unread);

  useEffect(() => {
    if (!first) return;
    chime([880, 1175]);
    const timer = setInterval(() => chime([880, 1175]), RING_EVERY_MS);
    return () => clearInterval(timer);
  }, [first?.reservation]);

  useEffect(() => {
    if (unread > heard.current && document.visibilityState === "hidden") chime([660]);
    heard.current = unread;
  }, [unread]);

  useEffect(() => {
    const plain = unread ? `(${unread}) ${words.desk}` : words.desk;
    document.title = first ? `● ${title}` : plain;
    if (!first) return;
    let bright = true;
    const timer = setInterval(() => {
      bright = !bright;
      document.title = bright ? `● ${title}` : plain;
    }, FLASH_EVERY_MS);
    return () => clearInterval(timer);
  }, [first, title, unread, words.desk]);
}
