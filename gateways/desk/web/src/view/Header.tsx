/** The top bar: where one is, presence, language and signing out. */

import { DownOutlined, LogoutOutlined } from "@ant-design/icons";
import { Avatar, Badge, Button, Dropdown, type MenuProps } from "antd";
import type { Presence } from "../store/state";
import { clockOf } from "../words";
import { useClusterNow, useDesk, useDeskState, useSpeech, type Speech } from "./context";
import { LanguageSwitch } from "./LanguageSwitch";

const COLOURS: Record<Presence, string> = {
  available: "#16a34a",
  away: "#d97706",
  not_responding: "#dc2626",
  offline: "#6b7280",
};

export function Header() {
  const { me, centre } = useDeskState();
  const { words, named } = useSpeech();
  return (
    <header className="header">
      <img src="./mark.svg" alt="" width={30} height={30} />
      <h1>
        {words.desk}
        <span className="quiet"> {named(centre.names, "")}</span>
      </h1>
      <span className="stretch" />
      <PresenceMenu />
      <LanguageSwitch />
      <AgentMenu name={me?.name ?? ""} />
    </header>
  );
}

function PresenceMenu() {
  const desk = useDesk();
  const { presence, presenceReason, presenceSince, centre } = useDeskState();
  const speech = useSpeech();
  const { words, fill, named } = speech;
  const now = useClusterNow(1000);
  const dot = (which: Presence) => <Badge color={COLOURS[which]} />;
  const items: MenuProps["items"] = [
    { key: "available", icon: dot("available"), label: words.available },
    { type: "divider" },
    { key: "away", icon: dot("away"), label: words.away },
    ...centre.presence_reasons.map((reason) => ({
      key: `away ${reason.id}`,
      icon: dot("away"),
      label: named(reason.names, reason.id),
    })),
  ];
  const choose: MenuProps["onClick"] = ({ key }) => {
    const [which, reason] = key.split(" ");
    desk.setPresence(which === "available" ? "available" : "away", reason ?? "");
  };
  const wording = presenceWording(presence, presenceReason, speech, centre.presence_reasons);
  return (
    <Dropdown menu={{ items, onClick: choose }} trigger={["click"]}>
      <Button className="presence" aria-label={fill(words.presence, { presence: wording })} aria-haspopup="menu" data-presence={presence}>
        <Badge color={COLOURS[presence]} />
        {wording}
        {presenceSince > 0 && <span className="quiet digits">{clockOf(now - presenceSince)}</span>}
        <DownOutlined aria-hidden />
      </Button>
    </Dropdown>
  );
}

function presenceWording(
  presence: Presence,
  reason: string,
  { words, fill, named }: Speech,
  reasons: { id: string; names: Record<string, string> }[],
): string {
  // The cluster's own word for "away because the day has only begun".
  if (presence !== "away" || !reason || reason === "signed in") return words[presence];
  const known = reasons.find((one) => one.id === reason);
  return fill(words.awayBecause, { reason: known ? named(known.names, reason) : reason });
}

function AgentMenu({ name }: { name: string }) {
  const desk = useDesk();
  const { words } = useSpeech();
  const items: MenuProps["items"] = [{ key: "out", icon: <LogoutOutlined aria-hidden />, label: words.signOut }];
  return (
    <Dropdown menu={{ items, onClick: () => desk.signOut() }} trigger={["click"]}>
      <Button type="text" className="agent" aria-haspopup="menu">
        <Avatar size={28} className="avatar">
          {name.slice(0, 1)}
        </Avatar>
        {name}
      </Button>
    </Dropdown>
  );
}
