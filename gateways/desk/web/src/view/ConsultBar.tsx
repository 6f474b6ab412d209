/** Above the transcript: which colleague is asked or there, what can be done about it, and who reads what. */

import { LogoutOutlined, StopOutlined, SwapOutlined, TeamOutlined } from "@ant-design/icons";
import { Button } from "antd";
import type { Consult, Reservation } from "../frames";
import { partOf } from "../store/state";
import { useDesk, useDeskState, useSpeech } from "./context";

export function ConsultBar({ reservation }: { reservation: Reservation }) {
  const state = useDeskState();
  const consult = state.chats[reservation.interaction]?.consult;
  if (!consult || reservation.state !== "accepted") return null;
  const Bar = partOf(state, reservation.interaction) === "asks" ? Asking : Helping;
  return (
    <section className={`consult ${consult.stage}`} data-stage={consult.stage} aria-live="polite">
      <Bar reservation={reservation} consult={consult} />
    </section>
  );
}

interface Props {
  reservation: Reservation;
  consult: Consult;
}

/** The bar of whoever serves the customer. */
function Asking({ reservation, consult }: Props) {
  const desk = useDesk();
  const { centre } = useDeskState();
  const { words, fill, named } = useSpeech();
  const { interaction } = reservation;
  const end = (): void => desk.endConsult(interaction, consult.consult);
  const customer = reservation.customer.name || words.visitor;
  if (consult.stage === "asking") {
    const queue = named(centre.queues.find((one) => one.id === consult.queue)?.names, consult.queue);
    const whom = centre.agents.find((one) => one.id === consult.agent)?.name ?? queue;
    return (
      <>
        <p>{fill(words.consultAsking, { name: whom })}</p>
        <Button size="small" icon={<StopOutlined aria-hidden />} onClick={end}>
          {words.consultCancel}
        </Button>
      </>
    );
  }
  const conference = consult.stage === "conference";
  const name = consult.agent_name || consult.agent;
  return (
    <>
      <p>{fill(conference ? words.conferenceWith : words.consultWith, { name, customer })}</p>
      <div className="deeds">
        {!conference && (
          <Button size="small" icon={<TeamOutlined aria-hidden />} onClick={() => desk.conference(interaction, consult.consult)}>
            {words.conferenceStart}
          </Button>
        )}
        <Button size="small" type="primary" icon={<SwapOutlined aria-hidden />} onClick={() => desk.handOver(interaction, consult.consult)}>
          {fill(words.handOver, { name })}
        </Button>
        <Button size="small" icon={<StopOutlined aria-hidden />} onClick={end}>
          {conference ? fill(words.conferenceEnd, { name }) : words.consultEnd}
        </Button>
      </div>
    </>
  );
}

/** The bar of the colleague. */
function Helping({ reservation, consult }: Props) {
  const desk = useDesk();
  const { words, fill } = useSpeech();
  const customer = reservation.customer.name || words.visitor;
  const conference = consult.stage === "conference";
  return (
    <>
      <p>{fill(conference ? words.conferenceHelping : words.consultHelping, { name: consult.asked_by_name, customer })}</p>
      <Button size="small" icon={<LogoutOutlined aria-hidden />} onClick={() => desk.endConsult(reservation.interaction, consult.consult)}>
        {words.consultLeave}
      </Button>
    </>
  );
}
