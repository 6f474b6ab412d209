/**
 * Where the agent writes, to the customer or to a colleague only; the drafts survive a reload.
 *
 * What is meant for the colleague never becomes a draft for the customer: each has a draft and files of their own, and when
 * the consult ends under the agent's hands the box loses the focus, so that the rest of a sentence goes nowhere.
 */

import { PaperClipOutlined, SendOutlined } from "@ant-design/icons";
import { App, Button, Input, Segmented, Tag, type GetRef } from "antd";
import { useEffect, useLayoutEffect, useRef, useState, type ClipboardEvent, type KeyboardEvent } from "react";
import { MAX_ATTACHMENTS, type AttachmentInfo, type Reservation } from "../frames";
import { partOf } from "../store/state";
import { useDesk, useDeskState, useSpeech } from "./context";
import { upload } from "./upload";

type Reader = "customer" | "colleague";

export function Composer({ reservation }: { reservation: Reservation }) {
  const desk = useDesk();
  const state = useDeskState();
  const { me, maxAttachmentMb } = state;
  const { words, fill } = useSpeech();
  const { notification } = App.useApp();
  const { interaction } = reservation;
  const { drafts } = desk.drawer.content;
  const [texts, setTexts] = useState({ customer: drafts[interaction] ?? "", colleague: drafts[`${interaction} aside`] ?? "" });
  const [allFiles, setAllFiles] = useState<Record<Reader, AttachmentInfo[]>>({ customer: [], colleague: [] });
  const [uploading, setUploading] = useState(0);
  const input = useRef<GetRef<typeof Input.TextArea>>(null);
  const picker = useRef<HTMLInputElement>(null);
  const wasAside = useRef(false);
  const [chosen, setChosen] = useState<Reader | null>(null);
  const consult = state.chats[interaction]?.consult ?? null;
  const part = partOf(state, interaction);
  const customer = reservation.customer.name || words.visitor;
  const colleague = (part === "helps" ? consult?.asked_by_name : consult?.agent_name) || words.someColleague;
  // Until it is a conference the customer does not hear the colleague.
  const mute = part === "helps" && consult?.stage !== "conference";
  const preferred = chosen ?? (part === "helps" ? "colleague" : "customer");
  const reader: Reader = consult !== null && (mute || preferred === "colleague") ? "colleague" : "customer";
  const aside = reader === "colleague";
  const [text, files] = [texts[reader], allFiles[reader]];
  const label = aside ? fill(words.placeholderAside, { name: colleague }) : fill(words.placeholder, { name: customer });

  useLayoutEffect(() => {
    if (consult !== null) return;
    setChosen(null);
    if (wasAside.current) input.current?.blur();
  }, [consult === null]);

  useEffect(() => {
    wasAside.current = aside;
  }, [aside]);

  useEffect(() => {
    input.current?.focus();
    return () => desk.stopTyping(interaction);
  }, [desk, interaction]);

  const write = (value: string): void => {
    setTexts((before) => ({ ...before, [reader]: value }));
    const draft = aside ? `${interaction} aside` : interaction;
    desk.drawer.keep({ drafts: { ...desk.drawer.content.drafts, [draft]: value } });
    if (value.trim() && !aside) desk.type(interaction);
    else desk.stopTyping(interaction);
  };

  const setFiles = (change: (before: AttachmentInfo[]) => AttachmentInfo[]): void =>
    setAllFiles((before) => ({ ...before, [reader]: change(before[reader]) }));

  const send = (): void => {
    if (uploading || (!text.trim() && !files.length)) return;
    desk.say(interaction, text.trim(), files, aside);
    write("");
    setFiles(() => []);
    input.current?.focus();
  };

  const attach = async (picked: File[]): Promise<void> => {
    for (const file of picked.slice(0, MAX_ATTACHMENTS - files.length)) {
      if (file.size > maxAttachmentMb * 1_000_000) {
        notification.error({ title: fill(words.attachTooLarge, { name: file.name, limit: maxAttachmentMb }) });
        continue;
      }
      setUploading((count) => count + 1);
      try {
        const info = await upload(file, me?.token ?? "");
        setFiles((before) => [...before, info]);
      } catch (error) {
        const reason = error instanceof TypeError ? words.notConnected : (error as Error).message;
        notification.error({ title: fill(words.attachFailed, { name: file.name, reason }) });
      } finally {
        setUploading((count) => count - 1);
      }
    }
  };

  const key = (event: KeyboardEvent): void => {
    // While an input method composes (Chinese), Enter chooses a word and does not send.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    send();
  };

  const paste = (event: ClipboardEvent): void => {
    const pasted = [...event.clipboardData.files];
    if (pasted.length) void attach(pasted);
  };

  return (
    <form
      className={aside ? "composer aside" : "composer"}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {consult && (
        <div className="readers">
          <Segmented
            size="small"
            aria-label={words.readers}
            value={aside ? "colleague" : "customer"}
            onChange={setChosen}
            options={[
              { value: "customer", label: fill(words.readersAll, { name: customer }), disabled: mute },
              { value: "colleague", label: words.readersColleague },
            ]}
          />
          {aside && <span className="quiet">{fill(words.asideHint, { name: customer })}</span>}
        </div>
      )}
      {files.length > 0 && (
        <div className="files">
          {files.map((file) => (
            <Tag
              key={file.id}
              closable={{ "aria-label": fill(words.removeFile, { name: file.name }) }}
              onClose={() => setFiles((before) => before.filter((one) => one.id !== file.id))}
            >
              {file.name}
            </Tag>
          ))}
        </div>
      )}
      <div className="row">
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          aria-label={words.attach}
          onChange={(event) => {
            void attach([...(event.target.files ?? [])]);
            event.target.value = "";
          }}
        />
        <Button
          type="text"
          icon={<PaperClipOutlined aria-hidden />}
          aria-label={words.attach}
          title={words.attach}
          loading={uploading > 0}
          onClick={() => picker.current?.click()}
        />
        <Input.TextArea
          ref={input}
          value={text}
          onChange={(event) => write(event.target.value)}
          onKeyDown={key}
          onPaste={paste}
          onBlur={() => desk.stopTyping(interaction)}
          autoSize={{ minRows: 1, maxRows: 6 }}
          maxLength={8000}
          placeholder={label}
          aria-label={label}
        />
        <Button type="primary" htmlType="submit" icon={<SendOutlined aria-hidden />} disabled={uploading > 0 || (!text.trim() && !files.length)}>
          {words.send}
        </Button>
      </div>
    </form>
  );
}
