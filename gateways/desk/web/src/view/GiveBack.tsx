/** Give the customer back to the queue they came from, in the place that their wait gave them or behind all others. */

import { RollbackOutlined } from "@ant-design/icons";
import { Button, Dropdown } from "antd";
import { useDesk, useSpeech } from "./context";

export function GiveBack({ interaction }: { interaction: string }) {
  const desk = useDesk();
  const { words } = useSpeech();
  const places = [
    { key: "kept", label: words.giveBackKept },
    { key: "last", label: words.giveBackLast },
  ];
  return (
    <Dropdown
      trigger={["click"]}
      menu={{
        items: [{ key: "title", type: "group", label: words.giveBackHint, children: places }],
        onClick: ({ key }) => desk.giveBack(interaction, key === "kept"),
      }}
    >
      <Button aria-haspopup="menu" icon={<RollbackOutlined aria-hidden />}>
        {words.giveBack}
      </Button>
    </Dropdown>
  );
}
