/** Vendor's words are data: too long for the schema, they would make the whole status refused. */
export function cut(words: string, length: number): string {
  return words.slice(0, length).toWellFormed();
}
