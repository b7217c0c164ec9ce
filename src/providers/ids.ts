/** Whether two ids name the same thing. Azure answers in other spellings than it was asked (Azure sheet, section 3). */
export function sameID(one: string, other: string): boolean {
  return one.replace(/\/$/, '').toLowerCase() === other.replace(/\/$/, '').toLowerCase();
}

/** Whether two names are the same to Azure. */
export function sameName(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one.toLowerCase() === other.toLowerCase();
}
