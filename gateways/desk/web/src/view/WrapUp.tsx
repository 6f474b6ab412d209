/** The work after a conversation: how it ended and what to remember, against the clock. */

import { Button, Form, Input, Select } from "antd";
import type { Reservation } from "../frames";
import { clockOf } from "../words";
import { useClusterNow, useDesk, useDeskState, useSpeech } from "./context";

interface Result {
  disposition: string;
  note?: string;
}

/** What is said where the centre's configuration lists no outcomes: the cluster wants one. */
const NO_DISPOSITIONS = "completed";

export function WrapUp({ reservation }: { reservation: Reservation }) {
  const desk = useDesk();
  const { centre } = useDeskState();
  const { words, fill, named } = useSpeech();
  const now = useClusterNow(500);
  const [form] = Form.useForm<Result>();
  const leftMs = reservation.ends_at ? reservation.ends_at - now : 0;
  const draftKey = `wrap ${reservation.reservation}`;
  return (
    <section className="wrap-up" aria-label={words.wrapUpTitle}>
      <header>
        <h3>{words.wrapUpTitle}</h3>
        <span className="quiet">{words.wrapUpHint}</span>
        <span className="stretch" />
        {reservation.ends_at > 0 && (
          <span className={`digits ${leftMs < 10_000 ? "late" : "quiet"}`} role="timer">
            {fill(words.wrapUpLeft, { time: clockOf(leftMs) })}
          </span>
        )}
      </header>
      <Form<Result>
        form={form}
        layout="vertical"
        requiredMark={false}
        initialValues={readDraft(desk.drawer.content.drafts[draftKey])}
        onValuesChange={(_, all) => desk.drawer.keep({ drafts: { ...desk.drawer.content.drafts, [draftKey]: JSON.stringify(all) } })}
        onFinish={({ disposition, note }) => desk.wrapUp(reservation.reservation, disposition ?? NO_DISPOSITIONS, note ?? "")}
      >
        <div className="wrap-up-fields">
          <Form.Item
            name="disposition"
            label={words.disposition}
            rules={centre.dispositions.length ? [{ required: true, message: words.dispositionNeeded }] : []}
          >
            <Select placeholder={words.dispositionNeeded} options={centre.dispositions.map((one) => ({ value: one.id, label: named(one.names, one.id) }))} />
          </Form.Item>
          <Form.Item name="note" label={words.note}>
            <Input.TextArea autoSize={{ minRows: 1, maxRows: 4 }} maxLength={4000} placeholder={words.notePlaceholder} />
          </Form.Item>
          <Button type="primary" htmlType="submit">
            {words.complete}
          </Button>
        </div>
      </Form>
    </section>
  );
}

function readDraft(draft: string | undefined): Partial<Result> {
  try {
    return JSON.parse(draft ?? "{}") as Partial<Result>;
  } catch {
    return {};
  }
}
