/** Live counters of every queue, in one line. */

import type { QueueCounters, QueueInfo } from "../frames";
import { clockOf } from "../words";
import { useClusterNow, useDeskState, useSpeech } from "./context";

export function QueueStrip() {
  const { queues, centre } = useDeskState();
  const { words } = useSpeech();
  if (!centre.queues.length) return null;
  const counters = new Map(queues.map((one) => [one.queue, one]));
  return (
    <section className="queues" aria-label={words.queues} tabIndex={0}>
      <ul>
        {centre.queues.map((queue) => (
          <QueueCard key={queue.id} queue={queue} counters={counters.get(queue.id)} />
        ))}
      </ul>
    </section>
  );
}

function QueueCard({ queue, counters }: { queue: QueueInfo; counters: QueueCounters | undefined }) {
  const { words, fill, named } = useSpeech();
  const now = useClusterNow(1000);
  const name = named(queue.names, queue.id);
  const waiting = counters?.waiting ?? 0;
  const offered = counters?.offered ?? 0;
  const waitedMs = counters?.oldest_at ? now - counters.oldest_at : 0;
  const late = waitedMs > queue.in_target_ms;
  const level = counters?.granted ? Math.round((100 * counters.granted_in_target) / counters.granted) : null;
  return (
    <li
      className={`queue ${waiting ? "busy" : ""} ${late ? "late" : ""}`}
      data-queue={queue.id}
      data-waiting={waiting}
      data-offered={offered}
    >
      <strong>{name}</strong>
      <span className="count digits">{fill(words.waiting, { count: waiting })}</span>
      {offered > 0 && <span className="digits">{fill(words.offered, { count: offered })}</span>}
      {waiting > 0 && <span className="digits oldest">{fill(words.oldest, { time: clockOf(waitedMs) })}</span>}
      {level !== null && <span className="digits">{fill(words.level, { percent: level })}</span>}
    </li>
  );
}
