/** Send the customer to a queue, or to one colleague through a queue that they serve. */

import { Form, Modal, Segmented, Select } from "antd";
import { useState } from "react";
import type { Reservation } from "../frames";
import { useDesk, useDeskState, useSpeech } from "./context";

export function TransferDialog({ reservation, onClose }: { reservation: Reservation; onClose: () => void }) {
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

  const transfer = (): void => {
    if (!ready) return;
    setSending(true);
    desk.transfer(reservation.interaction, queue, kind === "agent" ? (agent ?? "") : "", (refused) => {
      setSending(false);
      if (refused === null) onClose();
    });
  };

  return (
    <Modal
      open
      title={fill(words.transferTitle, { name: reservation.customer.name || words.visitor })}
      okText={words.transferDo}
      cancelText={words.cancel}
      okButtonProps={{ disabled: !ready }}
      confirmLoading={sending}
      onOk={transfer}
      onCancel={onClose}
    >
      <Form layout="vertical" className="transfer">
        <Form.Item>
          <Segmented
            block
            value={kind}
            onChange={setKind}
            options={[
              { value: "queue", label: words.toQueue },
              { value: "agent", label: words.toAgent },
            ]}
          />
        </Form.Item>
        {kind === "agent" && (
          <Form.Item label={words.toAgentLabel} extra={words.toAgentHint} htmlFor="transfer-agent">
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
