/** The chosen conversation: its header, the transcript, and where to write or to wrap up. */

import { SwapOutlined, StopOutlined } from "@ant-design/icons";
import { Button, Empty, Popconfirm, Tag } from "antd";
import { useState } from "react";
import type { Reservation } from "../frames";
import { clockOf } from "../words";
import { Composer } from "./Composer";
import { useClusterNow, useDesk, useDeskState, useSpeech } from "./context";
import { Transcript } from "./Transcript";
import { TransferDialog } from "./TransferDialog";
import { WrapUp } from "./WrapUp";

export function ConversationView({ reservation }: { reservation: Reservation | null }) {
  const { words } = useSpeech();
  if (!reservation) {
    return (
      <div className="nothing">
        <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={<span className="quiet">{words.choose}</span>} />
      </div>
    );
  }
  return (
    <>
      <ConversationHeader reservation={reservation} />
      <Transcript reservation={reservation} />
      {reservation.state === "wrapping" ? <WrapUp reservation={reservation} /> : <Composer reservation={reservation} />}
    </>
  );
}

function ConversationHeader({ reservation }: { reservation: Reservation }) {
  const desk = useDesk();
  const { centre } = useDeskState();
  const { words, named } = useSpeech();
  const now = useClusterNow(1000);
  const [transferring, setTransferring] = useState(false);
  const queue = centre.queues.find((one) => one.id === reservation.queue);
  const wrapping = reservation.state === "wrapping";
  return (
    <header className="conversation-header">
      <h2>{reservation.customer.name || words.visitor}</h2>
      <Tag color="blue">{named(queue?.names, reservation.queue)}</Tag>
      {wrapping ? <Tag color="orange">{words.wrappingTag}</Tag> : <span className="quiet digits">{clockOf(now - reservation.started_at)}</span>}
      <span className="stretch" />
      {!wrapping && (
        <>
          <Button icon={<SwapOutlined />} onClick={() => setTransferring(true)}>
            {words.transfer}
          </Button>
          <Popconfirm
            title={words.endQuestion}
            description={words.endHint}
            okText={words.endDo}
            cancelText={words.cancel}
            okButtonProps={{ danger: true }}
            onConfirm={() => desk.end(reservation.interaction)}
          >
            <Button danger icon={<StopOutlined />}>
              {words.end}
            </Button>
          </Popconfirm>
        </>
      )}
      {transferring && <TransferDialog reservation={reservation} onClose={() => setTransferring(false)} />}
    </header>
  );
}
