/** The conversations being served: who, the last words, what is unread. */

import { Avatar, Badge, Tag } from "antd";
import type { Reservation } from "../frames";
import { partOf, unreadOf } from "../store/state";
import { useDeskState, useSpeech } from "./context";

interface Props {
  served: Reservation[];
  selected: string | null;
  onSelect: (interaction: string) => void;
}

export function ConversationList({ served, selected, onSelect }: Props) {
  const { words } = useSpeech();
  return (
    <nav className="conversations" aria-label={words.conversations}>
      <h2>{words.conversations}</h2>
      {served.length ? (
        <ul>
          {served.map((one) => (
            <li key={one.reservation}>
              <ConversationItem reservation={one} selected={one.interaction === selected} onSelect={onSelect} />
            </li>
          ))}
        </ul>
      ) : (
        <p className="none">{words.noConversations}</p>
      )}
    </nav>
  );
}

function ConversationItem({ reservation, selected, onSelect }: { reservation: Reservation; selected: boolean; onSelect: Props["onSelect"] }) {
  const state = useDeskState();
  const { chats } = state;
  const { words, fill, locale } = useSpeech();
  const chat = chats[reservation.interaction];
  const last = chat?.entries.at(-1);
  const unread = unreadOf(chat);
  const name = reservation.customer.name || words.visitor;
  const typing = (chat?.typingUntil ?? 0) > Date.now();
  const snippet = last ? last.text || last.attachments.map((file) => file.name).join(", ") : "";
  return (
    <button
      type="button"
      className={`conversation ${selected ? "selected" : ""}`}
      aria-current={selected ? "true" : undefined}
      data-interaction={reservation.interaction}
      onClick={() => onSelect(reservation.interaction)}
    >
      <Avatar className="avatar">{name.slice(0, 1).toUpperCase()}</Avatar>
      <span className="conversation-text">
        <span className="conversation-head">
          <strong>{name}</strong>
          {last && <time className="quiet digits">{timeOf(last.at, locale)}</time>}
        </span>
        <span className="conversation-last">
          {typing ? <em>{words.writes}</em> : <span>{snippet}</span>}
          {partOf(state, reservation.interaction) !== "serves" && <Tag className="consulting">{words.consultTag}</Tag>}
          {reservation.state === "wrapping" && <Tag className="wrapping">{words.wrappingTag}</Tag>}
        </span>
      </span>
      {unread > 0 && (
        <>
          <Badge count={unread} aria-hidden />
          <span className="unseen">{fill(words.unread, { count: unread })}</span>
        </>
      )}
    </button>
  );
}

export function timeOf(at: number, locale: string): string {
  return new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" }).format(at);
}
