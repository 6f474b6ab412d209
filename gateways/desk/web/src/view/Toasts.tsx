/** Short notes that go away by themselves: refusals, and offers that ended without the agent. */

import { App } from "antd";
import { useEffect } from "react";
import type { Toast } from "../store/state";
import type { Words } from "../words";
import { useDesk, useDeskState, useSpeech, type Speech } from "./context";

export function Toasts() {
  const desk = useDesk();
  const { toasts } = useDeskState();
  const speech = useSpeech();
  const { notification } = App.useApp();
  useEffect(() => {
    for (const toast of toasts) {
      notification[toast.kind === "refused" ? "error" : "info"]({ title: wordingOf(toast, speech), placement: "bottomLeft" });
      desk.forgetToast(toast.key);
    }
  }, [desk, notification, speech, toasts]);
  return null;
}

function wordingOf(toast: Toast, { words, fill }: Speech): string {
  if (toast.kind === "offer_ended") {
    const wording = words[`ended_${toast.outcome}` as keyof Words] ?? words.ended_rescinded;
    return fill(wording, { name: toast.detail || words.visitor });
  }
  if (toast.kind === "consult") {
    const wording = words[`consult_${toast.consult}` as keyof Words] ?? words.consult_released;
    return fill(wording, { name: toast.detail || words.someColleague });
  }
  return toast.detail || words.notConnected;
}
