/** A part of a page: a paragraph, a table with its title, or lines that can be pasted. */
export type Block =
  | { text: string }
  | { title: string; rows: readonly (readonly [label: string, text: string])[] }
  | { title: string; examples: readonly string[] };

/** What a topic's page says below its first line, whatever it is shown as: on a terminal, or as a page of the manual. */
export interface Topic {
  blocks: readonly Block[];
  /** Words of commands and topics, as those of a command's page. */
  related: readonly string[];
}
