// What Slack's own types say a message and a view may hold, as one type for a JSON schema.
import type { KnownBlock, View } from "@slack/types";

export interface Shown {
  message?: { text: string; blocks: KnownBlock[] };
  view?: View;
}
