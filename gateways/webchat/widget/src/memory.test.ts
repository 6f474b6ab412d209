import { forgetfulShelf, Memory, type Unsent } from "./memory";

const message = (id: string, at: number): Unsent => ({ id, secret: "s", text: id, attachments: [], names: [], at });

it("keeps what is unsent in order, each by itself, and for one server only", () => {
  const shelf = forgetfulShelf();
  const [one, other] = [new Memory(shelf, "https://a"), new Memory(shelf, "https://b")];
  for (const [id, at] of [["late", 3], ["early", 1], ["middle", 2]] as const) one.keep(message(id, at));
  other.keep(message("other", 1));
  one.drop("middle");
  expect(one.unsent().map((unsent) => unsent.id)).toEqual(["early", "late"]);
  one.forget();
  expect([one.unsent(), one.conversation(), other.unsent().length]).toEqual([[], null, 1]);
});

it("knows the same browser again, and survives a damaged storage", () => {
  const shelf = forgetfulShelf();
  const memory = new Memory(shelf, "https://a");
  expect(memory.visitor()).toBe(new Memory(shelf, "https://a").visitor());
  expect(memory.visitor()).toMatch(/^[A-Za-z0-9_-]{32}$/);
  shelf.setItem(memory.key, "{not json");
  expect(memory.conversation()).toBeNull();
});
