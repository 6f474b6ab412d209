/** The conversation's entries with days, marks and what is not sent yet; follows the end unless the agent scrolled up. */

import { CheckOutlined, ClockCircleOutlined, FileOutlined } from "@ant-design/icons";
import { Button, Spin } from "antd";
import { Fragment, useEffect, useLayoutEffect, useRef, useState, type ReactNode } from "react";
import type { Aside, AttachmentInfo, Entry, Reservation } from "../frames";
import { lastAside, lastNumber, type Chat, type Pending } from "../store/state";
import { useDesk, useDeskState, useSpeech } from "./context";
import { timeOf } from "./ConversationList";

const NEAR_THE_END_PX = 80;
const PAUSE_MS = 120_000;
const MISSING_AFTER_MS = 1_500;

export function Transcript({ reservation }: { reservation: Reservation }) {
  const desk = useDesk();
  const { chats, pending } = useDeskState();
  const { words, fill } = useSpeech();
  const { interaction } = reservation;
  const chat = chats[interaction];
  const mine = pending.filter((message) => message.interaction === interaction);
  const scroller = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const [behind, setBehind] = useState(false);
  const number = lastNumber(chat) + lastAside(chat);
  const typing = useTyping(chat);
  useMissing(chat, reservation);

  const looked = (): void => {
    if (follows.current && document.visibilityState === "visible") desk.looked(interaction);
  };
  const toEnd = (): void => {
    follows.current = true;
    setBehind(false);
    scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
    looked();
  };

  useLayoutEffect(() => {
    if (follows.current) toEnd();
    else setBehind(true);
  }, [number, mine.length, typing]);

  useEffect(() => {
    // A draft of several lines, or the wrap-up's form, takes room from below.
    const watch = new ResizeObserver(() => follows.current && toEnd());
    if (scroller.current) watch.observe(scroller.current);
    return () => watch.disconnect();
  }, [interaction]);

  useEffect(() => {
    document.addEventListener("visibilitychange", looked);
    return () => document.removeEventListener("visibilitychange", looked);
  });

  const scrolled = (): void => {
    const element = scroller.current;
    if (!element) return;
    follows.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_THE_END_PX;
    if (follows.current) setBehind(false);
    looked();
  };

  return (
    <div className="transcript">
      <div
        className="scroller"
        ref={scroller}
        onScroll={scrolled}
        role="log"
        aria-live="polite"
        aria-label={fill(words.transcript, { name: reservation.customer.name || words.visitor })}
        tabIndex={0}
      >
        {chat ? <Lines chat={chat} onGrown={() => follows.current && toEnd()} /> : <Spin description={words.loading} className="loading" />}
        {chat && !chat.entries.length && !chat.asides.length && !mine.length && <p className="hint">{words.emptyTranscript}</p>}
        {mine.map((message) => (
          <PendingLine key={message.ref} message={message} />
        ))}
        {typing && (
          <p className="typing">{fill(words.customerTyping, { name: reservation.customer.name || words.visitor })}</p>
        )}
      </div>
      {behind && (
        <Button className="jump" type="primary" shape="round" size="small" onClick={toEnd}>
          {words.newMessages}
        </Button>
      )}
    </div>
  );
}

/** True until the customer's "is typing" runs out, whether or not anything else happens. */
function useTyping(chat: Chat | undefined): boolean {
  const until = chat?.typingUntil ?? 0;
  const [, redraw] = useState(0);
  useEffect(() => {
    const leftMs = until - Date.now();
    if (leftMs <= 0) return;
    const timer = setTimeout(() => redraw(Date.now()), leftMs + 50);
    return () => clearTimeout(timer);
  }, [until]);
  return until > Date.now();
}

/** Ask for a conversation that is served and was not shown, if it does not come by itself. */
function useMissing(chat: Chat | undefined, { interaction, state }: Reservation): void {
  const desk = useDesk();
  const missing = !chat && state === "accepted";
  useEffect(() => {
    if (!missing) return;
    const timer = setInterval(() => desk.show(interaction), MISSING_AFTER_MS);
    return () => clearInterval(timer);
  }, [desk, interaction, missing]);
}

function Lines({ chat, onGrown }: { chat: Chat; onGrown: () => void }) {
  const { locale, words } = useSpeech();
  const lines = inOrder(chat);
  return lines.map((entry, index) => {
    const before = lines[index - 1];
    const itsDay = dayOf(entry.at, locale, words.today);
    const newDay = !before || itsDay !== dayOf(before.at, locale, words.today);
    return (
      <Fragment key={"after" in entry ? `aside ${entry.number}` : entry.number}>
        {newDay && <p className="day">{itsDay}</p>}
        {"after" in entry ? (
          <AsideLine aside={entry} onGrown={onGrown} />
        ) : (
          <Line entry={entry} chat={chat} grouped={!newDay && goesOn(before, entry)} onGrown={onGrown} />
        )}
      </Fragment>
    );
  });
}

/** Entries, and behind each what agents said to each other before the next. */
function inOrder(chat: Chat): (Entry | Aside)[] {
  const first = chat.entries[0]?.number ?? 1;
  const early = chat.asides.filter((aside) => aside.after < first);
  return [...early, ...chat.entries.flatMap((entry) => [entry, ...chat.asides.filter((aside) => aside.after === entry.number)])];
}

