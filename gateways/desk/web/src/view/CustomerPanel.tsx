/** Who the customer is and how they came. */

import { Avatar } from "antd";
import type { ReactNode } from "react";
import type { Reservation } from "../frames";
import { clockOf } from "../words";
import { useDeskState, useSpeech, type Speech } from "./context";
import { timeOf } from "./ConversationList";
import { WhyMe } from "./WhyMe";

export function CustomerPanel({ reservation }: { reservation: Reservation }) {
  const { centre } = useDeskState();
  const speech = useSpeech();
  const { words, named, language, locale } = speech;
  const { customer } = reservation;
  const queue = centre.queues.find((one) => one.id === reservation.queue);
  const name = customer.name || words.visitor;
  return (
    <aside className="right" aria-label={words.customer}>
      <div className="who">
        <Avatar size={52} className="avatar">
          {name.slice(0, 1).toUpperCase()}
        </Avatar>
        <h2>{name}</h2>
      </div>
      <dl>
        <Fact label={words.language}>{languageName(customer.language, language)}</Fact>
        <Fact label={words.channel}>{channelName(reservation.channel, speech)}</Fact>
        <Fact label={words.queue}>{named(queue?.names, reservation.queue)}</Fact>
        <Fact label={words.subject}>{reservation.subject}</Fact>
        <Fact label={words.waitedLabel}>{clockOf(reservation.waited_ms)}</Fact>
        <Fact label={words.since}>{timeOf(reservation.started_at, locale)}</Fact>
        {Object.entries(customer.attributes).map(([key, value]) => (
          <Fact key={key} label={key === "page" ? words.page : key}>
            {value}
          </Fact>
        ))}
        <Fact label={words.customerId}>
          <code>{customer.id}</code>
        </Fact>
      </dl>
      <WhyMe key={reservation.reservation} reservation={reservation.reservation} />
    </aside>
  );
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  if (!children) return null;
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function channelName(channel: string, { words }: Speech): string {
  return channel === "webchat" ? words.webchat : channel;
}

function languageName(tag: string, language: string): string {
  if (!tag) return "";
  try {
    return new Intl.DisplayNames([language], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}
