/** Ends the program with a message unless the condition holds. */
export function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

/** Compiles only where every case was handled, and fails if another one comes. */
export function unreachable(value: never): never {
  throw new Error(`not in the document: ${JSON.stringify(value)}`);
}

/** The address of the service. */
export const baseUrl: string = process.env.TODO_URL ?? "";
expect(baseUrl !== "", "set TODO_URL to the address of the service");

export const password = "correct horse battery staple";

/** An address of its own for each run. */
export function newEmail(): string {
  return `${crypto.randomUUID()}@example.com`;
}