/** Whether the same author wrote on without a pause, so that the name need not be said again. */
function goesOn(before: Entry | Aside | undefined, entry: Entry): boolean {
  if (!before || "after" in before) return false;
  return before.author === entry.author && before.author_name === entry.author_name && entry.at - before.at < PAUSE_MS;
}

interface LineProps {
  entry: Entry;
  chat: Chat;
  grouped: boolean;
  onGrown: () => void;
}

function Line({ entry, chat, grouped, onGrown }: LineProps) {
  const { words, locale } = useSpeech();
  const side = entry.author === "agent" ? "mine" : entry.author === "customer" ? "theirs" : "centre";
  const author = entry.author_name || { customer: words.visitor, agent: "", bot: words.bot, system: words.system }[entry.author];
  const level = entry.number <= chat.customerRead ? "read" : entry.number <= chat.customerDelivered ? "delivered" : "sent";
  return (
    <div className={`line ${side} ${grouped ? "grouped" : ""}`} data-number={entry.number}>
      <span className={grouped ? "unseen" : "author"}>{author}</span>
      <div className="bubble">
        {entry.text && (
          <p dir="auto">
            <Linked text={entry.text} />
          </p>
        )}
        {entry.attachments.map((file) => (
          <Attached key={file.id} file={file} onGrown={onGrown} />
        ))}
      </div>
      <span className="meta digits">
        <time dateTime={new Date(entry.at).toISOString()}>{timeOf(entry.at, locale)}</time>
        {side === "mine" && <Mark level={level} />}
      </span>
    </div>
  );
}

/** A line that the customer is not shown. */
function AsideLine({ aside, onGrown }: { aside: Aside; onGrown: () => void }) {
  const { me } = useDeskState();
  const { words, locale } = useSpeech();
  return (
    <div className={`line aside ${aside.author_name === me?.name ? "mine" : "theirs"}`} data-aside={aside.number}>
      <span className="author">
        {aside.author_name} · {words.asideMark}
      </span>
      <div className="bubble">
        {aside.text && (
          <p dir="auto">
            <Linked text={aside.text} />
          </p>
        )}
        {aside.attachments.map((file) => (
          <Attached key={file.id} file={file} onGrown={onGrown} />
        ))}
      </div>
      <span className="meta digits">
        <time dateTime={new Date(aside.at).toISOString()}>{timeOf(aside.at, locale)}</time>
      </span>
    </div>
  );
}

function Mark({ level }: { level: "sent" | "delivered" | "read" }) {
  const { words } = useSpeech();
  return (
    <span className={`mark ${level}`} data-level={level} title={words[level]}>
      <CheckOutlined aria-hidden />
      {level !== "sent" && <CheckOutlined aria-hidden />}
      <span className="unseen">{words[level]}</span>
    </span>
  );
}

function PendingLine({ message }: { message: Pending }) {
  const desk = useDesk();
  const { words, fill } = useSpeech();
  return (
    <div className={`line mine ${message.aside ? "aside" : ""} ${message.refused === null ? "pending" : "refused"}`}>
      <div className="bubble">
        {message.text && <p dir="auto">{message.text}</p>}
        {message.names.map((name) => (
          <p key={name} className="file">
            <FileOutlined aria-hidden /> {name}
          </p>
        ))}
      </div>
      {message.refused === null ? (
        <span className="meta">
          <ClockCircleOutlined title={words.sending} aria-label={words.sending} />
        </span>
      ) : (
        <span className="meta" role="alert">
          {fill(words.failed, { reason: message.refused || words.notConnected })}
          <Button type="link" size="small" onClick={() => desk.retry(message.ref)}>
            {words.retry}
          </Button>
          <Button type="link" size="small" onClick={() => desk.discard(message.ref)}>
            {words.discard}
          </Button>
        </span>
      )}
    </div>
  );
}

function Attached({ file, onGrown }: { file: AttachmentInfo; onGrown: () => void }) {
  const { words, fill } = useSpeech();
  // The address comes from another server: only web addresses may be followed.
  const href = /^https?:\/\//i.test(file.url) ? file.url : undefined;
  const picture = file.media_type.startsWith("image/");
  return (
    <a className={picture ? "picture" : "file"} href={href} target="_blank" rel="noopener noreferrer">
      {picture ? (
        <img src={href} alt={fill(words.picture, { name: file.name })} onLoad={onGrown} />
      ) : (
        <>
          <FileOutlined aria-hidden /> {file.name} <small>{sizeOf(file.size_bytes)}</small>
        </>
      )}
    </a>
  );
}

const ADDRESS = /(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]，。；：！？）】])/g;

/** Web addresses become links; everything else stays text, so nothing that a customer writes is ever markup. */
function Linked({ text }: { text: string }): ReactNode {
  return text.split(ADDRESS).map((part, index) =>
    index % 2 === 1 ? (
      <a key={index} href={part} target="_blank" rel="noopener noreferrer nofollow">
        {part}
      </a>
    ) : (
      part
    ),
  );
}

function sizeOf(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function dayOf(at: number, locale: string, today: string): string {
  const day = new Date(at);
  if (day.toDateString() === new Date().toDateString()) return today;
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium" }).format(day);
}
