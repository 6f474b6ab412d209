/** Why this offer or conversation came to this agent: asked of the cluster when somebody wants to know. */

import { useEffect, useState } from "react";
import { whyLines } from "../why";
import { useDesk, useDeskState, useSpeech } from "./context";

export function WhyMe({ reservation }: { reservation: string }) {
  const desk = useDesk();
  const { explained, centre, me, online } = useDeskState();
  const { words, language } = useSpeech();
  const [open, setOpen] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const why = explained[reservation];
  const missing = open && online && !why;

  useEffect(() => {
    if (missing) desk.explain(reservation, setProblem);
  }, [desk, missing, reservation]);

  return (
    <details className="why" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{words.whyMe}</summary>
      {why ? (
        <ul>
          {whyLines(why, me?.agent ?? "", centre, language).map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      ) : (
        <p className="quiet">{problem ?? words.whyAsking}</p>
      )}
    </details>
  );
}
