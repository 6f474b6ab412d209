/** The desk once signed in: header and queues above, offers and conversations on the left, the chosen one in the middle. */

import { useEffect, useState } from "react";
import { servedBy } from "../store/state";
import { ConnectionBanner } from "./ConnectionBanner";
import { useDesk, useDeskState } from "./context";
import { ConversationList } from "./ConversationList";
import { ConversationView } from "./ConversationView";
import { CustomerPanel } from "./CustomerPanel";
import { Header } from "./Header";
import { Offers } from "./Offers";
import { QueueStrip } from "./QueueStrip";
import { Toasts } from "./Toasts";
import { useAttention } from "./attention";

export function Workplace() {
  const desk = useDesk();
  const state = useDeskState();
  const [selected, setSelected] = useState(desk.drawer.content.selected);
  const served = servedBy(state);
  const current = served.find((one) => one.interaction === selected) ?? served[0] ?? null;
  useAttention(state);

  useEffect(() => {
    if (current) desk.drawer.keep({ selected: current.interaction });
  }, [desk, current]);

  return (
    <div className="workplace">
      <Header />
      <ConnectionBanner />
      <QueueStrip />
      <div className="columns">
        <aside className="left">
          <Offers onAccept={setSelected} />
          <ConversationList served={served} selected={current?.interaction ?? null} onSelect={setSelected} />
        </aside>
        <main className="middle">
          <ConversationView key={current?.interaction ?? ""} reservation={current} />
        </main>
        {current && <CustomerPanel reservation={current} />}
      </div>
      <Toasts />
    </div>
  );
}
