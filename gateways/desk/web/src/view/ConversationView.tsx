/** The chosen conversation: its header, the transcript, and where to write or to wrap up. */

import { QuestionCircleOutlined, StopOutlined, SwapOutlined } from "@ant-design/icons";
import { Button, Empty, Popconfirm, Spin, Tag } from "antd";
import { useState } from "react";
import type { Reservation } from "../frames";
import { offersOf, partOf } from "../store/state";
import { clockOf } from "../words";
import { Composer } from "./Composer";
import { ConsultBar } from "./ConsultBar";
import { useClusterNow, useDesk, useDeskState, useSpeech } from "./context";
import { GiveBack } from "./GiveBack";
import { Transcript } from "./Transcript";
import { TransferDialog } from "./TransferDialog";
import { WrapUp } from "./WrapUp";

export function ConversationView({ reservation }: { reservation: Reservation | null }) {
  if (!reservation) return <Nothing />;
  return (
    <>
      <ConversationHeader reservation={reservation} />
      <ConsultBar reservation={reservation} />
      <Transcript reservation={reservation} />
      {reservation.state === "wrapping" ? <WrapUp reservation={reservation} /> : <Composer reservation={reservation} />}
    </>
  );
}

/** What to do while there is no conversation. */
function Nothing() {
  const desk = useDesk();
  const state = useDeskState();
  const { words } = useSpeech();
  const { presence, phase } = state;
  if (phase !== "signed_in") return <Spin className="nothing" />;
  const hints = {
    available: offersOf(state).length ? words.answerHint : words.noConversationsHint,
    not_responding: words.notRespondingHint,
    away: words.beAvailableHint,
    offline: words.beAvailableHint,
  };
  return (
    <div className="nothing">
      <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={<span className="quiet">{hints[presence]}</span>}>
        {presence !== "available" && (
          <Button type="primary" size="large" onClick={() => desk.setPresence("available")}>
            {words.goAvailable}
          </Button>
        )}
      </Empty>
    </div>
  );
}

function ConversationHeader({ reservation }: { reservation: Reservation }) {
  const desk = useDesk();
  const state = useDeskState();
  const { words, named } = useSpeech();
  const now = useClusterNow(1000);
  const [asked, setAsked] = useState<"transfer" | "consult" | null>(null);
  const { centre } = state;
  const part = partOf(state, reservation.interaction);
  const queue = centre.queues.find((one) => one.id === reservation.queue);
  const wrapping = reservation.state === "wrapping";
  return (
    <header className="conversation-header">
      <h2>{reservation.customer.name || words.visitor}</h2>
      <Tag color="blue">{named(queue?.names, reservation.queue)}</Tag>
      {wrapping ? <Tag className="wrapping">{words.wrappingTag}</Tag> : <span className="quiet digits">{clockOf(now - reservation.started_at)}</span>}
      <span className="stretch" />
      {!wrapping && part !== "helps" && (
        <>
          <GiveBack interaction={reservation.interaction} />
          {part === "serves" && (
            <Button icon={<QuestionCircleOutlined aria-hidden />} onClick={() => setAsked("consult")}>
              {words.consult}
            </Button>
          )}
          <Button icon={<SwapOutlined aria-hidden />} onClick={() => setAsked("transfer")}>
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
            <Button danger icon={<StopOutlined aria-hidden />}>
              {words.end}
            </Button>
          </Popconfirm>
        </>
      )}
      {asked && <TransferDialog reservation={reservation} asks={asked === "consult"} onClose={() => setAsked(null)} />}
    </header>
  );
}
