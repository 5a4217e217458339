import { baseUrl } from "./expect";

/** Sends a request of orval's functions to the service. */
export async function orvalFetch<T>(path: string, init: RequestInit): Promise<T> {
  const response = await fetch(`${baseUrl}${path}`, init);
  const text = await response.text();
  const data = text === "" ? undefined : JSON.parse(text);
  return { data, status: response.status, headers: response.headers } as T;
}
