import type { AttachmentInfo } from "../frames";

/** Hand a file to the desk's server; the answer is what a message carries. */
export async function upload(file: File, token: string): Promise<AttachmentInfo> {
  const response = await fetch("./attachments", {
    method: "POST",
    body: file,
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": file.type || "application/octet-stream",
      "x-file-name": encodeURIComponent(file.name),
    },
  });
  const answer = (await response.json()) as AttachmentInfo & { detail?: string };
  if (!response.ok) throw new Error(answer.detail ?? response.statusText);
  return answer;
}
