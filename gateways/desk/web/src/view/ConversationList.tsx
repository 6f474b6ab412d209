/** The conversations being served: who, the last words, what is unread. */

import { Avatar, Badge, Button, Empty, Tag } from "antd";
import type { Reservation } from "../frames";
import { offersOf, unreadOf } from "../store/state";
import { useDesk, useDeskState, useSpeech } from "./context";

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
        <Nothing />
      )}
    </nav>
  );
}

function Nothing() {
  const desk = useDesk();
  const state = useDeskState();
  const { words } = useSpeech();
  if (offersOf(state).length) return null;
  const { presence } = state;
  const hint =
    presence === "available" ? words.noConversationsHint : presence === "not_responding" ? words.notRespondingHint : words.beAvailableHint;
  return (
    <Empty
      image={Empty.PRESENTED_IMAGE_SIMPLE}
      description={
        <>
          <strong>{words.noConversations}</strong>
          <br />
          <span className="quiet">{hint}</span>
        </>
      }
    >
      {presence !== "available" && (
        <Button type="primary" onClick={() => desk.setPresence("available")}>
          {words.goAvailable}
        </Button>
      )}
    </Empty>
  );
}

function ConversationItem({ reservation, selected, onSelect }: { reservation: Reservation; selected: boolean; onSelect: Props["onSelect"] }) {
  const { chats } = useDeskState();
  const { words, fill, language } = useSpeech();
  const chat = chats[reservation.interaction];
  const last = chat?.entries.at(-1);
  const unread = unreadOf(chat);
  const name = reservation.customer.name || words.visitor;
  const typing = (chat?.typingUntil ?? 0) > Date.now();
  const words_ = last ? last.text || last.attachments.map((file) => file.name).join(", ") : "";
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
          {last && <time className="quiet digits">{timeOf(last.at, language)}</time>}
        </span>
        <span className="conversation-last">
          {typing ? <em>{words.writes}</em> : words_}
          {reservation.state === "wrapping" && <Tag color="orange">{words.wrappingTag}</Tag>}
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

export function timeOf(at: number, language: string): string {
  return new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" }).format(at);
}
