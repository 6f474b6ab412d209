/** Send the customer to a queue, or to one colleague through a queue that they serve; or ask there for help. */

import { Form, Modal, Segmented, Select } from "antd";
import { useState } from "react";
import type { Reservation } from "../frames";
import { useDesk, useDeskState, useSpeech } from "./context";

interface Props {
  reservation: Reservation;
  /** The customer stays, and a colleague is asked. */
  asks: boolean;
  onClose: () => void;
}

export function TransferDialog({ reservation, asks, onClose }: Props) {
  const desk = useDesk();
  const { centre, me } = useDeskState();
  const { words, fill, named } = useSpeech();
  const [kind, setKind] = useState<"queue" | "agent">("queue");
  const [queue, setQueue] = useState<string | null>(null);
  const [agent, setAgent] = useState<string | null>(null);
  const [sending, setSending] = useState(false);

  const colleague = centre.agents.find((one) => one.id === agent);
  const queues = kind === "agent" && colleague ? centre.queues.filter((one) => colleague.queues.includes(one.id)) : centre.queues;
  const ready = queue !== null && queues.some((one) => one.id === queue) && (kind === "queue" || agent !== null);

  const chooseAgent = (id: string): void => {
    setAgent(id);
    const serves = centre.agents.find((one) => one.id === id)?.queues ?? [];
    setQueue(serves.includes(reservation.queue) ? reservation.queue : (serves[0] ?? null));
  };

  const send = (): void => {
    if (!ready) return;
    setSending(true);
    const toAgent = kind === "agent" ? (agent ?? "") : "";
    const done = (refused: string | null): void => {
      setSending(false);
      if (refused === null) onClose();
    };
    if (asks) desk.askColleague(reservation.interaction, queue, toAgent, done);
    else desk.transfer(reservation.interaction, queue, toAgent, done);
  };
  const name = reservation.customer.name || words.visitor;

  return (
    <Modal
      open
      title={fill(asks ? words.consultTitle : words.transferTitle, { name })}
      okText={asks ? words.consultDo : words.transferDo}
      cancelText={words.cancel}
      okButtonProps={{ disabled: !ready }}
      confirmLoading={sending}
      onOk={send}
      onCancel={onClose}
    >
      <Form layout="vertical" className="transfer">
        {asks && <p className="quiet">{fill(words.consultHint, { name })}</p>}
        <Form.Item>
          <Segmented
            block
            value={kind}
            onChange={setKind}
            options={[
              { value: "queue", label: asks ? words.askQueue : words.toQueue },
              { value: "agent", label: asks ? words.askAgent : words.toAgent },
            ]}
          />
        </Form.Item>
        {kind === "agent" && (
          <Form.Item label={words.toAgentLabel} extra={asks ? words.askAgentHint : words.toAgentHint} htmlFor="transfer-agent">
            <Select
              id="transfer-agent"
              showSearch={{ optionFilterProp: "label" }}
              value={agent}
              onChange={chooseAgent}
              options={centre.agents.filter((one) => one.id !== me?.agent).map((one) => ({ value: one.id, label: `${one.name} (${one.id})` }))}
            />
          </Form.Item>
        )}
        <Form.Item label={kind === "agent" ? words.throughQueue : words.toQueueLabel} htmlFor="transfer-queue">
          <Select
            id="transfer-queue"
            value={queue}
            onChange={setQueue}
            options={queues.map((one) => ({ value: one.id, label: named(one.names, one.id) }))}
          />
        </Form.Item>
      </Form>
    </Modal>
  );
}
