import { Alert } from "antd";
import { useDeskState, useSpeech } from "./context";

/** Says what is broken between the agent and the contact centre, while it is. */
export function ConnectionBanner() {
  const { online, clusterUp, phase } = useDeskState();
  const { words } = useSpeech();
  if (online && clusterUp) return null;
  if (!online && phase === "resuming") return <Alert banner type="info" title={words.resuming} role="status" />;
  return <Alert banner type="warning" title={online ? words.clusterDown : words.connectionLost} role="status" />;
}
