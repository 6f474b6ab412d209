/** Offers that ring: who waits, how long there is to answer; accept, not now, and decline. */

import { Button, Dropdown, Progress, Tooltip, type MenuProps } from "antd";
import type { Reservation } from "../frames";
import { offersOf } from "../store/state";
import { clockOf } from "../words";
import { useClusterNow, useDesk, useDeskState, useSpeech } from "./context";
import { WhyMe } from "./WhyMe";

export function Offers({ onAccept }: { onAccept: (interaction: string) => void }) {
  const state = useDeskState();
  const { words, fill, named } = useSpeech();
  const offers = offersOf(state);
  const newest = offers.at(-1);
  const queue = newest && state.centre.queues.find((one) => one.id === newest.queue);
  return (
    <>
      <p className="unseen" role="status" aria-live="assertive">
        {newest &&
          fill(newest.asks ? words.consultAnnounced : words.offerAnnounced, {
            asks: newest.asks,
            name: newest.customer.name || words.visitor,
            queue: named(queue?.names, newest.queue),
          })}
      </p>
      {offers.length > 0 && (
        <section className="offers" aria-label={words.offers}>
          {offers.map((offer) => (
            <OfferCard key={offer.reservation} offer={offer} onAccept={onAccept} />
          ))}
        </section>
      )}
    </>
  );
}

function OfferCard({ offer, onAccept }: { offer: Reservation; onAccept: (interaction: string) => void }) {
  const desk = useDesk();
  const { centre, accepting } = useDeskState();
  const { words, fill, named } = useSpeech();
  const now = useClusterNow(250);
  const taken = accepting.has(offer.reservation);
  const leftMs = Math.max(0, offer.ends_at - now);
  const wholeMs = Math.max(1, offer.ends_at - offer.started_at);
  const queue = centre.queues.find((one) => one.id === offer.queue);
  const reasons: MenuProps["items"] = [
    { key: "skill", label: words.reasonSkill },
    { key: "break", label: words.reasonBreak },
  ];
  return (
    <article className="offer" data-reservation={offer.reservation}>
      <Progress
        type="circle"
        size={54}
        percent={offer.ends_at ? (100 * leftMs) / wholeMs : 100}
        strokeColor={leftMs < 6000 ? "#dc2626" : "#1d4ed8"}
        format={() => <span className="digits">{Math.ceil(leftMs / 1000)}</span>}
        aria-label={fill(words.secondsLeft, { seconds: Math.ceil(leftMs / 1000) })}
      />
      <div className="offer-text">
        <h2>{offer.asks ? fill(words.asksForHelp, { name: offer.asks }) : offer.customer.name || words.visitor}</h2>
        {offer.asks && <p>{fill(words.helpWith, { name: offer.customer.name || words.visitor })}</p>}
        <p className="quiet">
          {named(queue?.names, offer.queue)} · {fill(words.waited, { time: clockOf(offer.waited_ms + (now - offer.started_at)) })}
        </p>
        {offer.subject && <p className="subject">{offer.subject}</p>}
      </div>
      <div className="offer-answers">
        <Button
          type="primary"
          loading={taken}
          onClick={() => {
            desk.accept(offer.reservation);
            onAccept(offer.interaction);
          }}
        >
          {words.accept}
        </Button>
        <Tooltip title={words.busyHint}>
          <Button disabled={taken} onClick={() => desk.busy(offer.reservation)}>
            {words.busy}
          </Button>
        </Tooltip>
        <Dropdown
          trigger={["click"]}
          disabled={taken}
          menu={{
            items: [{ key: "title", type: "group", label: words.rejectWhy, children: reasons }],
            onClick: ({ key }) => desk.reject(offer.reservation, key),
          }}
        >
          <Button aria-haspopup="menu">{words.reject}</Button>
        </Dropdown>
      </div>
      <WhyMe reservation={offer.reservation} />
    </article>
  );
}
